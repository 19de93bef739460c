package discordtest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A Violation is a request that a careful client would not have sent.
type Violation struct {
	Rule    string
	Request Request
	Detail  string
}

// The rules that violations are about. A client is blamed only for what it had
// been told before it sent the request, see Config.Grace.
const (
	// RuleWait: it had been told that nothing remains until a reset, or by a 429
	// to wait, and the time was not over when the request came in.
	RuleWait = "did not wait"
	// RuleLimit: it broke a limit whose first 429 it had seen.
	RuleLimit = "broke a known limit"
	// RuleGone: it called a webhook that it knew to be gone.
	RuleGone = "called a webhook that is gone"
	// RulePing: the message could ping somebody if its text were to say so.
	RulePing = "may ping"
)

// Violations returns what a careful client would not have sent, in its order.
func (s *Server) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Forget forgets what the client has been told, as a client does that is
// started again. Limits and messages stay. What is under way was sent by the
// client that is no more: its answers tell nobody anything.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten = len(s.requests)
	clear(s.told)
	clear(s.goneHooks)
}

// knowledge is what the client has been told about a bucket.
type knowledge struct {
	since, until time.Time // told to wait
	limited      time.Time // of the first 429 that the bucket itself gave
}

// learn notes what the client knows from now on.
func (s *Server) learn(c *call, a answer, now time.Time) {
	if a.code == 10015 {
		s.goneHooks[c.PathValue("webhook")] = now
	}
	if a.until.IsZero() {
		return
	}
	k := s.told[a.about]
	if k == nil {
		k = new(knowledge)
		s.told[a.about] = k
	}
	if a.until.After(k.until) {
		k.since, k.until = now, a.until
	}
	if a.limit && a.status == http.StatusTooManyRequests && k.limited.IsZero() {
		k.limited = now
	}
}

// knew reports whether c was sent by a client that knew what it was told then.
func (c *call) knew(then time.Time) bool {
	return !then.IsZero() && c.req.At.After(then.Add(c.grace))
}

// judge looks whether c should have been sent.
func (s *Server) judge(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, bucket := range []string{"", c.global(), c.key} {
		s.blameWait(c, bucket, now)
	}
	if gone := s.goneHooks[c.PathValue("webhook")]; c.route.webhook && c.knew(gone) {
		s.blame(c, RuleGone, "it was told so at "+gone.Format(time.TimeOnly))
	}
}

func (s *Server) blameWait(c *call, key string, now time.Time) {
	if k := s.told[key]; k != nil && now.Before(k.until) && c.knew(k.since) {
		s.blame(c, RuleWait, fmt.Sprintf("%s too early", k.until.Sub(now)))
	}
}

func (s *Server) blameLimit(c *call, key string) {
	if k := s.told[key]; k != nil && c.knew(k.limited) {
		s.blame(c, RuleLimit, "the first 429 was at "+k.limited.Format(time.TimeOnly))
	}
}

func (s *Server) blamePings(c *call, v Version) {
	if len(v.Pings) > 0 {
		s.violations = append(s.violations, Violation{RulePing, c.req, fmt.Sprint(v.Pings)})
	}
}

// blame records the first violation of a request.
func (s *Server) blame(c *call, rule, detail string) {
	if !c.blamed {
		s.violations = append(s.violations, Violation{rule, c.req, detail})
	}
	c.blamed = true
}
