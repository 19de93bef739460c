package rss

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"catalyst/internal/news"
)

var (
	filingTitle = regexp.MustCompile(`^(\S+(?: \S+)?)\s+- `)
	filingItem  = regexp.MustCompile(`\bItem (\d{1,2}\.\d{2})\b`)
)

// edgar completes an entry of one of EDGAR's Atom feeds: the form from its
// category, or from a title like "8-K - Acme Corp (0001234567) (Filer)"; the
// items of an 8-K from the summary, which lists them as "Item 2.02: …".
func edgar(it *news.Item, form string) {
	if m := filingTitle.FindStringSubmatch(it.Title); m != nil {
		form = cmp.Or(form, m[1])
	}
	it.Form = strings.TrimSpace(form)
	for _, m := range filingItem.FindAllStringSubmatch(it.Summary, -1) {
		if !slices.Contains(it.Items, m[1]) {
			it.Items = append(it.Items, m[1])
		}
	}
	if strings.HasPrefix(it.GUID, "urn:tag:sec.gov,2008:") {
		it.Body = "" // the fields of a form run together, not text
	}
}
