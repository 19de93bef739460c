package labelled

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"catalyst/internal/edgar/filing"
)

// A Score counts elements of one kind: those labelled, those read, and how many of each
// have their counterpart.
type Score struct {
	Labelled      int `json:"labelled"`
	LabelledFound int `json:"labelled_found"`
	Read          int `json:"read"`
	ReadFound     int `json:"read_found"`
}

// F1 is the harmonic mean of precision and recall; 1 where there was nothing to find and
// nothing was read.
func (s Score) F1() float64 {
	if s.Labelled == 0 && s.Read == 0 {
		return 1
	}
	if s.LabelledFound == 0 || s.ReadFound == 0 {
		return 0
	}
	p, r := float64(s.ReadFound)/float64(s.Read), float64(s.LabelledFound)/float64(s.Labelled)
	return 2 * p * r / (p + r)
}

func (s *Score) add(o Score) {
	s.Labelled += o.Labelled
	s.LabelledFound += o.LabelledFound
	s.Read += o.Read
	s.ReadFound += o.ReadFound
}

// Kinds are the keys of [Elements.Scores], in the order to show them.
var Kinds = []string{"title", "text", "table", "all"}

// Elements is how the elements of labelled documents were read.
type Elements struct {
	Documents int              `json:"documents"`
	Scores    map[string]Score `json:"scores"` // by title, table, text, and all
	// Differences are the first elements that have no counterpart, as document: element.
	Differences []string `json:"differences,omitempty"`
}

// Least is the lowest F1 of all kinds.
func (e *Elements) Least() float64 {
	least := 1.0
	for _, s := range e.Scores {
		least = min(least, s.F1())
	}
	return least
}

const (
	elementsFile = "expected-structure-and-text.json"
	documentFile = "primary-document.html"
)

// ReadElements compares each document under dir with the labels beside it.
func ReadElements(dir string) (*Elements, error) {
	out := &Elements{Scores: map[string]Score{}}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != elementsFile {
			return err
		}
		out.Documents++
		return out.document(dir, filepath.Dir(path))
	})
	if err == nil && out.Documents == 0 {
		err = fmt.Errorf("no %s under %s", elementsFile, dir)
	}
	return out, err
}

// An element is what is compared: a kind and text without spaces.
type element struct{ kind, text string }

func (o *Elements) document(dir, folder string) error {
	want, err := labels(filepath.Join(folder, elementsFile))
	if err != nil {
		return err
	}
	body, err := os.ReadFile(filepath.Join(folder, documentFile))
	if err != nil {
		return err
	}
	d, err := filing.Parse(body)
	if err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	name, _ := filepath.Rel(dir, folder)
	o.compare(name, want, read(d, want))
	return nil
}

// labels reads a list of {"cls_name", "text_content"} as sec-parser writes it.
func labels(file string) ([]element, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []struct {
		Class string `json:"cls_name"`
		Text  string `json:"text_content"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var out []element
	for _, l := range list {
		switch l.Class {
		case "TitleElement", "TopSectionTitle":
			out = append(out, element{"title", squeeze(l.Text)})
		case "TextElement", "SupplementaryText":
			out = append(out, element{"text", squeeze(l.Text)})
		case "TableElement":
			out = append(out, element{"table", ""})
		}
	}
	return out, nil
}

// read returns the elements from the first labelled one on: the cover page is not labelled.
func read(d *filing.Document, want []element) []element {
	var out []element
	for _, e := range d.Elements {
		got := element{kind: e.Kind.String(), text: squeeze(e.Text)}
		switch e.Kind {
		case filing.Page:
			continue
		case filing.Table:
			got.text = ""
		case filing.List:
			got.kind = "text"
		}
		if len(out) > 0 || len(want) > 0 && got == want[0] {
			out = append(out, got)
		}
	}
	return out
}

func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// compare aligns the two lists so that as many elements as possible have a
// counterpart. A labelled text that is read as several, as a list in one box is,
// counts as found, and so do its pieces.
func (o *Elements) compare(name string, want, got []element) {
	const most = 40 // pieces
	type step struct{ found, pieces int32 }
	width := len(got) + 1
	best := make([]step, (len(want)+1)*width)
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got); j >= 0; j-- {
			s := step{best[(i+1)*width+j].found, 0}
			if j < len(got) {
				if f := best[i*width+j+1].found; f > s.found {
					s = step{f, -1}
				}
			}
			for k, rest := 0, want[i].text; k < most && j+k < len(got) && got[j+k].kind == want[i].kind; k++ {
				var ok bool
				if rest, ok = strings.CutPrefix(rest, got[j+k].text); !ok {
					break
				}
				if rest == "" {
					if f := best[(i+1)*width+j+k+1].found + int32(k) + 2; f > s.found {
						s = step{f, int32(k) + 1}
					}
					break
				}
			}
			best[i*width+j] = s
		}
	}
	score := map[string]Score{}
	count := func(kind string, s Score) {
		total := score[kind]
		total.add(s)
		score[kind] = total
	}
	i, j := 0, 0
	for i < len(want) {
		switch n := int(best[i*width+j].pieces); {
		case n > 0:
			count(want[i].kind, Score{1, 1, n, n})
			i, j = i+1, j+n
		case n == 0:
			o.differ(name, "not read", want[i])
			count(want[i].kind, Score{Labelled: 1})
			i++
		default:
			o.differ(name, "not labelled", got[j])
			count(got[j].kind, Score{Read: 1})
			j++
		}
	}
	for ; j < len(got); j++ {
		o.differ(name, "not labelled", got[j])
		count(got[j].kind, Score{Read: 1})
	}
	var all Score
	for kind, s := range score {
		all.add(s)
		s.add(o.Scores[kind])
		o.Scores[kind] = s
	}
	all.add(o.Scores["all"])
	o.Scores["all"] = all
}

func (o *Elements) differ(name, how string, e element) {
	if len(o.Differences) < 100 {
		text := []rune(e.text)
		o.Differences = append(o.Differences, fmt.Sprintf("%s: %s %s: %s", name, how, e.kind, string(text[:min(len(text), 80)])))
	}
}
