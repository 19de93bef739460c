// Package brief says of a filing what a reader with little time should see first: of an
// 8-K its items by weight and the release that came with it; of a 10-K or 10-Q what changed
// since the year before; and the key figures.
package brief

import (
	"errors"
	"slices"
	"strings"

	"catalyst/internal/edgar/filing"
	"catalyst/internal/edgar/numbers"
)

// A Filing is a submission taken apart.
type Filing struct {
	*filing.Document           // the filing itself
	Exhibits         []Exhibit // those wanted, in the order sent
}

// An Exhibit is a document attached to a filing.
type Exhibit struct {
	Type string // "EX-99.1"
	*filing.Document
}

// Read reads a submission, and of its exhibits those whose types begin with one of the words
// ("EX-99"). A document without text is left out. The error is for a submission that has no
// other.
func Read(submission []byte, exhibits []string) (*Filing, error) {
	parts, err := filing.Split(submission)
	if err != nil {
		return nil, err
	}
	f := &Filing{Document: &filing.Document{}}
	var faults []error
	for i, part := range parts {
		if i > 0 && !wanted(part.Type, exhibits) {
			continue
		}
		source := part.Body
		if i == 0 {
			source = submission // whose header completes the cover page
		}
		document, err := filing.Parse(source)
		switch {
		case err != nil:
			faults = append(faults, err)
		case i == 0:
			f.Document = document
		default:
			document.Cover = filing.Cover{}
			f.Exhibits = append(f.Exhibits, Exhibit{part.Type, document})
		}
	}
	if len(f.Elements) == 0 && len(f.Exhibits) == 0 {
		return nil, errors.Join(append(faults, filing.ErrNoText)...)
	}
	return f, nil
}

func wanted(kind string, exhibits []string) bool {
	return slices.ContainsFunc(exhibits, func(begin string) bool {
		return len(kind) >= len(begin) && strings.EqualFold(kind[:len(begin)], begin)
	})
}

var results = []numbers.Kind{numbers.Revenue, numbers.EPS, numbers.NetIncome, numbers.GrossMargin, numbers.OperatingMargin, numbers.Dividend}

// MaxFigures is how many figures a filing is summed up in at most.
const MaxFigures = 8

// Figures returns the key figures of the filing: of an 8-K those of its release and items, of
// a 10-K or 10-Q the results (offerings and deals in it are of years before), of another
// form those of all of it.
func (f *Filing) Figures() []string {
	texts := paragraphs(f.Elements)
	if items := f.Items(); len(items) > 0 {
		texts = nil
		if release := f.release(items); release != nil {
			texts = paragraphs(release.Elements)
		}
		for _, item := range items {
			texts = append(texts, item.Paragraphs()...)
		}
	}
	found := numbers.Find(texts)
	if strings.HasPrefix(f.Cover.Form, "10-") {
		found = slices.DeleteFunc(found, func(n numbers.Number) bool { return !slices.Contains(results, n.Kind) })
	}
	return numbers.Figures(found, MaxFigures)
}

// release is the exhibit that tells the news; nil if there is none. Where no item announces
// anything, exhibits are statements of a business that was bought, and not this company's.
func (f *Filing) release(items []filing.Item) *Exhibit {
	announces := func(item filing.Item) bool {
		return slices.Contains([]string{"1.01", "2.02", "3.02", "7.01", "8.01", "5", "9", "12"}, item.Number)
	}
	if !slices.ContainsFunc(items, announces) {
		return nil
	}
	for i, e := range f.Exhibits {
		if e.Type == "EX-99" || e.Type == "EX-99.1" || e.Type == "EX-99.01" {
			return &f.Exhibits[i]
		}
	}
	return nil
}

func paragraphs(elements []filing.Element) []string {
	var texts []string
	for _, e := range elements {
		if e.Kind != filing.Page {
			texts = append(texts, e.Text)
		}
	}
	return texts
}
