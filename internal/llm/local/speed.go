package local

import (
	"slices"
	"time"

	"catalyst/internal/llm"
)

const (
	speedWindow  = 12 // answers of which the median counts
	speedMin     = 16 // tokens of an answer that tells anything about speed
	speedMinTime = 10 * time.Millisecond
	speedCalls   = 32 // calls at the same time beyond which speed is not followed
)

// A pace is how fast a model writes. Calls share the GPU, so answers are compared
// only with those that had as many others beside them.
type pace struct {
	beside map[int]*speed
	now    float64 // tokens a second, the median of the latest answers
}

// A speed compares the latest answers with the first.
type speed struct {
	recent []float64
	fresh  float64 // median of the first window; 0 before it is full
	after  int     // answers since
}

// add takes in an answer written while so many calls were under way.
func (p *pace) add(calls int, tokensPerSecond float64) {
	if tokensPerSecond <= 0 || calls < 1 || calls > speedCalls {
		return
	}
	if p.beside == nil {
		p.beside = map[int]*speed{}
	}
	s := p.beside[calls]
	if s == nil {
		s = &speed{}
		p.beside[calls] = s
	}
	s.add(tokensPerSecond)
	p.now = median(s.recent)
}

func (s *speed) add(v float64) {
	if len(s.recent) == speedWindow {
		s.recent = s.recent[1:]
	}
	s.recent = append(s.recent, v)
	switch {
	case s.fresh > 0:
		s.after++
	case len(s.recent) == speedWindow:
		s.fresh = median(s.recent)
	}
}

// below reports whether answers have become slower than a share of what they were.
func (p *pace) below(share float64) bool {
	for _, s := range p.beside {
		if s.after >= speedWindow && median(s.recent) < share*s.fresh {
			return true
		}
	}
	return false
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// tokensPerSecond goes by the server's own measure, or else by the time since the
// first token. 0 is unknown.
func tokensPerSecond(r llm.Response) float64 {
	writing := r.Latency - r.FirstToken
	switch {
	case r.TokensOut < speedMin:
		return 0
	case r.TokensPerSecond > 0:
		return r.TokensPerSecond
	case r.FirstToken <= 0 || writing < speedMinTime:
		return 0
	}
	return float64(r.TokensOut) / writing.Seconds()
}
