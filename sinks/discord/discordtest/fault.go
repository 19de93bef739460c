package discordtest

import (
	"fmt"
	"net/http"
	"time"
)

// A Fault is how a request fails.
type Fault struct {
	// After lets the request take effect first: what fails is its answer.
	After bool
	// Stall waits for so long, or until the client is gone. With a Status the answer
	// then comes; without one the connection closes.
	Stall time.Duration
	// Status, Header and Body are the answer. Status 0 closes the connection
	// without one.
	Status int
	Header http.Header
	Body   string
	// Real is the real answer instead, whole or cut in the middle. It needs After.
	Real, Cut bool

	code int
	wait time.Duration // that the client is told
}

// Status is a failure with an error of Discord's: code is 0 for none.
func Status(status, code int, message string) *Fault {
	return &Fault{
		Status: status,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   fmt.Sprintf(`{"message": %q, "code": %d}`, message, code),
		code:   code,
	}
}

// Error is a failure with one of Discord's errors, with the status and the text
// that it has. What is a 429 asks to wait for a second.
func Error(code int) *Fault {
	e, known := texts[code]
	if !known {
		panic(fmt.Sprintf("discordtest: %d is not modelled", code))
	}
	if e.status != http.StatusTooManyRequests {
		return Status(e.status, code, e.text)
	}
	f := RateLimited("shared", time.Second)
	f.code = code
	f.Body = fmt.Sprintf(`{"message": %q, "retry_after": 1.000, "global": false, "code": %d}`, e.text, code)
	return f
}

// RateLimited is a 429 in Discord's form; scope is user, shared or global.
func RateLimited(scope string, wait time.Duration) *Fault {
	f := Status(http.StatusTooManyRequests, 0, "")
	f.wait = wait
	f.Header.Set("X-RateLimit-Scope", scope)
	f.Header.Set("Retry-After", wholeSeconds(wait))
	message := "You are being rate limited."
	switch scope {
	case "global":
		f.Header.Set("X-RateLimit-Global", "true")
	case "shared":
		message = "The resource is being rate limited."
	}
	f.Body = fmt.Sprintf(`{"message": %q, "retry_after": %.3f, "global": %t}`,
		message, wait.Seconds(), scope == "global")
	return f
}

// Blocked is a 429 of the network in front of Discord: HTML, whatever was asked.
func Blocked(wait time.Duration) *Fault {
	a := html1015(wait)
	return &Fault{Status: a.status, Header: a.header, Body: string(a.body.([]byte)), wait: wait}
}

// BadGateway is a 502 in HTML.
func BadGateway() *Fault {
	return &Fault{Status: http.StatusBadGateway, Body: "<html><h1>502 Bad Gateway</h1></html>"}
}

// Garbage is a 200 whose body is nothing.
func Garbage() *Fault {
	return &Fault{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: "{\"id\": \x00\xff"}
}

// Reset closes the connection without an answer.
func Reset() *Fault { return &Fault{} }

// Hang answers nothing until the client gives up.
func Hang() *Fault { return &Fault{Stall: 24 * time.Hour} }

// Slow gives the real answer, but late.
func Slow(wait time.Duration) *Fault { return &Fault{After: true, Real: true, Stall: wait} }

// Half closes the connection in the middle of the real answer.
func Half() *Fault { return &Fault{After: true, Real: true, Cut: true} }

// Done returns f for after the request has taken effect.
func (f *Fault) Done() *Fault {
	after := *f
	after.After = true
	return &after
}

// Script has fault decide, for each request, whether and how it fails. Nil ends
// it. It is called for one request at a time and must not call s.
func (s *Server) Script(fault func(Request) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = fault
}

// asAnswer is what the fault of c makes of the real answer.
func (s *Server) asAnswer(c *call, a answer) answer {
	f := c.fault
	if f.Real {
		a.stall, a.cut = f.Stall, f.Cut
		return a
	}
	a = answer{status: f.Status, header: f.Header.Clone(), body: []byte(f.Body), stall: f.Stall, code: f.code}
	if f.wait == 0 {
		return a
	}
	now := time.Now()
	a.until = now.Add(f.wait)
	scope := f.Header.Get("X-RateLimit-Scope")
	switch scope {
	case "":
		return a // about everything
	case "global":
		a.about = c.global()
		return a
	}
	a.about = c.key
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.bucket(c.key, s.routeLimit(c)); b != nil { // "normal route headers will also be sent"
		b.open(now)
		a = withHeaders(a, b.headers(s.kind(c), now))
		if scope == "user" {
			a.header.Set("X-RateLimit-Remaining", "0")
			tellReset(a.header, a.until, now)
		}
	}
	return a
}
