package fetchfiling

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"catalyst/internal/edgar/client"
	"catalyst/internal/edgar/filing"
	"catalyst/internal/news"
)

// fill completes an item with what its submission says. The same submission always
// makes the same of it.
func fill(it *news.Item, submission []byte, exhibits []string, most int) error {
	parts, err := filing.Split(submission)
	if err != nil {
		return err
	}
	var body strings.Builder
	var faults []error
	for i, part := range parts {
		if i > 0 && !attached(part.Type, exhibits) {
			continue
		}
		document, err := filing.Parse(part.Body)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if i == 0 {
			complete(it, document)
		} else {
			body.WriteString("\n\nExhibit " + strings.TrimPrefix(part.Type, "EX-") + "\n")
		}
		body.WriteString(textOf(document))
		if body.Len() > most {
			break
		}
	}
	if it.Published.IsZero() || dayOnly(it.Published) {
		if at := accepted(submission); !at.IsZero() {
			it.Published = at
		}
	}
	if it.Body = cut(strings.TrimSpace(body.String()), most); it.Body == "" {
		return errors.Join(append(faults, filing.ErrNoText)...)
	}
	return nil
}

// attached reports whether a document is one of the exhibits wanted.
func attached(kind string, exhibits []string) bool {
	return slices.ContainsFunc(exhibits, func(begin string) bool {
		return len(kind) >= len(begin) && strings.EqualFold(kind[:len(begin)], begin)
	})
}

// complete fills in what the source did not know: items and tickers.
func complete(it *news.Item, document *filing.Document) {
	if len(it.Items) == 0 {
		for _, item := range document.Items() {
			if !slices.Contains(it.Items, item.Number) {
				it.Items = append(it.Items, item.Number)
			}
		}
	}
	if len(it.Tickers) == 0 {
		for _, security := range document.Cover.Securities {
			if symbol := strings.ToUpper(strings.TrimSpace(security.Symbol)); ticker.MatchString(symbol) {
				it.Tickers = []string{symbol} // the first is the common stock
				break
			}
		}
	}
}

var ticker = regexp.MustCompile(`^[A-Z]{1,5}(?:-[A-Z]{1,2})?$`)

// textOf returns a document's text: of an 8-K its items, without cover page and
// signature, of others all of it.
func textOf(document *filing.Document) string {
	var texts []string
	for _, item := range document.Items() {
		if text := item.Text(); !slices.Contains(texts, text) { // two items may share one text
			texts = append(texts, text)
		}
	}
	if len(texts) > 0 {
		return strings.Join(texts, "\n\n")
	}
	for _, element := range document.Elements {
		if element.Kind != filing.Page {
			texts = append(texts, element.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// cut shortens a text to at most so many bytes, at the end of a line if there is one near.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	n := most
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	if line := strings.LastIndexByte(text[:n], '\n'); line > n*3/4 {
		n = line
	}
	return text[:n]
}

// dayOnly reports whether a time is a day: EDGAR's indexes know no hour, and at midnight in
// New York nothing is accepted.
func dayOnly(t time.Time) bool {
	hour, minute, second := t.In(client.NewYork).Clock()
	return hour == 0 && minute == 0 && second == 0
}

var acceptance = regexp.MustCompile(`<ACCEPTANCE-DATETIME>(\d{14})`)

// accepted returns the time of acceptance that a submission's header gives, by the clock of
// New York; zero if it gives none.
func accepted(submission []byte) time.Time {
	header, _, _ := bytes.Cut(submission, []byte("</SEC-HEADER>"))
	m := acceptance.FindSubmatch(header[:min(len(header), 4096)])
	if m == nil {
		return time.Time{}
	}
	at, err := time.ParseInLocation("20060102150405", string(m[1]), client.NewYork)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
