package discordtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Request is one that came in.
type Request struct {
	N        int    // counts from 1
	Route    string // create, edit, delete, read, get, thread, me, execute, webhook edit, …
	Channel  string
	Webhook  string // id
	Message  string // of an edit
	Nonce    string // of a create
	At       time.Time
	Status   int // of the answer; 0 if there was none, or not yet
	Code     int // Discord's own, of an error
	Answered time.Time
}

// Requests returns every request in the order they came in.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Statuses counts the answers by status; 0 counts requests without one.
func (s *Server) Statuses() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[int]int)
	for i := range s.requests {
		counts[s.requests[i].Status]++
	}
	return counts
}

// MostAtOnce returns how many requests of each route were under way at the same
// time at most.
func (s *Server) MostAtOnce() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.mostBusy)
}

func (s *Server) begin(rt route, r *http.Request, body []byte) *call {
	var nonce struct{ Nonce any }
	json.Unmarshal(body, &nonce)
	c := &call{Request: r, route: rt, body: body, grace: s.config.Grace, author: r.PathValue("webhook")}
	if !rt.webhook {
		c.author = botID(strings.TrimPrefix(r.Header.Get("Authorization"), "Bot "))
	}
	if c.grace == 0 && r.Context().Value(inProcess{}) == nil {
		c.grace = 50 * time.Millisecond
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.req = Request{
		N:       len(s.requests) + 1,
		Route:   rt.name,
		Channel: s.place(c),
		Webhook: r.PathValue("webhook"),
		Message: r.PathValue("message"),
		At:      time.Now(),
	}
	c.req.Nonce, _ = nonce.Nonce.(string)
	resource := c.req.Channel
	if rt.webhook {
		resource = c.req.Webhook
	}
	c.key = s.kind(c) + " " + c.author + " " + resource
	s.requests = append(s.requests, c.req)
	s.inFlight[rt.name]++
	s.mostBusy[rt.name] = max(s.mostBusy[rt.name], s.inFlight[rt.name])
	c.there = s.config.Latency
	if s.config.Delay != nil {
		there, back := s.config.Delay(c.req)
		c.there, c.back = c.there+there, back
	}
	if s.script != nil {
		c.fault = s.script(c.req)
	}
	return c
}

func (s *Server) end(c *call, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight[c.req.Route]--
	if a.status == 0 {
		return
	}
	now := time.Now()
	r := &s.requests[c.req.N-1]
	r.Status, r.Code, r.Answered = a.status, a.code, now
	if c.req.N > s.forgotten {
		s.learn(c, a, now)
	}
	s.countInvalid(a, now)
}
