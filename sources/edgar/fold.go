package edgar

import (
	"cmp"
	"slices"

	"catalyst/internal/news"
)

// primaries knows the main tickers of companies by CIK; none is empty.
type primaries interface{ Primary(cik string) string }

// fold makes one item of the entries of each filing, in the order in which filings
// first appear.
func fold(entries []entry, companies primaries) []*news.Item {
	var order []string
	of := make(map[string][]entry)
	for _, e := range entries {
		if of[e.accession] == nil {
			order = append(order, e.accession)
		}
		of[e.accession] = append(of[e.accession], e)
	}
	items := make([]*news.Item, len(order))
	for i, accession := range order {
		items[i] = itemOf(of[accession], companies)
	}
	return items
}

// itemOf makes an item of the entries of one filing. The company it is about leads: its
// entry gives title and URL, whoever it was that filed; of several, the first that is listed.
func itemOf(entries []entry, companies primaries) *news.Item {
	unlisted := func(e entry) int {
		if companies.Primary(e.filer.CIK) != "" {
			return 0
		}
		return 1
	}
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(rank(a.filer.Role), rank(b.filer.Role)), cmp.Compare(unlisted(a), unlisted(b)))
	})
	lead := entries[0]
	it := &news.Item{
		GUID:      "urn:tag:sec.gov,2008:accession-number=" + lead.accession,
		Accession: lead.accession,
		URL:       lead.url,
		Title:     lead.title,
		Summary:   lead.summary,
		Published: lead.accepted,
		Form:      lead.form,
		Items:     lead.items,
	}
	for _, e := range entries {
		if e.filer != (news.Filer{}) && !slices.Contains(it.Filers, e.filer) {
			it.Filers = append(it.Filers, e.filer)
		}
	}
	it.Tickers = tickersOf(it.Filers, companies)
	return it
}

// rank orders the roles in a filing: those it is about, then those who made it.
func rank(role string) int {
	switch role {
	case "Subject", "Issuer":
		return 0
	case "Filed by", "Reporting":
		return 2
	}
	return 1
}

// tickersOf returns the main tickers of those a filing is about. Who holds or sells their
// shares may be listed too, and is not what the news is about.
func tickersOf(filers []news.Filer, companies primaries) []string {
	var found []string
	for _, f := range filers {
		about := rank(f.Role) < 2 || rank(filers[0].Role) == 2
		if ticker := companies.Primary(f.CIK); about && ticker != "" && !slices.Contains(found, ticker) {
			found = append(found, ticker)
		}
	}
	return found
}
