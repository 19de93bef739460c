package llm

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNothing(t *testing.T) {
	for text := range nothing {
		for _, said := range []string{text, " " + strings.ToUpper(text) + ". ", strings.ReplaceAll(strings.ReplaceAll(text, "i", "İ"), "k", "\u212a")} {
			if !isNothing(said) {
				t.Errorf("%q says something", said)
			}
		}
	}
	for _, said := range []any{"nothing", "not applicable here", 0.0, nil, false} {
		if isNothing(said) {
			t.Errorf("%v says nothing", said)
		}
	}
}

// TestShapeIsTheSchema changes answers of every kind in all ways, and asks both.
func TestShapeIsTheSchema(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	things := []any{
		nil, true, "", "high", "x", 0.0, -1.0, 1.0, 1.0000001, -1.5, 1e300, math.SmallestNonzeroFloat64,
		[]any{}, []any{"a"}, []any{"a", 1.0}, []any{nil}, map[string]any{}, "bullish", "low", "days", "none", "unknown",
	}
	fits, fails := 0, 0
	for name, k := range map[string]*kind{"plain": plain, "earnings": kinds["earnings"], "dilution": kinds["dilution"], "8-k": kinds["8-k"]} {
		names := []string{"", "foreign", "item"}
		for field := range k.shape.fields {
			names = append(names, field)
		}
		for range 3000 {
			o := object{
				"reasoning": "So it is.", "direction": "bullish", "score": 0.5, "confidence": 1.0, "catalysts": []any{"one"},
				"key_figures": []any{}, "risk": "low", "urgency": "critical", "horizon": "weeks",
			}
			for _, d := range k.details {
				o[d.name] = "12"
				if d.words != nil {
					o[d.name] = d.words[rng.IntN(len(d.words))]
				}
			}
			for range rng.IntN(3) {
				field := names[rng.IntN(len(names))]
				delete(o, field)
				if rng.IntN(3) > 0 {
					o[field] = things[rng.IntN(len(things))]
				}
			}
			valid := k.usable.Validate(map[string]any(o)) == nil
			if k.shape.fits(o) != valid {
				t.Fatalf("%s: fits %v, valid %v: %v", name, !valid, valid, o)
			}
			if valid {
				fits++
			} else {
				fails++
			}
		}
	}
	if fits < 1000 || fails < 1000 {
		t.Errorf("%d valid and %d others: nothing is shown", fits, fails)
	}
}
