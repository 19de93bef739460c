package semanticcache

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"catalyst/internal/embed"
	"catalyst/internal/eval"
	"catalyst/internal/news"
)

// A Pair is two items of which somebody has said whether they tell one story.
type Pair struct {
	Same bool      `json:"same"`
	Kind string    `json:"kind"` // of pair, for people
	A    news.Item `json:"a"`
	B    news.Item `json:"b"`
}

// ReadPairs reads labelled pairs, one JSON object to a line, or the tab-separated lines of
// the Microsoft Research Paraphrase Corpus, which begin with a heading "Quality".
func ReadPairs(r io.Reader) ([]Pair, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	var pairs []Pair
	tabs := false
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimPrefix(lines.Bytes(), []byte("\ufeff"))
		switch {
		case n == 1 && bytes.HasPrefix(line, []byte("Quality\t")):
			tabs = true
			continue
		case len(bytes.TrimSpace(line)) == 0:
			continue
		}
		p, err := readPair(line, tabs)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		pairs = append(pairs, p)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(pairs) == 0 {
		return nil, errors.New("there is no pair in it")
	}
	return pairs, nil
}

func readPair(line []byte, tabs bool) (p Pair, err error) {
	if !tabs {
		if err = json.Unmarshal(line, &p); err == nil && (p.A.Title == "" || p.B.Title == "") {
			err = errors.New("a pair wants a title on each side")
		}
		return p, err
	}
	f := strings.Split(string(line), "\t")
	if len(f) != 5 || f[0] != "0" && f[0] != "1" {
		return p, errors.New("want 0 or 1, two numbers and two sentences between tabs")
	}
	who := []string{"ANY"} // nobody says whom it is about
	return Pair{f[0] == "1", "sentence", news.Item{Title: f[3], Tickers: who}, news.Item{Title: f[4], Tickers: who}}, nil
}

// An Evaluation is what a cache would have done with labelled pairs.
type Evaluation struct {
	Embedder  string         `json:"embedder"`
	Pairs     int            `json:"pairs"`
	Same      int            `json:"same"`
	Refused   map[string]int `json:"refused"` // pairs of different stories, by the guard that tells them apart
	Misplaced map[string]int `json:"misplaced"`
	Curve     []Point        `json:"curve"`
	// At is the point at the threshold of the cache.
	At Point `json:"at"`
	// Proposed is the lowest threshold whose False.High is below the limit; 0 where the
	// pairs prove none.
	Proposed float64 `json:"proposed"`
	Limit    float64 `json:"limit"`
	// Wrong are the pairs that would be false hits at At.
	Wrong []WrongPair `json:"wrong,omitempty"`
}

// A WrongPair is taken for one story and is two.
type WrongPair struct {
	Similarity float64 `json:"similarity"`
	A, B       string
}

// A Point is what comes of a threshold. Precision is the share of hits that are one story,
// False that of those that are not; Recall the share of the pairs of one story that hit.
type Point struct {
	Threshold float64    `json:"threshold"`
	Precision eval.Share `json:"precision"`
	Recall    eval.Share `json:"recall"`
	False     eval.Share `json:"false"`
}

// provenFalse is how many false hits a proposed threshold may have, with 95 % confidence.
const provenFalse = 0.01

// Evaluate runs pairs through what decides about a hit: scope, guards and similarity.
func Evaluate(ctx context.Context, c Config, pairs []Pair) (Evaluation, error) {
	embedder, err := embed.New(c.Embedder)
	if err != nil {
		return Evaluation{}, err
	}
	x := Evaluation{Embedder: embedder.ID(), Pairs: len(pairs), Refused: map[string]int{}, Misplaced: map[string]int{}, Limit: provenFalse}
	outcomes, err := judge(ctx, embedder, pairs, c.Window)
	if err != nil {
		return x, err
	}
	for i, o := range outcomes {
		if pairs[i].Same {
			x.Same++
		}
		switch {
		case o.guard != "" && pairs[i].Same:
			x.Misplaced[o.guard]++
		case o.guard != "":
			x.Refused[o.guard]++
		case !pairs[i].Same && o.similarity >= c.threshold():
			x.Wrong = append(x.Wrong, WrongPair{o.similarity, pairs[i].A.Title, pairs[i].B.Title})
		}
	}
	x.At = pointOf(c.threshold(), pairs, outcomes)
	for hundredth := 30; hundredth <= 100; hundredth++ {
		p := pointOf(float64(hundredth)/100, pairs, outcomes)
		if _, high := p.False.Bounds(); x.Proposed == 0 && high < provenFalse {
			x.Proposed = p.Threshold
		}
		if hundredth%5 == 0 {
			x.Curve = append(x.Curve, p)
		}
	}
	return x, nil
}

// Steadiest is the point of the curve whose upper bound of false hits is lowest: the best
// that can be said where nothing is proven.
func (x Evaluation) Steadiest() Point {
	return slices.MinFunc(x.Curve, func(a, b Point) int {
		_, low := a.False.Bounds()
		_, other := b.False.Bounds()
		switch {
		case low < other:
			return -1
		case low > other:
			return 1
		}
		return 0
	})
}

type outcome struct {
	similarity float64
	guard      string
}

// judge embeds what is to be embedded at once and asks the guards.
func judge(ctx context.Context, embedder embed.Embedder, pairs []Pair, window time.Duration) ([]outcome, error) {
	s := &stage{Config: Config{Mode: Serve}, embedder: embedder, Deps: Deps{Models: func(*news.Item) string { return "" }}}
	var entries []entry
	for i := range pairs {
		for _, item := range []*news.Item{&pairs[i].A, &pairs[i].B} {
			e, _ := s.entryOf(item)
			entries = append(entries, e)
		}
	}
	if err := s.embed(ctx, entries); err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(pairs))
	for i := range outcomes {
		a, b := entries[2*i], entries[2*i+1]
		o := outcome{similarity: cosine(a.vector, b.vector)}
		switch {
		case a.hash == "" || b.hash == "":
			o.guard = "accession" // of a filing without one
		case a.scope.Tickers != b.scope.Tickers:
			o.guard = "tickers"
		case a.hash == b.hash:
			o.similarity = 1
			o.guard = b.subject.differs(a.subject, window)
		case a.scope != b.scope:
			o.guard = "scope"
		default:
			o.guard = b.subject.differs(a.subject, window)
		}
		outcomes[i] = o
	}
	return outcomes, nil
}

func pointOf(threshold float64, pairs []Pair, outcomes []outcome) Point {
	p := Point{Threshold: threshold}
	for i, o := range outcomes {
		same, taken := pairs[i].Same, o.guard == "" && o.similarity >= threshold
		if same {
			p.Recall.Add(taken)
		}
		if taken {
			p.Precision.Add(same)
			p.False.Add(!same)
		}
	}
	return p
}
