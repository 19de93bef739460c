// Package labelled measures how headlines are compared, against people's judgement.
package labelled

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"catalyst/internal/eval"
	"catalyst/internal/news"
	"catalyst/internal/store"
	"catalyst/stages/dedupe"
)

// A Set is labelled data: pairs, or headlines in their order.
type Set struct {
	Pairs     []Pair
	Headlines []Headline
}

// A Pair is two texts that tell one story, or do not.
type Pair struct {
	Same bool
	A, B string
	// Apart: the stage does not compare them, as they are about other companies.
	Apart bool

	a, b *dedupe.Headline
}

// A Headline belongs to a story.
type Headline struct {
	Title, Story string
	Tickers      []string
	At           time.Time

	read *dedupe.Headline
}

// Read reads one of
//
//	label ⇥ text ⇥ text        (or label ⇥ id ⇥ id ⇥ text ⇥ text), where label is 1 or 0
//	title,story,timestamp,…    CSV with these columns and perhaps tickers; milliseconds or RFC 3339
//	{"same":true,"a":{…},"b":{…}}   two items, of which title and tickers count, as `pipeline eval cache` has them
//
// Lines that begin with # and a line of column names before the pairs are left out.
func Read(text string) (*Set, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	first, _, _ := strings.Cut(text, "\n")
	if strings.HasPrefix(first, "{") {
		return readItems(text)
	}
	if strings.Contains(first, "\t") || strings.HasPrefix(first, "#") {
		return readPairs(text)
	}
	return readHeadlines(text)
}

func readPairs(text string) (*Set, error) {
	s := &Set{}
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Split(strings.TrimRight(line, "\r"), "\t")
		if line == "" || strings.HasPrefix(line, "#") || i == 0 && fields[0] != "0" && fields[0] != "1" {
			continue
		}
		n := len(fields)
		if n != 3 && n != 5 || fields[0] != "0" && fields[0] != "1" {
			return nil, fmt.Errorf("line %d: want 1 or 0, a tab, a text, a tab and a text", i+1)
		}
		s.Pairs = append(s.Pairs, Pair{Same: fields[0] == "1", A: fields[n-2], B: fields[n-1]})
	}
	if len(s.Pairs) == 0 {
		return nil, errors.New("no pair is labelled")
	}
	return s, nil
}

func readItems(text string) (*Set, error) {
	s := &Set{}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var wire struct {
			Same *bool
			A, B news.Item
		}
		if err := json.Unmarshal([]byte(line), &wire); err != nil || wire.Same == nil || wire.A.Title == "" || wire.B.Title == "" {
			return nil, fmt.Errorf("line %d: want an object with same, a and b, which have titles", i+1)
		}
		group := dedupe.Group(&wire.A)
		s.Pairs = append(s.Pairs, Pair{
			Same: *wire.Same, A: wire.A.Title, B: wire.B.Title, Apart: group == "" || group != dedupe.Group(&wire.B),
		})
	}
	return s, nil
}

func readHeadlines(text string) (*Set, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	names, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("column names: %w", err)
	}
	column := map[string]int{}
	for i, name := range names {
		column[strings.ToLower(strings.TrimSpace(name))] = i + 1
	}
	if column["title"] == 0 || column["story"] == 0 || column["timestamp"] == 0 {
		return nil, errors.New("want the columns title, story and timestamp")
	}
	s := &Set{}
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		field := func(name string) string {
			if i := column[name]; i > 0 && i <= len(row) {
				return row[i-1]
			}
			return ""
		}
		at, err := readTime(field("timestamp"))
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		s.Headlines = append(s.Headlines, Headline{Title: field("title"), Story: field("story"), Tickers: strings.Fields(field("tickers")), At: at})
	}
	if len(s.Headlines) == 0 {
		return nil, errors.New("no headline is labelled")
	}
	slices.SortStableFunc(s.Headlines, func(a, b Headline) int { return a.At.Compare(b.At) })
	return s, nil
}

func readTime(text string) (time.Time, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(ms), nil
	}
	return time.Parse(time.RFC3339, text)
}

// A Point is what comes of a setting. Precision is, of those taken for the same story, who
// were; Recall is, of those who were, who were taken for it.
type Point struct {
	Similarity float64    `json:"similarity"`
	Precision  eval.Share `json:"precision"`
	Recall     eval.Share `json:"recall"`
	Guarded    eval.Share `json:"guarded"` // of those that guards kept apart, who were other stories
}

// A Curve is the points of one way to compare.
type Curve struct {
	Name   string  `json:"name"`
	Chosen Point   `json:"chosen"`
	Points []Point `json:"points"`
}

var similarities = []float64{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 1}

// Measure measures a rule and, beside it, others that differ in their similarity. Headlines
// are compared in two ways: as the stage groups them, and all with all, as if they named one
// company.
func Measure(s *Set, rule dedupe.Rule) []Curve {
	s.read()
	if len(s.Pairs) > 0 {
		return []Curve{curve("pairs", rule, func(r dedupe.Rule) Point { return pairs(s.Pairs, r) })}
	}
	grouped := func(h Headline) string {
		return dedupe.Group(&news.Item{Title: h.Title, Tickers: h.Tickers})
	}
	together := func(Headline) string { return "all" }
	return []Curve{
		curve("in the groups of the stage", rule, func(r dedupe.Rule) Point { return stream(s.Headlines, r, grouped) }),
		curve("all with all", rule, func(r dedupe.Rule) Point { return stream(s.Headlines, r, together) }),
	}
}

// read reads all headlines, once for all settings.
func (s *Set) read() {
	for i := range s.Pairs {
		p := &s.Pairs[i]
		p.a, p.b = headline(p.A, time.Time{}), headline(p.B, time.Time{})
	}
	for i := range s.Headlines {
		h := &s.Headlines[i]
		h.read = headline(h.Title, h.At)
	}
}

func curve(name string, rule dedupe.Rule, measure func(dedupe.Rule) Point) Curve {
	c := Curve{Name: name, Chosen: measure(rule)}
	for _, s := range similarities {
		r := rule
		r.Similarity = s
		c.Points = append(c.Points, measure(r))
	}
	return c
}

func pairs(all []Pair, rule dedupe.Rule) Point {
	p := Point{Similarity: rule.Similarity}
	for _, pair := range all {
		same, guard := rule.Same(pair.a, pair.b)
		if pair.Apart {
			same, guard = false, ""
		}
		p.count(same, guard, pair.Same, pair.Same)
	}
	return p
}

// count notes a decision: whether it was right to take it for the same story, and whether it
// should have been taken for one.
func (p *Point) count(same bool, guard string, right, should bool) {
	if same {
		p.Precision.Add(right)
	}
	if guard != "" {
		p.Guarded.Add(!should)
	}
	if should {
		p.Recall.Add(same && right)
	}
}

// stream drops headlines as the stage does, in the order in which they came.
func stream(all []Headline, rule dedupe.Rule, group func(Headline) string) Point {
	p := Point{Similarity: rule.Similarity}
	type told struct {
		headline *dedupe.Headline
		story    string
	}
	firsts := map[string][]told{}  // of each group
	last := map[string]time.Time{} // when a story was told
	for _, h := range all {
		g := group(h)
		before, again := last[h.Story]
		should := again && h.At.Sub(before) < rule.Window
		last[h.Story] = h.At
		row := slices.DeleteFunc(firsts[g], func(t told) bool { return h.At.Sub(t.headline.At) >= rule.Window })
		var same, right bool
		var guard string
		for _, t := range row {
			if g == "" {
				break
			}
			is, by := rule.Same(t.headline, h.read)
			if is {
				same, right, guard = true, t.story == h.Story, ""
				break
			}
			if by != "" {
				guard = by
			}
		}
		p.count(same, guard, right, should)
		if !same {
			row = append(row, told{h.read, h.Story})
		}
		firsts[g] = row
	}
	return p
}

func headline(title string, at time.Time) *dedupe.Headline {
	return dedupe.Read(store.Arrival{Text: title, At: at})
}

// Print prints curves.
func Print(out io.Writer, curves []Curve) {
	for _, c := range curves {
		fmt.Fprintf(out, "%s:\n  similarity  %-36s %-36s guards kept others apart\n", c.Name, "precision", "recall")
		for _, p := range append([]Point{c.Chosen}, c.Points...) {
			fmt.Fprintf(out, "  %-11.2f %-36s %-36s %s\n", p.Similarity, p.Precision, p.Recall, p.Guarded)
		}
	}
	fmt.Fprintln(out, "The first line of each is the setting; shares come with their counts and 95 % intervals.")
}
