package prefilterfilings

import (
	"cmp"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"catalyst/internal/news"
)

// How the priority of a filing is made up.
const (
	byUrgency   = 0.4
	byImpact    = 0.4
	byRelevance = 0.2
)

// The shipped tables, by item of an 8-K, else by form. A filing with several items is as
// urgent as the most urgent of them. 10-K and 10-Q stand low: their figures were told weeks
// before, in an 8-K.
var (
	urgency = map[string]float64{
		"1.01": 0.8, "1.02": 0.7, "1.03": 0.9, "1.04": 0.2, "1.05": 0.8,
		"2.01": 0.7, "2.02": 0.9, "2.03": 0.4, "2.04": 0.8, "2.05": 0.5, "2.06": 0.6,
		"3.01": 0.8, "3.02": 0.7, "3.03": 0.5, "4.01": 0.5, "4.02": 0.9,
		"5.01": 0.8, "5.02": 0.6, "5.03": 0.3, "5.07": 0.2, "7.01": 0.5, "8.01": 0.3, "9.01": 0.1,
		"8-K": 0.5, "10-K": 0.1, "10-Q": 0.1, "20-F": 0.1, "40-F": 0.1, "NT 10-K": 0.6, "NT 10-Q": 0.6, "6-K": 0.5,
		"S-1": 0.8, "F-1": 0.8, "S-3": 0.5, "F-3": 0.5, "424B5": 0.5, "424B4": 0.6, "424B3": 0.3, "FWP": 0.5,
		"S-4": 0.5, "425": 0.5, "SC TO-T": 0.8, "SC 13D": 0.6, "SCHEDULE 13D": 0.6, "25": 0.6,
	}
	impact = map[string]float64{
		"1.01": 1, "1.02": 0.8, "1.03": 1, "1.04": 0.2, "1.05": 0.7,
		"2.01": 0.8, "2.02": 0.83, "2.03": 0.4, "2.04": 0.8, "2.05": 0.5, "2.06": 0.7,
		"3.01": 0.9, "3.02": 0.67, "3.03": 0.5, "4.01": 0.5, "4.02": 1,
		"5.01": 0.9, "5.02": 0.6, "5.03": 0.3, "5.07": 0.2, "7.01": 0.5, "8.01": 0.43, "9.01": 0.1,
		"8-K": 0.5, "10-K": 0.3, "10-Q": 0.3, "20-F": 0.3, "40-F": 0.3, "NT 10-K": 0.7, "NT 10-Q": 0.7, "6-K": 0.5,
		"S-1": 0.67, "F-1": 0.67, "S-3": 0.5, "F-3": 0.5, "424B5": 0.5, "424B4": 0.6, "424B3": 0.4, "FWP": 0.5,
		"S-4": 0.6, "425": 0.6, "SC TO-T": 0.9, "SC 13D": 0.6, "SCHEDULE 13D": 0.6, "25": 0.8,
	}
)

const unlisted = 0.2 // for what no table has

func changed(table, changes map[string]float64) map[string]float64 {
	all := maps.Clone(table)
	maps.Copy(all, changes)
	return all
}

// rank sets a filing's topic and priority.
func (j *judge) rank(item *news.Item) {
	f := read(item)
	item.Topic = topic(f)
	total := byUrgency*j.most(j.urgency, f) + byImpact*j.most(j.impact, f) + byRelevance*j.relevance(item)
	item.Priority = math.Round(total*100) / 100
}

// most is the highest value of a table for a filing's items, or that of its form.
func (j *judge) most(table map[string]float64, f *facts) float64 {
	if !f.current || len(f.items) == 0 {
		return in(table, f.form)
	}
	var highest float64
	for _, item := range f.items {
		highest = max(highest, in(table, item))
	}
	return highest
}

func in(table map[string]float64, key string) float64 {
	if v, ok := table[key]; ok {
		return v
	}
	return unlisted
}

func (j *judge) relevance(item *news.Item) float64 {
	switch {
	case j.watched(item):
		return j.config.Relevance.Watched
	case len(item.Tickers) > 0:
		return j.config.Relevance.Listed
	}
	return j.config.Relevance.Other
}

func (j *judge) watched(item *news.Item) bool {
	return slices.ContainsFunc(item.Tickers, func(ticker string) bool {
		return slices.ContainsFunc(j.config.Watch, func(w string) bool { return strings.EqualFold(w, ticker) })
	})
}

// What a filing can be about.
const (
	earnings    = "earnings"
	dilution    = "dilution"
	agreement   = "agreement"
	leadership  = "leadership"
	restatement = "restatement"
	delisting   = "delisting"
	general     = "general"
)

// itemTopics are those of items, what matters most first: whoever closes a merger sells shares
// without registration, and exchanges officers, all on one day.
var itemTopics = []struct{ item, topic string }{
	{"4.02", restatement}, {"3.01", delisting}, {"2.02", earnings},
	{"2.01", agreement}, {"5.01", agreement}, {"3.02", dilution}, {"1.01", agreement}, {"1.02", agreement},
	{"5.02", leadership},
}

var formTopics = []struct {
	form  *regexp.Regexp
	topic string
}{
	{regexp.MustCompile(`^(?:424B\d|FWP|[SF]-[13](?:ASR|MEF)?)$`), dilution},
	{regexp.MustCompile(`^(?:425|[SF]-4|DEFM14A|PREM14A|SC TO-[TI]|SC 14D9)$`), agreement},
	{regexp.MustCompile(`^25(?:-NSE)?$`), delisting},
}

// Words that say what an agreement, or a filing under 7.01 or 8.01, is about.
var wordTopics = []struct {
	words phrases
	topic string
}{
	{newPhrases("registered direct", "private placement", "at-the-market", "at the market offering", "underwriting agreement",
		"securities purchase agreement", "equity distribution agreement", "sales agreement with", "pre-funded warrant",
		"public offering of", "proposed public offering", "pricing of its"), dilution},
	{newPhrases("results for the quarter", "quarter results", "preliminary results", "preliminary unaudited", "preliminary financial results",
		"revenue for the", "raises guidance", "raised its guidance", "updates guidance", "updated guidance", "lowers guidance", "lowered its guidance"), earnings},
	{newPhrases("minimum bid price requirement", "listing rule", "delisting", "continued listing"), delisting},
	{newPhrases("merger agreement", "agreement and plan of merger", "definitive agreement", "business combination agreement",
		"to acquire", "letter of intent", "license agreement", "collaboration agreement"), agreement},
}

// topic is what f is about: by its items, else its form; where these leave it open, by what
// it says.
func topic(f *facts) string {
	for _, t := range formTopics {
		if t.form.MatchString(f.form) {
			return t.topic
		}
	}
	if !f.current {
		return general
	}
	found := ""
	for _, t := range itemTopics {
		if f.has(t.item) {
			found = t.topic
			break
		}
	}
	saleOfShares := func() bool { return wordTopics[0].words.in(f.text) }
	switch {
	case found == agreement && !f.has("2.01", "5.01") && saleOfShares():
		return dilution
	case found == "":
		for _, t := range wordTopics {
			if t.words.in(f.text) {
				return t.topic
			}
		}
	}
	return cmp.Or(found, general)
}
