package discordtest

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// bucket is a fixed window: it opens with a request and closes after the
// limit's time.
type bucket struct {
	limit Limit
	used  int
	reset time.Time
}

// take counts a request and reports whether it is within the limit.
func (b *bucket) take(now time.Time) bool {
	if !now.Before(b.reset) {
		b.used, b.reset = 0, now.Add(b.limit.Per)
	}
	if b.used == b.limit.Requests {
		return false
	}
	b.used++
	return true
}

// limit counts a request and returns the headers that tell of its bucket, with a
// 429 if it was one too many.
func (s *Server) limit(route, channel string) (answer, http.Header) {
	limits := map[string]Limit{"create": s.config.Creates, "edit": s.config.Edits}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if b := s.bucket("global", s.config.Global); b != nil && !b.take(now) {
		h := http.Header{}
		h.Set("X-RateLimit-Global", "true")
		h.Set("X-RateLimit-Scope", "global")
		return tooMany(b.reset.Sub(now), true), h
	}
	b := s.bucket(route+" "+channel, limits[route])
	if b == nil {
		return answer{}, http.Header{}
	}
	within := b.take(now)
	rest := b.reset.Sub(now)
	h := http.Header{}
	h.Set("X-RateLimit-Limit", strconv.Itoa(b.limit.Requests))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(b.limit.Requests-b.used))
	h.Set("X-RateLimit-Reset", fmt.Sprintf("%.3f", float64(b.reset.UnixMilli())/1000))
	h.Set("X-RateLimit-Reset-After", fmt.Sprintf("%.3f", rest.Seconds()))
	h.Set("X-RateLimit-Bucket", fmt.Sprintf("%x", route))
	if within {
		return answer{}, h
	}
	h.Set("X-RateLimit-Scope", "user")
	return tooMany(rest, false), h
}

func (s *Server) bucket(name string, limit Limit) *bucket {
	if limit.Requests == 0 {
		return nil
	}
	b := s.buckets[name]
	if b == nil {
		b = &bucket{limit: limit}
		s.buckets[name] = b
	}
	return b
}

func tooMany(wait time.Duration, global bool) answer {
	h := http.Header{}
	h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return answer{
		status: http.StatusTooManyRequests,
		header: h,
		body: map[string]any{
			"message":     "You are being rate limited.",
			"retry_after": math.Ceil(wait.Seconds()*1000) / 1000,
			"global":      global,
		},
	}
}
