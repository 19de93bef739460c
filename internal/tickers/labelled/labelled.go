// Package labelled measures how tickers are found, on items whose tickers are known.
package labelled

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"catalyst/internal/eval"
	"catalyst/internal/news"
	"catalyst/internal/tickers"
)

// A Result is how many tickers were right, and how many items got a right one.
type Result struct {
	Items     int                   `json:"items"`
	Precision eval.Share            `json:"precision"` // of tickers found
	Recall    eval.Share            `json:"recall"`    // of items that should have one
	From      map[string]eval.Share `json:"from"`      // precision, by where they were found
	Wrong     []string              `json:"wrong,omitempty"`
}

const maxWrong = 20 // that are listed

// Measure reads items, one JSON object a line, completes them with the list and compares
// their tickers with the right ones: those that the line names itself,
//
//	{"title": "…", "summary": "…", "want": ["ACME"]}
//
// or else all that the list has of a company. The item itself does not know it:
//
//	{"title": "…", "body": "…", "company": "0000320193"}
//
// A line with neither, or with a company that has no ticker, only counts towards precision
// if it names a list that is empty: "want": [].
func Measure(in io.Reader, list *tickers.List) (*Result, error) {
	r := &Result{From: map[string]eval.Share{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var label struct {
			Want    *[]string `json:"want"`
			Company string    `json:"company"`
		}
		it := &news.Item{}
		if err := json.Unmarshal(lines.Bytes(), &label); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if err := json.Unmarshal(lines.Bytes(), it); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		var right []string
		if label.Want != nil {
			right = *label.Want
		} else {
			for _, one := range list.Company(label.Company) {
				right = append(right, one.Ticker)
			}
			if len(right) == 0 {
				continue
			}
		}
		r.Items++
		list.Complete(it)
		r.count(it, right)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if r.Items == 0 {
		return nil, fmt.Errorf("no item has tickers that are known")
	}
	return r, nil
}

func (r *Result) count(it *news.Item, right []string) {
	hit := false
	for _, ticker := range it.Tickers {
		is := slices.Contains(right, ticker)
		hit = hit || is
		r.Precision.Add(is)
		from := r.From[it.TickersFrom[ticker]]
		from.Add(is)
		r.From[it.TickersFrom[ticker]] = from
		if !is && len(r.Wrong) < maxWrong {
			r.Wrong = append(r.Wrong, fmt.Sprintf("%s (%s), not %v: %.100s", ticker, it.TickersFrom[ticker], right, it.Title))
		}
	}
	if len(right) > 0 {
		r.Recall.Add(hit)
	}
}

// Print prints a result.
func (r *Result) Print(out io.Writer) {
	for _, wrong := range r.Wrong {
		fmt.Fprintln(out, wrong)
	}
	fmt.Fprintf(out, "items      %d\nprecision  %v\nrecall     %v\n", r.Items, r.Precision, r.Recall)
	for _, from := range []string{news.FromFeed, news.FromXBRL, news.FromCIK, news.FromExchange, news.FromCashtag} {
		if share, ok := r.From[from]; ok {
			fmt.Fprintf(out, "  %-8s %v\n", from, share)
		}
	}
}
