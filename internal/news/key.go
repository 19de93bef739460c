package news

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// KeyOf returns what identifies the news an item tells, so that the same news has
// the same key from whichever source it comes. It is, of these, the first there is:
//
//	acc:0001193125-25-123456   the EDGAR accession number, also out of GUID or URL
//	guid:wire|1234             the GUID; alone it means nothing, so a source belongs to it
//	url:https://…              the canonical URL, or that of a GUID that is a URL
//	hash:5f0c…                 the hash of the content
//
// An item that has a Key keeps it. An item that has nothing at all has none.
func KeyOf(it *Item) string {
	if it.Key != "" {
		return it.Key
	}
	for _, place := range []string{it.Accession, it.GUID, it.URL} {
		if acc := Accession(place); acc != "" {
			return "acc:" + acc
		}
	}
	guid := strings.TrimSpace(it.GUID)
	switch {
	case isWebURL(guid):
		return "url:" + CanonicalURL(guid)
	case guid != "" && it.Source != "":
		return "guid:" + it.Source + "|" + guid
	case strings.TrimSpace(it.URL) != "":
		return "url:" + CanonicalURL(it.URL)
	}
	if hash := ContentHash(it); hash != "" {
		return "hash:" + hash
	}
	return ""
}

var (
	plainAccession = regexp.MustCompile(`^\d{10}-\d{2}-\d{6}$`)
	urnAccession   = regexp.MustCompile(`^urn:tag:sec\.gov,2008:accession-number=(\d{10}-\d{2}-\d{6})$`)
	// The path under which EDGAR keeps filings. The CIK may be followed by the
	// number with dashes (…/1-index.htm, …/1.txt) or by a folder without them.
	archivePath = regexp.MustCompile(`^/Archives/edgar/data/\d{1,10}/(?:(\d{10})(\d{2})(\d{6})(?:/|$)|(\d{10}-\d{2}-\d{6})(?:\.txt|-index(?:-headers)?\.html?)$)`)
)

// Accession returns the EDGAR accession number that s is or names, as
// 0001193125-25-123456; empty if there is none. s may be the number itself, an
// id of EDGAR's Atom feeds, or a sec.gov URL of one of the four shapes:
//
//	/Archives/edgar/data/320193/0000320193-25-000079.txt
//	/Archives/edgar/data/320193/000032019325000079/0000320193-25-000079-index.htm
//	/Archives/edgar/data/320193/000032019325000079/aapl-20250927.htm
//	/ix?doc=/Archives/edgar/data/320193/000032019325000079/aapl-20250927.htm
func Accession(s string) string {
	s = strings.TrimSpace(s)
	if plainAccession.MatchString(s) {
		return s
	}
	if m := urnAccession.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	// Only EDGAR's own hosts: elsewhere such a path may be anybody's.
	host := strings.ToLower(u.Hostname())
	if host != "sec.gov" && !strings.HasSuffix(host, ".sec.gov") {
		return ""
	}
	path := u.Path
	if doc := u.Query().Get("doc"); doc != "" && strings.TrimSuffix(path, "/") == "/ix" {
		path = doc
	}
	m := archivePath.FindStringSubmatch(path)
	switch {
	case m == nil:
		return ""
	case m[4] != "":
		return m[4]
	}
	return m[1] + "-" + m[2] + "-" + m[3]
}

// ContentHash returns the hash of what an item says: title, summary, body, tickers
// and the day it was published. Case and white space do not count. The tickers
// do, because law firms send one text for many companies; the day does, because
// a fund publishes the same sentence every day. It is empty when there is no text.
func ContentHash(it *Item) string {
	hash := sha256.New()
	text := false
	for _, part := range []string{it.Title, it.Summary, it.Body} {
		words := strings.Fields(strings.ToLower(part))
		text = text || len(words) > 0
		hash.Write([]byte(strings.Join(words, " ")))
		hash.Write([]byte{0})
	}
	if !text {
		return ""
	}
	hash.Write([]byte(strings.Join(slices.Sorted(slices.Values(it.Tickers)), " ")))
	if !it.Published.IsZero() {
		hash.Write([]byte(it.Published.UTC().Format("\x00" + time.DateOnly)))
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
