package prefilterfilings

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"catalyst/internal/config"
)

// Config is what pipeline.yaml says about prefilter_filings. A list that is given takes
// the place of the shipped one; the two tables change the shipped ones entry by entry.
type Config struct {
	Forms        []string           `yaml:"forms" doc:"forms that go on, their amendments included; add FWP, 424B5 or S-1 to see offerings"`
	Items        []string           `yaml:"items" doc:"items of an 8-K that go on"`
	KeywordItems []string           `yaml:"keyword_items" doc:"items of an 8-K that go on with one of keywords in title, summary or body, or while there is no body to look into"`
	Keywords     []string           `yaml:"keywords" doc:"words for keyword_items; each may go on where it ends: delist finds delisting"`
	Noise        []string           `yaml:"noise" doc:"what is dropped whatever its form and items: structured note, fund, spac, asset-backed"`
	Banks        []string           `yaml:"banks" doc:"issuers of structured notes, by the beginnings of their names"`
	Watch        []string           `yaml:"watch" doc:"tickers whose filings matter most"`
	Urgency      map[string]float64 `yaml:"urgency" doc:"changes to the table of how soon a filing matters, 0 to 1, by item or form"`
	Impact       map[string]float64 `yaml:"impact" doc:"changes to the table of how much a filing moves a price, 0 to 1, by item or form"`
	Relevance    Relevance          `yaml:"relevance" doc:"how much a filing matters by whose it is, 0 to 1"`
	Keep         time.Duration      `yaml:"keep" doc:"how long a filing is remembered, so that an amendment finds it"`
}

// Relevance is how much a filing matters by whose it is.
type Relevance struct {
	Watched float64 `yaml:"watched" doc:"of a ticker of watch"`
	Listed  float64 `yaml:"listed" doc:"of any other company with a known ticker"`
	Other   float64 `yaml:"other" doc:"of one without"`
}

// Kinds of noise, which are reasons of drops too.
const (
	structuredNote = "structured note"
	fund           = "fund"
	spac           = "spac"
	assetBacked    = "asset-backed"
)

// Defaults drops what seldom moves the price of a listed company.
var Defaults = Config{
	Forms:        []string{"8-K", "10-K", "10-Q"},
	Items:        []string{"1.01", "1.02", "1.03", "1.05", "2.01", "2.02", "3.01", "3.02", "4.02", "5.01", "5.02"},
	KeywordItems: []string{"7.01", "8.01"},
	Keywords: []string{
		"acquire", "acquisition", "merger", "business combination", "definitive agreement", "letter of intent", "tender offer",
		"takeover", "strategic alternatives", "spin-off", "divest", "sale of its", "sell its", "separate into", "joint venture", "collaboration", "license agreement", "awarded",
		"public offering", "registered direct", "private placement", "at-the-market", "underwriting agreement", "underwritten",
		"convertible notes", "convertible senior notes", "securities purchase agreement", "rights offering", "pricing of", "shelf registration", "strategic investment", "investment from", "credit facility", "credit agreement",
		"repurchase", "buyback", "special dividend", "reduced its", "suspend", "discontinu", "stock split", "share consolidation",
		"guidance", "outlook", "preliminary", "results for the", "record revenue", "going concern", "impairment", "restat", "non-reliance",
		"bankrupt", "chapter 11", "default", "forbearance", "delist", "minimum bid", "regain", "listing rule", "restructur", "layoff", "workforce",
		"fda", "food and drug", "clinical", "topline", "top-line", "phase 1", "phase 2", "phase 3", "endpoint", "510(k)", "patent",
		"cyber", "ransomware", "unauthorized access", "recall", "subpoena", "investigation", "indict", "lawsuit", "complaint", "settle", "verdict", "arbitration",
		"bitcoin", "ethereum", "digital asset", "resign", "terminat", "appoint", "halt", "explosion", "strike", "hurricane",
	},
	Noise: []string{structuredNote, fund, spac, assetBacked},
	Banks: []string{
		"Bank of America", "Bank of Montreal", "Bank of Nova Scotia", "Barclays Bank", "BNP Paribas", "BofA Finance", "Canadian Imperial Bank",
		"Citigroup", "Credit Agricole", "Credit Suisse", "Deutsche Bank", "Goldman Sachs", "GS Finance", "HSBC USA", "Jefferies Financial",
		"JPMorgan Chase", "Morgan Stanley", "Natixis", "Nomura America", "Nomura Holdings", "Royal Bank of Canada", "Societe Generale",
		"Toronto Dominion Bank", "UBS AG", "Wells Fargo",
	},
	Relevance: Relevance{Watched: 1, Listed: 0.6, Other: 0.2},
	Keep:      30 * 24 * time.Hour,
}

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	fault := func(wrong bool, field, format string, args ...any) {
		if wrong {
			faults = append(faults, config.At(field, format, args...))
		}
	}
	fault(len(c.Forms) == 0, "forms", "names no form, so every filing would be dropped: leave it out for %s", strings.Join(Defaults.Forms, ", "))
	for _, form := range c.Forms {
		fault(strings.HasSuffix(form, "/A"), "forms", "%s: amendments go on with their form, write %s", form, strings.TrimSuffix(form, "/A"))
	}
	for _, item := range slices.Concat(c.Items, c.KeywordItems) {
		fault(!itemNumber.MatchString(item), "items", `%q is no item of an 8-K: write a number in quotes, as in "2.02"`, item)
	}
	for _, item := range c.KeywordItems {
		fault(slices.Contains(c.Items, item), "keyword_items", "%s is among items, so no keyword would be looked for: name it in one of them", item)
	}
	for _, kind := range c.Noise {
		fault(!slices.Contains(Defaults.Noise, kind), "noise", "%q is none of %s", kind, strings.Join(Defaults.Noise, ", "))
	}
	for _, list := range []struct {
		field string
		words []string
	}{{"keywords", c.Keywords}, {"banks", c.Banks}, {"watch", c.Watch}} {
		fault(slices.ContainsFunc(list.words, func(w string) bool { return strings.TrimSpace(w) == "" }), list.field, "has an empty entry, which everything begins with")
	}
	for _, table := range []struct {
		field string
		m     map[string]float64
	}{
		{"urgency", c.Urgency}, {"impact", c.Impact},
		{"relevance", map[string]float64{"watched": c.Relevance.Watched, "listed": c.Relevance.Listed, "other": c.Relevance.Other}},
	} {
		for _, key := range slices.Sorted(maps.Keys(table.m)) {
			v := table.m[key]
			fault(!(v >= 0 && v <= 1), table.field+"."+key, "is %v, want 0 to 1", v)
		}
	}
	fault(c.Keep < time.Hour, "keep", "is %v, want at least 1h: an amendment seldom comes sooner", c.Keep)
	return errors.Join(faults...)
}
