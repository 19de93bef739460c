package labelled

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"catalyst/internal/eval"
)

// An Opinion is what a scorer makes of a sentence.
type Opinion struct {
	Reach float64 // the highest threshold at which it goes on
	Score float64 // its sign says whether it is good or bad news; 0 is neither
	Goes  bool    // at the scorer's own settings
}

// A Result is how good opinions are.
type Result struct {
	Sentences int   `json:"sentences"`
	Polar     int   `json:"polar"`
	Own       Point `json:"own"` // at the scorer's own settings
	// Sign is how many of the polar sentences that go on, and whose label has a sign,
	// have that of the label.
	Sign  eval.Share `json:"sign"`
	Curve []Point    `json:"curve"`
	// AtDrop is the share of polar sentences that go on where so large a share of all is
	// dropped; of sentences with the same reach, a share.
	AtDrop []AtDrop `json:"at_drop"`
}

// A Point of the curve over thresholds.
type Point struct {
	Threshold float64    `json:"threshold"`
	Dropped   eval.Share `json:"dropped"`   // of all
	Recall    eval.Share `json:"recall"`    // of the polar ones, how many go on
	Precision eval.Share `json:"precision"` // of those that go on, how many are polar
}

// AtDrop is the recall at a share dropped.
type AtDrop struct {
	Dropped float64 `json:"dropped"`
	Recall  float64 `json:"recall"`
	Low     float64 `json:"low"` // 95 % interval
	High    float64 `json:"high"`
}

var (
	thresholds = []float64{0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50, 0.60, 0.80, 1.00}
	drops      = []float64{0.50, 0.60, 0.70, 0.80, 0.90}
)

// Half returns the sentences whose hash is even, or the others: what was tuned on one
// half is reported on the other.
func Half(sentences []Sentence, odd bool) []Sentence {
	var half []Sentence
	for _, s := range sentences {
		h := fnv.New64a()
		io.WriteString(h, s.Text)
		if (h.Sum64()%2 == 1) == odd {
			half = append(half, s)
		}
	}
	return half
}

// Measure asks a scorer about every sentence.
func Measure(sentences []Sentence, ask func(text string) Opinion) Result {
	r := Result{Sentences: len(sentences)}
	for _, t := range thresholds {
		r.Curve = append(r.Curve, Point{Threshold: t})
	}
	opinions := make([]Opinion, len(sentences))
	for i, s := range sentences {
		o := ask(s.Text)
		opinions[i] = o
		if s.Polar {
			r.Polar++
		}
		r.Own.add(s.Polar, o.Goes)
		if s.Sign != 0 && o.Goes {
			r.Sign.Add(cmp.Compare(o.Score, 0) == s.Sign)
		}
		for p := range r.Curve {
			r.Curve[p].add(s.Polar, o.Reach >= r.Curve[p].Threshold)
		}
	}
	for _, d := range drops {
		r.AtDrop = append(r.AtDrop, atDrop(sentences, opinions, d, r.Polar))
	}
	return r
}

func (p *Point) add(polar, goes bool) {
	p.Dropped.Add(!goes)
	if polar {
		p.Recall.Add(goes)
	}
	if goes {
		p.Precision.Add(polar)
	}
}

// atDrop lets the share with the highest reach go on. Of those that are equal at the edge
// it counts as many polar ones as chance would choose.
func atDrop(sentences []Sentence, opinions []Opinion, dropped float64, polar int) AtDrop {
	order := make([]int, len(opinions))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(opinions[b].Reach, opinions[a].Reach) })
	room := float64(len(order)) * (1 - dropped)
	hits := 0.0
	for i := 0; i < len(order) && room > 0; {
		equal, of := 0, 0 // polar ones among those with the same reach
		for j := i; j < len(order) && opinions[order[j]].Reach == opinions[order[i]].Reach; j++ {
			if of++; sentences[order[j]].Polar {
				equal++
			}
		}
		taken := min(room, float64(of))
		hits += float64(equal) * taken / float64(of)
		room -= taken
		i += of
	}
	a := AtDrop{Dropped: dropped}
	share := eval.Share{Hits: int(hits + 0.5), Of: polar}
	a.Recall = share.Value()
	a.Low, a.High = share.Bounds()
	return a
}

// RecallAt is the recall where so large a share is dropped; 0 for one not measured.
func (r Result) RecallAt(dropped float64) float64 {
	for _, a := range r.AtDrop {
		if a.Dropped == dropped {
			return a.Recall
		}
	}
	return 0
}

// Print writes r for people.
func (r Result) Print(w io.Writer) {
	fmt.Fprintf(w, "%d sentences, %d of them good or bad news\n\n", r.Sentences, r.Polar)
	fmt.Fprintf(w, "%-9s  %7s  %-35s  %s\n", "threshold", "dropped", "recall", "precision")
	for _, p := range append([]Point{r.Own}, r.Curve...) {
		name := fmt.Sprintf("%.2f", p.Threshold)
		if p.Threshold == 0 {
			name = "as set"
		}
		fmt.Fprintf(w, "%-9s  %5.1f %%  %-35s  %s\n", name, 100*p.Dropped.Value(), p.Recall, p.Precision)
	}
	fmt.Fprintf(w, "\nthe right sign, of good and bad news that go on: %s\n\n", r.Sign)
	for _, a := range r.AtDrop {
		fmt.Fprintf(w, "recall where %2.0f %% are dropped: %.3f (%.3f–%.3f)\n", 100*a.Dropped, a.Recall, a.Low, a.High)
	}
}
