package semanticcache

import (
	"strings"
	"time"

	"catalyst/internal/likeness"
)

// A subject is what an item must share with another one to share its verdict.
type subject struct {
	Tickers   string    `json:"tickers,omitempty"`
	Form      string    `json:"form,omitempty"`
	Items     string    `json:"items,omitempty"`
	Accession string    `json:"accession,omitempty"`
	Published time.Time `json:"published,omitzero"`
	Text      string    `json:"text,omitempty"` // what was compared: title and lead
}

// differs returns the guard that forbids giving the verdict on b for a, or "". Tickers,
// form and accession are part of the scope and asked again all the same: a store may lie.
func (a subject) differs(b subject, window time.Duration) string {
	switch {
	case a.Tickers != b.Tickers:
		return "tickers"
	case a.Form != b.Form, a.Items != b.Items:
		return "form"
	case a.Accession != b.Accession:
		return "accession"
	case a.Accession == "" && apart(a.Published, b.Published) > window:
		return "window"
	}
	return differ(a.Text, b.Text)
}

// apart is how far two times are from each other; 0 where one is unknown.
func apart(a, b time.Time) time.Duration {
	if a.IsZero() || b.IsZero() {
		return 0
	}
	return a.Sub(b).Abs()
}

// differ returns the guard that forbids taking one article for another. Numbers, periods
// and directions are those of title and lead; words are compared in titles only, as no
// two leads have the same.
func differ(a, b string) string {
	if a == b {
		return ""
	}
	if guard := likeness.Differ(a, b); guard != "" {
		return guard
	}
	x, _, _ := strings.Cut(a, "\n")
	y, _, _ := strings.Cut(b, "\n")
	if likeness.WordingOf(x).Exchanged(likeness.WordingOf(y)) {
		return "wording"
	}
	return ""
}
