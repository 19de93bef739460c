package intake

import (
	"fmt"
	"testing"
)

func TestSeenIsBoundedAndNeverForgetsTheDocument(t *testing.T) {
	var s Seen
	add := func(from, to int) (fresh int) {
		for i := from; i < to; i++ {
			if key := fmt.Sprint(i); !s.Has(key) {
				fresh++
				s.Add(key)
			}
		}
		s.Rotate()
		return fresh
	}
	if got := add(0, 3*keep); got != 3*keep {
		t.Fatalf("%d of a new document are fresh", got)
	}
	for range 3 {
		if got := add(0, 3*keep); got != 0 {
			t.Errorf("%d of the same document are fresh", got)
		}
	}
	for i := range 100 {
		add(1000*i, 1000*i+100)
		if n := len(s.now) + len(s.before); n > 6*keep {
			t.Fatalf("%d keys are kept", n)
		}
	}
}
