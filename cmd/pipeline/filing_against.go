package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"catalyst/internal/edgar/change"
	"catalyst/internal/edgar/filing"
	"catalyst/internal/edgar/yearly"
)

// A changeView is what `pipeline filing --against` prints.
type changeView struct {
	Cover    filing.Cover    `json:"cover"`
	Against  filing.Cover    `json:"against"`
	Sections []changeSection `json:"sections"`

	reports []yearly.Section
}

type changeSection struct {
	Part       string          `json:"part,omitempty"`
	Number     string          `json:"number"`
	Title      string          `json:"title"`
	Missing    string          `json:"missing,omitempty"` // the filing that lacks it: prior, current
	Similarity float64         `json:"similarity"`
	Change     string          `json:"change"` // none, little, changed, high; missing
	New        []string        `json:"new"`
	Rewritten  []changeRewrite `json:"rewritten"`
	Removed    []string        `json:"removed"`
	Moved      int             `json:"moved"`
	Unchanged  int             `json:"unchanged"`
}

type changeRewrite struct {
	Prior      string  `json:"prior"`
	Current    string  `json:"current"`
	Similarity float64 `json:"similarity"`
	// Marked are the sentences that differ: what went is in [-…-], what came in {+…+}.
	Marked []string `json:"marked"`
}

// compareFilings tells what changed in a filing since another one.
func (a *app) compareFilings(ctx context.Context, current, prior string) (*changeView, error) {
	is, err := a.parseDocument(ctx, current)
	if err != nil {
		return nil, err
	}
	was, err := a.parseDocument(ctx, prior)
	if err != nil {
		return nil, err
	}
	v := &changeView{Cover: is.Cover, Against: was.Cover, reports: yearly.Compare(was, is)}
	if len(v.reports) == 0 {
		return nil, usage("%s and %s cannot be compared: both must be a 10-K, or both a 10-Q", current, prior)
	}
	for _, s := range v.reports {
		v.Sections = append(v.Sections, changeOf(s))
	}
	return v, nil
}

func (a *app) parseDocument(ctx context.Context, name string) (*filing.Document, error) {
	text, err := a.readDocument(ctx, name)
	if err != nil {
		return nil, err
	}
	d, err := filing.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

func changeOf(s yearly.Section) changeSection {
	c := changeSection{
		Part: s.Part, Number: s.Number, Title: s.Title, Missing: s.Missing, Similarity: s.Similarity, Change: howChanged(s),
		New: texts(s.New), Removed: texts(s.Removed), Rewritten: []changeRewrite{}, Moved: len(s.Moved), Unchanged: s.Unchanged,
	}
	for _, p := range s.Rewritten {
		c.Rewritten = append(c.Rewritten, changeRewrite{Prior: p.Prior.Text, Current: p.Current.Text, Similarity: p.Similarity, Marked: p.Marked()})
	}
	return c
}

func howChanged(s yearly.Section) string {
	switch {
	case s.Missing != "":
		return "missing"
	case s.Empty():
		return "none"
	case s.High():
		return "high"
	case s.Changed():
		return "changed"
	}
	return "little"
}

func texts(all []change.Paragraph) []string {
	list := make([]string, len(all))
	for i, p := range all {
		list[i] = p.Text
	}
	return list
}

func (v *changeView) print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s %s\n%-9s %s\n", "filing", joined(" · ", v.Cover.Company, v.Cover.Form, v.Cover.Period), "against", joined(" · ", v.Against.Company, v.Against.Form, v.Against.Period))
	for i, s := range v.reports {
		fmt.Fprintf(&b, "\n── %s\n", s.Label())
		if s.Missing != "" {
			fmt.Fprintf(&b, "The %s filing has no such section.\n", s.Missing)
			continue
		}
		fmt.Fprintf(&b, "%s, similarity %.2f: %d new, %d rewritten, %d removed, %d moved, %d unchanged\n",
			v.Sections[i].Change, s.Similarity, len(s.New), len(s.Rewritten), len(s.Removed), len(s.Moved), s.Unchanged)
		b.WriteString(s.Text(math.MaxInt32))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
