package load

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"catalyst/internal/news"
)

// A Mix makes items up. The same mix makes the same items, whichever of them are asked
// for and in whatever order.
type Mix struct {
	Seed       uint64
	Duplicates float64 // share of items that came before, half of them in other words
	Noise      float64 // share of the others that are of no interest to a trader
}

// DefaultMix is about what the wires bring.
var DefaultMix = Mix{Seed: 1, Duplicates: 0.15, Noise: 0.5}

// memory is how many items back a duplicate may lie.
const memory = 1000

// Item returns the item with a number, from 0. It has no times: it is news now.
func (m Mix) Item(n int) *news.Item {
	rng := m.rng(n, 1)
	if n == 0 || rng.Float64() >= m.Duplicates {
		return m.fresh(n)
	}
	item := m.fresh(n - 1 - rng.IntN(min(n, memory)))
	if rng.IntN(2) == 0 { // the same story from another wire
		item.Source = "load-b"
		item.GUID += "-b"
		item.URL += "?wire=b"
		item.Title = "UPDATE: " + item.Title
	}
	return item
}

func (m Mix) rng(n int, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(m.Seed^stream<<56, uint64(n)))
}

// fresh is the item with a number if it is no duplicate.
func (m Mix) fresh(n int) *news.Item {
	rng := m.rng(n, 2)
	company, ticker := companyOf(rng)
	headlines := events
	if rng.Float64() < m.Noise {
		headlines = noise
	}
	subject := pick(rng, subjects)
	title := strings.NewReplacer(
		"{n}", fmt.Sprint(2+rng.IntN(950)),
		"{cents}", fmt.Sprintf("%d.%02d", 1+rng.IntN(90), rng.IntN(100)),
		"{x}", subject,
		"{city}", pick(rng, cities),
	).Replace(pick(rng, headlines))
	title = company + " " + title
	return &news.Item{
		Source: "load-a",
		GUID:   fmt.Sprintf("load-%d-%d", m.Seed, n),
		URL:    fmt.Sprintf("https://news.example.com/%d/%d", m.Seed, n),
		Title:  title,
		Summary: fmt.Sprintf("%s, Nov. %d -- %s (NASDAQ: %s) today said of its %s business: %s. Reference %08x.",
			strings.ToUpper(pick(rng, cities)), 1+rng.IntN(28), company, ticker, subject, title, rng.Uint32()),
		Tickers: []string{ticker},
	}
}

func pick(rng *rand.Rand, from []string) string { return from[rng.IntN(len(from))] }

// companyOf makes up a company and a ticker of four letters, which are the company's own.
func companyOf(rng *rand.Rand) (name, ticker string) {
	first, second, kind := rng.IntN(len(firsts)), rng.IntN(len(seconds)), rng.IntN(len(kinds))
	name = firsts[first] + seconds[second] + " " + kinds[kind]
	letter := func(i int) byte { return byte('A' + i%26) }
	return name, string([]byte{letter(first), letter(second), letter(kind), letter(first + second + kind)})
}

var (
	firsts  = strings.Fields("Alder Birch Cinder Drift Ember Fern Glade Harrow Iron Juniper Kestrel Larch Marsh North Oaken Pine Quarry Raven Stone Thorn Umber Vale Willow Yarrow Zephyr Amber")
	seconds = strings.Fields("bridge brook crest dale field ford gate haven hurst land mere mont moor point ridge shore side stead ton vale view ward water way well wood")
	kinds   = strings.Fields("Aerospace Biosciences Capital Dynamics Energy Foods Genetics Holdings Instruments Logistics Materials Networks Optics Pharma Quantum Robotics Semiconductor Therapeutics Utilities Ventures")

	subjects = strings.Fields("asthma battery cardiac cloud copper diabetes drone freight glaucoma grid hydrogen imaging insulin laser lidar lithium lupus melanoma memory migraine nickel oncology payments radar satellite sensor solar storage turbine vaccine")
	cities   = strings.Fields("Austin Boston Chicago Dallas Denver Houston Miami Phoenix Portland Seattle")

	events = []string{
		"Receives FDA Approval for Its {x} Product {n}",
		"Raises Full-Year Outlook After Strong {x} Demand of ${n} Million",
		"Announces ${n} Million Registered Direct Offering at ${cents} per Share",
		"to Be Acquired for ${cents} per Share in Cash, a ${n} Million Merger",
		"Receives Nasdaq Delisting Notice Over {x} Unit Report {n}",
		"Reports Record Quarterly Revenue of ${n} Million in {x}",
		"Files for Chapter 11 Bankruptcy With ${n} Million of Debt",
		"Awarded ${n} Million {x} Contract by the Department of Defense",
		"Announces Positive Phase 3 Topline Results in {x} Trial {n}",
		"Withdraws Guidance and Cuts {n} Jobs in {x}",
	}
	noise = []string{
		"to Present at the {city} Investor Conference on {x}",
		"Named One of the {n} Best Places to Work in {city}",
		"Publishes Its {x} Sustainability Brochure, Edition {n}",
		"to Host Webcast No. {n} From {city}",
		"Opens a New {x} Office in {city}, Suite {n}",
		"Celebrates {n} Days of Its {x} Community Programme",
		"Grants Inducement Awards Under Nasdaq Listing Rule 5635(c)(4), No. {n}",
		"Sponsors the {city} {x} Marathon for the {n}th Time",
	}
)
