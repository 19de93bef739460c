// Package prices knows what a call to a model costs. The prices are a dated table,
// prices.yaml, which is part of the program; a file of the same form replaces models
// of it or adds some.
//
// A model nobody has a price for is unknown, never free: whoever asks is told, and
// decides. The sum of a call is rounded up to the next nano-dollar; what is beyond
// an int64 (nine billion dollars) stays there.
package prices

import (
	"math"
	"math/bits"

	"catalyst/internal/llm"
)

// A Price is what a million tokens cost. The zero Price is free.
type Price struct {
	Rates
	batch Nano   // share of the rates that is asked in a batch; 0 is none
	long  []long // the rates of long prompts, by their length
}

// Free is the price of a model that costs nothing by the token.
var Free Price

// Rates are in nano-dollars per million tokens, so that no price has a fraction.
type Rates struct {
	In  Nano `json:"in"`  // of a prompt
	Out Nano `json:"out"` // of an answer with its thoughts
	// CacheRead is for what of a prompt came from the server's cache, CacheWrite for what
	// was put there for five minutes, CacheWrite1h for an hour.
	CacheRead    Nano `json:"cache_read"`
	CacheWrite   Nano `json:"cache_write"`
	CacheWrite1h Nano `json:"cache_write_1h"`
}

// long are the rates of a whole request whose prompt has more than above tokens.
type long struct {
	above int
	Rates
}

// Cost is what r cost, in nano-dollars. Cached and written tokens are part of
// TokensIn and priced apart; what was written is taken to be kept for five minutes,
// as servers do unless they are asked. Numbers below 0 count as 0.
func (p Price) Cost(r llm.Response) int64 {
	in, read, written, out := max(r.TokensIn, 0), max(r.TokensCached, 0), max(r.TokensWritten, 0), max(r.TokensOut, 0)
	plain := max(in-read, 0)
	plain = max(plain-written, 0)
	rates := p.of(in)
	var s sum
	s.add(plain, rates.In)
	s.add(read, rates.CacheRead)
	s.add(written, rates.CacheWrite)
	s.add(out, rates.Out)
	return s.nanoDollars()
}

// Worst is the most that a call with a prompt of tokensIn and an answer of tokensOut
// tokens can cost, in nano-dollars: nothing is found in the server's cache, and the
// whole prompt may be put there.
func (p Price) Worst(tokensIn, tokensOut int) int64 {
	rates := p.of(tokensIn)
	var s sum
	s.add(max(tokensIn, 0), max(rates.In, rates.CacheRead, rates.CacheWrite))
	s.add(max(tokensOut, 0), rates.Out)
	return s.nanoDollars()
}

// Batch is the price of the same model in its provider's batch API; false if it has
// none.
func (p Price) Batch() (Price, bool) {
	if p.batch == 0 {
		return Price{}, false
	}
	b := Price{Rates: p.Rates.times(p.batch)}
	for _, l := range p.long {
		b.long = append(b.long, long{l.above, l.Rates.times(p.batch)})
	}
	return b, true
}

// of returns the rates of a request whose prompt has so many tokens.
func (p Price) of(tokensIn int) Rates {
	rates := p.Rates
	for _, l := range p.long {
		if tokensIn > l.above {
			rates = l.Rates
		}
	}
	return rates
}

// times returns the rates multiplied by a share, rounded up.
func (r Rates) times(share Nano) Rates {
	for _, rate := range []*Nano{&r.In, &r.Out, &r.CacheRead, &r.CacheWrite, &r.CacheWrite1h} {
		hi, lo := bits.Mul64(uint64(*rate), uint64(share))
		*rate = Nano(divideUp(hi, lo, one))
	}
	return r
}

// A sum of tokens times rates, in 128 bits: neither a lying server nor a
// mistyped price makes it turn over.
type sum struct{ hi, lo uint64 }

func (s *sum) add(tokens int, rate Nano) {
	hi, lo := bits.Mul64(uint64(tokens), uint64(rate))
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi, _ = bits.Add64(s.hi, hi, carry) // four products of 63 bits each fit
}

func (s *sum) nanoDollars() int64 { return divideUp(s.hi, s.lo, 1_000_000) }

// divideUp divides a number of 128 bits and rounds up; what does not fit is the
// largest number that does.
func divideUp(hi, lo, by uint64) int64 {
	if hi >= by {
		return math.MaxInt64
	}
	quotient, rest := bits.Div64(hi, lo, by)
	if quotient >= math.MaxInt64 {
		return math.MaxInt64
	}
	if rest > 0 {
		quotient++
	}
	return int64(quotient)
}
