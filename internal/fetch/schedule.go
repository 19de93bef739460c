package fetch

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// asked returns how long a server wants to be left alone: what Retry-After says,
// else for how long it calls its answer fresh.
func asked(h http.Header, now time.Time) time.Duration {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date // the server's clock, not ours
	}
	if v := h.Get("Retry-After"); v != "" {
		if at, err := http.ParseTime(v); err == nil {
			return max(0, at.Sub(now))
		}
		return seconds(v)
	}
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-cache", "no-store":
			return 0
		case "max-age":
			return max(0, seconds(strings.Trim(value, `"`))-seconds(h.Get("Age")))
		}
	}
	if at, err := http.ParseTime(h.Get("Expires")); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func seconds(s string) time.Duration {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > 1<<31 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// Next returns how long to wait after an answer: every, or as long as the server
// asks (see Response.Wait) up to most.
func Next(every, asked, most time.Duration) time.Duration {
	return max(every, min(asked, most))
}

// Backoff returns how long to wait after so many failures in a row: every, twice
// that, and so on up to most, and a random quarter more, so that those who failed
// together do not come back together.
func Backoff(failures int, every, most time.Duration) time.Duration {
	wait := every
	for ; failures > 1 && wait < most; failures-- {
		wait *= 2
	}
	wait = max(every, min(wait, most))
	return wait + rand.N(wait/4+1)
}
