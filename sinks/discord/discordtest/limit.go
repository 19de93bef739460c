package discordtest

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"time"
)

// A Limit is a number of requests in a time; the zero Limit is none.
type Limit struct {
	Requests int
	Per      time.Duration
}

func (l Limit) or(other Limit) Limit {
	if l.Requests == 0 {
		return other
	}
	return l
}

// bucket is a fixed window: it opens with a request and closes after the
// limit's time.
type bucket struct {
	limit Limit
	used  int
	reset time.Time
}

// take counts a request and reports whether it is within the limit.
func (b *bucket) take(now time.Time) bool {
	b.open(now)
	if b.used == b.limit.Requests {
		return false
	}
	b.used++
	return true
}

func (b *bucket) open(now time.Time) {
	if !now.Before(b.reset) {
		b.used, b.reset = 0, now.Add(b.limit.Per)
	}
}

// headers tell of the bucket; its id leaves out the channel, as Discord's does.
func (b *bucket) headers(kind string, now time.Time) http.Header {
	id := fnv.New64a()
	fmt.Fprint(id, kind, b.limit)
	h := http.Header{}
	h.Set("X-RateLimit-Limit", strconv.Itoa(b.limit.Requests))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(b.limit.Requests-b.used))
	tellReset(h, b.reset, now)
	h.Set("X-RateLimit-Bucket", fmt.Sprintf("%016x", id.Sum64()))
	return h
}

func tellReset(h http.Header, reset, now time.Time) {
	h.Set("X-RateLimit-Reset", millis(time.Duration(reset.UnixNano())))
	h.Set("X-RateLimit-Reset-After", millis(reset.Sub(now)))
}

// kind names the routes that count together.
func (s *Server) kind(c *call) string {
	if s.config.OneBucket && c.route.name == "edit" {
		return "create"
	}
	return c.route.name
}

// routeLimit is what one caller may do to one channel, or with one webhook.
func (s *Server) routeLimit(c *call) Limit {
	room := s.config.Rooms[s.place(c)]
	switch s.kind(c) {
	case "create":
		return room.Creates.or(s.config.Creates)
	case "edit":
		return room.Edits.or(s.config.Edits)
	case "thread":
		return s.config.Threads
	case "execute":
		return s.config.Executes
	case "webhook edit":
		return s.config.WebhookEdits
	}
	return Limit{}
}

// limit counts a request. The answer is a 429 if it was one too many, and else
// has but the headers that tell of the bucket.
func (s *Server) limit(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if b := s.bucket(c.global(), s.config.Global); b != nil && !b.take(now) {
		s.blameLimit(c, c.global())
		return tooMany("global", 0, b.reset.Sub(now), c.global())
	}
	a := answer{header: http.Header{}}
	if b := s.bucket(c.key, s.routeLimit(c)); b != nil {
		within := b.take(now)
		a.header = b.headers(s.kind(c), now)
		if !within {
			s.blameLimit(c, c.key)
			return withHeaders(tooMany("user", 0, b.reset.Sub(now), c.key), a.header)
		}
		if b.used == b.limit.Requests {
			a.until, a.about = b.reset, c.key
		}
	}
	if refused := s.hidden(c, now); refused.status != 0 {
		return withHeaders(refused, a.header)
	}
	return a
}

// hidden applies the limits that no header tells of.
func (s *Server) hidden(c *call, now time.Time) answer {
	channel := s.place(c)
	room := s.config.Rooms[channel]
	type rule struct {
		scope, bucket string
		limit         Limit
		code          int
	}
	var rules []rule
	switch c.route.name {
	case "create":
		rules = []rule{
			{"user", "slowmode " + c.author + " " + channel, perMessage(room.Slowmode), 20016},
			{"shared", "server writes", s.config.ServerWrites, 20029},
			{"shared", "writes " + channel, room.Writes.or(s.config.Writes), 20028},
		}
	case "execute":
		rules = []rule{{"shared", "writes " + channel, room.Writes.or(s.config.Writes), 0}}
	case "edit":
		rules = []rule{{"shared", "announcements " + channel, room.Announcements, 20022}}
	}
	for _, r := range rules {
		if b := s.bucket(r.bucket, r.limit); b != nil && !b.take(now) {
			a := tooMany(r.scope, r.code, b.reset.Sub(now), c.key)
			a.limit = false // nobody can know it before it is met, nor how full it is
			return a
		}
	}
	return answer{}
}

func perMessage(d time.Duration) Limit {
	if d == 0 {
		return Limit{}
	}
	return Limit{1, d}
}

// tooOften limits the edits of messages older than an hour.
func (s *Server) tooOften(m *Message, now time.Time) answer {
	if now.Sub(m.Versions[0].At) < time.Hour {
		return answer{}
	}
	key := "old edits " + m.Channel
	if b := s.bucket(key, s.config.OldEdits); !b.take(now) {
		a := tooMany("user", 30046, b.reset.Sub(now), key)
		a.limit = false
		return a
	}
	return answer{}
}

func withHeaders(a answer, h http.Header) answer {
	for name, values := range h {
		a.header[name] = values
	}
	return a
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

// global is the bucket of all requests of a bot, or of the address that webhooks
// are called from.
func (c *call) global() string {
	if c.route.webhook {
		return "global"
	}
	return "global " + c.author
}
