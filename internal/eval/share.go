// Package eval holds the arithmetic of `pipeline eval`: shares of what was counted, and
// how far they can be trusted.
package eval

import (
	"fmt"
	"math"
)

// A Share is how many of a number of cases were hits.
type Share struct {
	Hits int `json:"hits"`
	Of   int `json:"of"`
}

// Add counts a case.
func (s *Share) Add(hit bool) {
	s.Of++
	if hit {
		s.Hits++
	}
}

// Value is the share, 0 … 1; 0 where there was no case.
func (s Share) Value() float64 {
	if s.Of == 0 {
		return 0
	}
	return float64(s.Hits) / float64(s.Of)
}

// Bounds is the 95 % interval of the share that the cases are a sample of, by Wilson's
// score (Wilson 1927, "Probable inference, the law of succession, and statistical
// inference"). Without a case it is 0 … 1.
func (s Share) Bounds() (low, high float64) {
	if s.Of == 0 {
		return 0, 1
	}
	const z = 1.959964 // 97.5 % of the normal distribution lie below
	n, p := float64(s.Of), s.Value()
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, middle-half), min(1, middle+half)
}

// String is like "0.973 (146 of 150, 0.933–0.990)".
func (s Share) String() string {
	low, high := s.Bounds()
	return fmt.Sprintf("%.3f (%d of %d, %.3f–%.3f)", s.Value(), s.Hits, s.Of, low, high)
}
