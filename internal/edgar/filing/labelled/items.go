// Package labelled measures how package filing reads documents that others have read
// before: the items of 8-Ks and the elements of 10-Qs.
package labelled

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"catalyst/internal/edgar/filing"
)

// Items is how the items of labelled 8-Ks were read.
type Items struct {
	Filings int `json:"filings"`
	Exact   int `json:"exact"` // with the labelled set of items
	// Different are the others.
	Different []Difference `json:"different,omitempty"`
}

// A Difference is a filing whose items are not those labelled.
type Difference struct {
	File  string   `json:"file"`
	Want  []string `json:"want"`
	Got   []string `json:"got"`
	Error string   `json:"error,omitempty"` // it could not be read
}

// Exactness is the share of filings with exactly the labelled items.
func (i *Items) Exactness() float64 { return float64(i.Exact) / float64(i.Filings) }

// ReadItems compares the 8-Ks in dir/raw with the labels in dir/items, a JSON object
// for each, as edgar-crawler writes it: "filename", and "item_2.02" with the item's
// text, empty where the filing does not have it.
func ReadItems(dir string) (*Items, error) {
	files, err := filepath.Glob(filepath.Join(dir, "items", "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no labels in %s", filepath.Join(dir, "items"))
	}
	out := &Items{}
	for _, file := range files {
		name, want, err := itemLabels(file)
		if err != nil {
			return nil, err
		}
		body, err := os.ReadFile(filepath.Join(dir, "raw", filepath.Base(name)))
		if err != nil {
			return nil, err
		}
		got, err := itemNumbers(body)
		out.Filings++
		if err == nil && slices.Equal(got, want) {
			out.Exact++
			continue
		}
		d := Difference{File: name, Want: want, Got: got}
		if err != nil {
			d.Error = err.Error()
		}
		out.Different = append(out.Different, d)
	}
	return out, nil
}

func itemLabels(file string) (name string, numbers []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	var labels map[string]any
	if err := json.Unmarshal(text, &labels); err != nil {
		return "", nil, fmt.Errorf("%s: %w", file, err)
	}
	name, _ = labels["filename"].(string)
	if name == "" {
		return "", nil, errors.New(file + `: names no "filename"`)
	}
	for key, value := range labels {
		number, ok := strings.CutPrefix(key, "item_")
		if text, _ := value.(string); ok && strings.TrimSpace(text) != "" {
			numbers = append(numbers, number)
		}
	}
	return name, sorted(numbers), nil
}

func itemNumbers(body []byte) ([]string, error) {
	d, err := filing.Parse(body)
	if err != nil {
		return nil, err
	}
	var numbers []string
	for _, item := range d.Items() {
		numbers = append(numbers, item.Number)
	}
	return sorted(numbers), nil
}

func sorted(numbers []string) []string {
	value := func(s string) float64 { f, _ := strconv.ParseFloat(s, 64); return f }
	slices.SortFunc(numbers, func(a, b string) int { return cmp.Compare(value(a), value(b)) })
	return numbers
}
