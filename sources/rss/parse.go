package rss

import (
	"bytes"
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/rss"

	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// parse reads a feed in UTF-8, as [fetch.UTF8] returns it. Links are relative to base.
func parse(body []byte, base *url.URL) (*intake.Document, error) {
	if err := guard(body); err != nil {
		return nil, err
	}
	parser := gofeed.NewParser()
	parser.KeepOriginalFeed = true
	parser.RSSTranslator = &gofeed.DefaultRSSTranslator{DisableContentImageScan: true} // it would parse every article
	feed, err := parser.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	doc := &intake.Document{Entries: len(feed.Items), Wait: ttl(feed)}
	for i, entry := range feed.Items {
		it := itemOf(entry, listings(feed, i))
		it.URL = absolute(base, it.URL)
		halt(it, entry)
		if it.Title != "" || it.URL != "" || it.Body != "" {
			doc.Items = append(doc.Items, it)
		}
	}
	distrustRepeatedGUIDs(doc.Items)
	oldestFirst(doc.Items)
	return doc, nil
}

// itemOf reads an entry, of which the feed itself names the listings.
func itemOf(entry *gofeed.Item, listings string) *news.Item {
	it := &news.Item{
		GUID:      strings.TrimSpace(entry.GUID),
		URL:       strings.TrimSpace(entry.Link),
		Title:     news.Text(entry.Title),
		Summary:   news.Text(entry.Description),
		Body:      news.Text(entry.Content),
		Published: published(entry),
	}
	if it.URL == "" && strings.HasPrefix(it.GUID, "http") {
		it.URL = it.GUID
	}
	it.Accession = cmp.Or(news.Accession(it.GUID), news.Accession(it.URL))
	it.Tickers = news.Tickers(listings)
	for _, ticker := range it.Tickers {
		from(it, ticker)
	}
	for _, ticker := range news.Tickers(strings.Join(entry.Categories, " ; ") + " ; " + it.Text()) {
		if !slices.Contains(it.Tickers, ticker) {
			it.Tickers = append(it.Tickers, ticker)
		}
	}
	return it
}

// from notes that the feed itself gave a ticker.
func from(it *news.Item, ticker string) {
	if it.TickersFrom == nil {
		it.TickersFrom = make(map[string]string)
	}
	it.TickersFrom[ticker] = "feed"
}

// listings returns the listings that a wire gives an entry in categories whose domain says
// so, as GlobeNewswire does: <category domain="…/rss/stock">Nasdaq:ABC</category>.
// gofeed's own model keeps only their text.
func listings(feed *gofeed.Feed, i int) string {
	original, ok := feed.OriginalFeed().(*rss.Feed)
	if !ok || i >= len(original.Items) {
		return ""
	}
	var listings []string
	for _, c := range original.Items[i].Categories {
		if strings.HasSuffix(strings.ToLower(c.Domain), "/stock") {
			listings = append(listings, c.Value)
		}
	}
	return strings.Join(listings, " ; ")
}

// published returns the time an entry gives, the zero time if it gives none that can be
// understood: never the time of the poll, which would make old news look new.
func published(entry *gofeed.Item) time.Time {
	for _, t := range []*time.Time{entry.PublishedParsed, entry.UpdatedParsed} {
		if t != nil && t.Year() >= 1970 && t.Year() < 9999 { // beyond, JSON has no form for it
			return t.UTC()
		}
	}
	return time.Time{}
}

func absolute(base *url.URL, link string) string {
	if link == "" {
		return ""
	}
	u, err := base.Parse(link)
	if err != nil {
		return link
	}
	return u.String()
}

func ttl(feed *gofeed.Feed) time.Duration {
	original, ok := feed.OriginalFeed().(*rss.Feed)
	if !ok {
		return 0
	}
	minutes, err := strconv.Atoi(strings.TrimSpace(original.TTL))
	if err != nil || minutes < 0 || minutes > 24*60 {
		return 0
	}
	return time.Duration(minutes) * time.Minute
}

// distrustRepeatedGUIDs empties a GUID that one document gives to different pages:
// it names the feed, or nothing. Entries of one filing share theirs rightly.
func distrustRepeatedGUIDs(items []*news.Item) {
	page := make(map[string]string, len(items))
	repeated := make(map[string]bool)
	for _, it := range items {
		if it.GUID == "" || it.Accession != "" {
			continue
		}
		if first, ok := page[it.GUID]; ok && first != it.URL {
			repeated[it.GUID] = true
		}
		page[it.GUID] = it.URL
	}
	for _, it := range items {
		if repeated[it.GUID] {
			it.GUID = ""
		}
	}
}

// oldestFirst turns items, which feeds list newest first, around, and then sorts
// them by time. One without a time keeps its place behind its older neighbour.
func oldestFirst(items []*news.Item) {
	slices.Reverse(items)
	type dated struct {
		at time.Time
		it *news.Item
	}
	order := make([]dated, len(items))
	var at time.Time
	for i, it := range items {
		if !it.Published.IsZero() {
			at = it.Published
		}
		order[i] = dated{at, it}
	}
	slices.SortStableFunc(order, func(a, b dated) int { return a.at.Compare(b.at) })
	for i := range order {
		items[i] = order[i].it
	}
}
