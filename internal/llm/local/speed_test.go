package local

import (
	"testing"
	"time"

	"catalyst/internal/llm"
)

func TestTokensPerSecond(t *testing.T) {
	for name, test := range map[string]struct {
		r    llm.Response
		want float64
	}{
		"by the server's measure":   {llm.Response{TokensOut: 100, TokensPerSecond: 42, FirstToken: time.Second, Latency: 2 * time.Second}, 42},
		"since the first token":     {llm.Response{TokensOut: 100, FirstToken: time.Second, Latency: 3 * time.Second}, 50},
		"too short to tell":         {llm.Response{TokensOut: 5, TokensPerSecond: 42}, 0},
		"all at once":               {llm.Response{TokensOut: 100, FirstToken: time.Second, Latency: time.Second}, 0},
		"without a first token":     {llm.Response{TokensOut: 100, Latency: time.Second}, 0},
		"a server that counts none": {llm.Response{}, 0},
	} {
		if got := tokensPerSecond(test.r); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// Answers that share the GPU are slower each, which says nothing about the GPU.
func TestPaceComparesLikeWithLike(t *testing.T) {
	var p pace
	for range 30 {
		p.add(1, 40)
	}
	for range 30 {
		p.add(4, 12)
	}
	if p.below(0.5) {
		t.Error("four at a time are taken for a slow GPU")
	}
	p.add(4, 1) // one that stalled
	if p.below(0.5) {
		t.Error("one slow answer is taken for a slow GPU")
	}
	for range 10 {
		p.add(4, 5)
	}
	if !p.below(0.5) || p.below(0) {
		t.Error("12 tokens a second fell to 5, and nobody noticed")
	}
	p.add(0, 100)
	p.add(1000, 100)
	p.add(1, 0)
	if len(p.beside) != 2 {
		t.Errorf("followed %d numbers of calls, want two", len(p.beside))
	}
}
