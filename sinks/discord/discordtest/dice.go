package discordtest

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Odds is a share of the requests that meet a fault.
type Odds struct {
	Route string  // of the requests; any if empty
	Share float64 // 0 to 1
	Fault *Fault
}

// Dice returns a script of faults at random. Which request meets one depends on
// the seed, what the request is about (its nonce or message) and how often that
// was tried, not on the order in which requests come in: the same alerts meet
// the same trouble in each run. Of several odds for a route at most one comes true.
func Dice(seed uint64, odds ...Odds) func(Request) *Fault {
	tries := make(map[string]int)
	return func(r Request) *Fault {
		key := subject(r)
		tries[key]++
		x := chance(seed, key, tries[key]).Float64()
		for _, o := range odds {
			if o.Route != "" && o.Route != r.Route {
				continue
			}
			if x < o.Share {
				return o.Fault
			}
			x -= o.Share
		}
		return nil
	}
}

// Burst returns a script that fails all requests during the first length of
// each period, counted from the first request.
func Burst(period, length time.Duration, f *Fault) func(Request) *Fault {
	var start time.Time
	return func(r Request) *Fault {
		if start.IsZero() {
			start = r.At
		}
		if r.At.Sub(start)%period < length {
			return f
		}
		return nil
	}
}

// FirstOf returns a script with the first fault that one of scripts has.
func FirstOf(scripts ...func(Request) *Fault) func(Request) *Fault {
	return func(r Request) (fault *Fault) {
		for _, script := range scripts {
			if f := script(r); fault == nil { // all of them count the request
				fault = f
			}
		}
		return fault
	}
}

// Spread returns latencies for Config.Delay: log-normal round trips with the
// given median and 99th percentile, half of each before Discord sees the request
// and half after. They depend on what [Dice] depends on.
func Spread(seed uint64, median, p99 time.Duration) func(Request) (there, back time.Duration) {
	const z99 = 2.326
	sigma := math.Log(float64(p99)/float64(median)) / z99
	tries := make(map[string]int)
	return func(r Request) (there, back time.Duration) {
		key := "latency " + subject(r)
		tries[key]++
		trip := time.Duration(float64(median) * math.Exp(sigma*chance(seed, key, tries[key]).NormFloat64()))
		return trip / 2, trip - trip/2
	}
}

// subject is what a request is about.
func subject(r Request) string { return r.Route + " " + r.Channel + " " + r.Message + " " + r.Nonce }

func chance(seed uint64, key string, try int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(key))
	h.Write(strconv.AppendInt(nil, int64(try), 10))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
