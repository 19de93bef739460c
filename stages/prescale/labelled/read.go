// Package labelled holds what `pipeline eval prescale` measures with: sentences that
// people labelled, read from files of several forms, and what a scorer makes of them.
package labelled

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Sentence is a text and what people said of it.
type Sentence struct {
	Text string
	// Polar says that it is good or bad news; Sign which of them, 1 or −1, and 0 where the
	// label does not say.
	Polar bool
	Sign  int
}

// A row is a sentence before its label is understood.
type row struct{ text, label string }

// Read reads a file: CSV with a header, a JSON list or object of objects, or JSON lines.
// The text stands under text, sentence, title or headline; the label under label,
// sentiment, score or sentiment_score. A label is a word (positive, bullish, negative,
// bearish, neutral, keep, drop), a score within −1 and 1, of which less than 0.1 is
// neutral, or, if a file has nothing but 0, 1 and 2 and has 2, bearish, bullish and
// neutral in this order.
func Read(text []byte) ([]Sentence, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	rows := readCSV
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		rows = readJSON
	}
	all, err := rows(text)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("holds no sentence; it should be CSV with a header, a JSON list, or JSON lines")
	}
	return understand(all)
}

var (
	textNames  = []string{"text", "sentence", "title", "headline"}
	labelNames = []string{"label", "sentiment", "score", "sentiment_score"}
)

func readCSV(text []byte) ([]row, error) {
	r := csv.NewReader(bytes.NewReader(text))
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	at := func(names []string) int {
		return slices.IndexFunc(header, func(h string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(h))) })
	}
	textAt, labelAt := at(textNames), at(labelNames)
	if textAt < 0 || labelAt < 0 {
		return nil, fmt.Errorf("the first line is %q; it should name a column %s and a column %s",
			strings.Join(header, ","), strings.Join(textNames, ", "), strings.Join(labelNames, ", "))
	}
	var rows []row
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return nil, err
		}
		rows = append(rows, row{record[textAt], record[labelAt]})
	}
}

func readJSON(text []byte) ([]row, error) {
	var rows []row
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var value any
		if err := d.Decode(&value); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return nil, err
		}
		more, err := rowsOf(value)
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", len(rows)+1, err)
		}
		rows = append(rows, more...)
	}
}

// rowsOf takes a list or an object of objects apart.
func rowsOf(value any) ([]row, error) {
	var parts []any
	switch v := value.(type) {
	case []any:
		parts = v
	case map[string]any:
		if _, ok := lookUp(v, textNames); ok {
			r, err := rowOf(v)
			return []row{r}, err
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, v[key])
		}
	}
	var rows []row
	for i, part := range parts {
		object, ok := part.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%d: is no object", i+1)
		}
		r, err := rowOf(object)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func rowOf(object map[string]any) (row, error) {
	text, _ := lookUp(object, textNames)
	label, ok := lookUp(object, labelNames)
	if !ok {
		label, ok = meanOf(object["info"])
	}
	if text == "" || !ok {
		return row{}, fmt.Errorf("has no text (%s) or no label (%s)", strings.Join(textNames, ", "), strings.Join(labelNames, ", "))
	}
	return row{text, label}, nil
}

func lookUp(object map[string]any, names []string) (string, bool) {
	for _, name := range names {
		switch v := object[name].(type) {
		case string:
			return v, true
		case float64:
			return strconv.FormatFloat(v, 'g', -1, 64), true
		}
	}
	return "", false
}

// meanOf is the label of a sentence that is scored for each company in it: a list under
// "info".
func meanOf(info any) (string, bool) {
	list, _ := info.([]any)
	sum := 0.0
	for _, part := range list {
		object, _ := part.(map[string]any)
		label, _ := lookUp(object, labelNames)
		x, err := strconv.ParseFloat(label, 64)
		if err != nil {
			return "", false
		}
		sum += x
	}
	return strconv.FormatFloat(sum/float64(len(list)), 'g', -1, 64), len(list) > 0
}

var words = map[string]Sentence{
	"positive": {Polar: true, Sign: 1}, "bullish": {Polar: true, Sign: 1},
	"negative": {Polar: true, Sign: -1}, "bearish": {Polar: true, Sign: -1},
	"neutral": {}, "drop": {}, "keep": {Polar: true},
}

var coded = map[string]Sentence{"0": words["bearish"], "1": words["bullish"], "2": {}}

// neutralBelow is how small a score is that says nothing.
const neutralBelow = 0.1

func understand(rows []row) ([]Sentence, error) {
	codes := slices.ContainsFunc(rows, func(r row) bool { return strings.TrimSpace(r.label) == "2" })
	sentences := make([]Sentence, len(rows))
	for i, r := range rows {
		label := strings.ToLower(strings.TrimSpace(r.label))
		s, ok := words[label]
		if !ok && codes {
			s, ok = coded[label]
		} else if !ok {
			var x float64
			var err error
			x, err = strconv.ParseFloat(label, 64)
			ok = err == nil && math.Abs(x) <= 1
			if s.Polar = math.Abs(x) >= neutralBelow; s.Polar {
				s.Sign = cmp.Compare(x, 0)
			}
		}
		if !ok {
			return nil, fmt.Errorf("sentence %d: label %q is no word for good, bad or neutral, and no score within −1 and 1", i+1, r.label)
		}
		s.Text = r.text
		sentences[i] = s
	}
	return sentences, nil
}
