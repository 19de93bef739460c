package discordtest

import (
	"net/http"
	"time"
)

// Invalid returns how many requests of the present ten minutes were answered
// with 401, 403 or 429, as Discord counts them.
func (s *Server) Invalid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !time.Now().Before(s.invalid.reset) {
		return 0
	}
	return s.invalid.used
}

// Banned reports whether everything is answered with HTML now.
func (s *Server) Banned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.banned)
}

// ban is the answer to those who are banned; else its status is 0.
func (s *Server) ban(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := time.Until(s.banned)
	if rest <= 0 {
		return answer{}
	}
	s.blameWait(c, "", time.Now())
	return html1015(rest)
}

// countInvalid counts an answer and bans after too many. What a shared resource
// refuses is nobody's fault.
func (s *Server) countInvalid(a answer, now time.Time) {
	switch {
	case now.Before(s.banned):
		return
	case a.status == http.StatusTooManyRequests && a.header.Get("X-RateLimit-Scope") == "shared":
		return
	case a.status != http.StatusUnauthorized && a.status != http.StatusForbidden && a.status != http.StatusTooManyRequests:
		return
	}
	s.invalid.take(now)
	if s.invalid.used == s.invalid.limit.Requests {
		s.banned = now.Add(s.config.Ban)
		s.invalid.reset = time.Time{}
	}
}
