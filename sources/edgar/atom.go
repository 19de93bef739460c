package edgar

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/html/charset"

	"catalyst/internal/news"
)

// A page is one page of the current-filings feed.
type page struct {
	entries  []entry // newest first
	rejected int     // entries that are none
	// cut says why there is no more of it; nil if the page is whole. Its last entry's
	// filing then may lack filers.
	cut error
}

// An entry is what the feed says of one filer of a filing.
type entry struct {
	accession string
	form      string
	title     string
	filer     news.Filer
	url       string
	summary   string
	items     []string
	accepted  time.Time
}

// maxEntries is how many entries of a page are read; it has a hundred.
const maxEntries = 10_000

var (
	errNoFeed = errors.New("the answer is no Atom feed")

	// The title of an entry: form, name, CIK and role.
	titleForm = regexp.MustCompile(`^(.*) \((\d{10})\) \(([A-Za-z][A-Za-z ]*)\)$`)
	// Items stand in the summary, one on a line, each with its name.
	itemNumber = regexp.MustCompile(`\bItem (\d{1,2}\.\d{2})\b`)
)

// readPage reads a page in UTF-8, as [fetch.UTF8] returns it. Of one that is cut off it
// reads what is whole.
func readPage(body []byte) (*page, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	d.Entity = xml.HTMLEntity
	d.CharsetReader = charset.NewReaderLabel
	root, err := nextElement(d)
	if err != nil || root.Name.Local != "feed" {
		return nil, errNoFeed
	}
	p := &page{}
	for len(p.entries) < maxEntries {
		element, err := nextElement(d)
		switch {
		case err == io.EOF:
			return p, nil
		case err != nil:
			p.cut = fmt.Errorf("the feed is cut off: %w", err)
			return p, nil
		case element.Name.Local != "entry":
			err = d.Skip()
		default:
			err = p.read(d, element)
		}
		if err != nil {
			p.cut = fmt.Errorf("the feed is cut off: %w", err)
			return p, nil
		}
	}
	return p, nil
}

// nextElement returns the next element that begins at this level, or io.EOF at the end
// of the one it is in. Where the document ends instead, it is cut off.
func nextElement(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return xml.StartElement{}, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			return token, nil
		case xml.EndElement:
			return xml.StartElement{}, io.EOF
		}
	}
}

// read reads an entry. One that is whole but makes no sense is counted and left out.
func (p *page) read(d *xml.Decoder, start xml.StartElement) error {
	var wire struct {
		Title string `xml:"title"`
		ID    string `xml:"id"`
		Links []struct {
			Rel  string `xml:"rel,attr"`
			Href string `xml:"href,attr"`
		} `xml:"link"`
		Summary    string `xml:"summary"`
		Updated    string `xml:"updated"`
		Categories []struct {
			Label string `xml:"label,attr"`
			Term  string `xml:"term,attr"`
		} `xml:"category"`
	}
	if err := d.DecodeElement(&wire, &start); err != nil {
		return err
	}
	e := entry{title: news.Text(wire.Title), summary: news.Text(wire.Summary)}
	for _, c := range wire.Categories {
		if c.Label == "form type" {
			e.form = strings.TrimSpace(c.Term)
		}
	}
	for _, l := range wire.Links {
		if e.url == "" || l.Rel == "alternate" {
			e.url = strings.TrimSpace(l.Href)
		}
	}
	if e.accession = news.Accession(wire.ID); e.accession == "" {
		e.accession = news.Accession(e.url)
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(wire.Updated))
	if e.accession == "" || e.form == "" || err != nil || at.Year() < 1993 || at.Year() > 9000 {
		p.rejected++
		return nil
	}
	e.accepted = at.UTC()
	if m := titleForm.FindStringSubmatch(strings.TrimPrefix(e.title, e.form+" - ")); m != nil {
		e.filer = news.Filer{Name: m[1], CIK: m[2], Role: m[3]}
	}
	e.items = itemNumbers(e.summary)
	p.entries = append(p.entries, e)
	return nil
}

// itemNumbers returns the items a summary lists, each once.
func itemNumbers(summary string) []string {
	var items []string
	seen := make(map[string]bool)
	for _, m := range itemNumber.FindAllStringSubmatch(summary, 100) {
		if !seen[m[1]] {
			seen[m[1]] = true
			items = append(items, m[1])
		}
	}
	return items
}
