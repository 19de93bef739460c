package llm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Class says what kind of failure an error is; [Class.Policy] says what follows.
type Class string

const (
	RateMinute    Class = "rate_minute"    // too many requests or tokens in a short time
	QuotaDay      Class = "quota_day"      // the day's quota is used up
	Auth          Class = "auth"           // the key is wrong, revoked or not allowed
	Billing       Class = "billing"        // no credit
	ModelMissing  Class = "model_missing"  // the server has no such model or address
	BadRequest    Class = "bad_request"    // refused for a reason that has no class
	Context       Class = "context"        // longer than the model's context
	ContentFilter Class = "content_filter" // blocked, or the model refused
	Overloaded    Class = "overloaded"     // the server is up and cannot now
	Timeout       Class = "timeout"        // the whole call took too long
	FirstToken    Class = "first_token"    // no content began in time
	BadJSON       Class = "bad_json"       // the answer is not what the schema says
	Truncated     Class = "truncated"      // the answer hit a token limit
	Network       Class = "network"        // no connection, or it broke
	Canceled      Class = "canceled"       // we stopped waiting
	Budget        Class = "budget"         // the money set aside is used up, or the price is unknown
)

// A Policy is what follows from a class of error.
type Policy struct {
	Retry  bool          // ask the same provider again after a wait
	Repair bool          // ask the same provider once more at once, saying what was wrong
	Counts bool          // towards opening the provider's breaker
	Open   time.Duration // opens the breaker at once, for so long or for the error's RetryAfter
	Outage bool          // no fault of the item: it is kept until a provider returns
	Page   bool          // somebody has to act: credentials, money, a missing model
	// Longest is the most that a server is believed that asks to be left alone.
	Longest time.Duration
}

var policies = map[Class]Policy{
	RateMinute:    {Retry: true, Open: 10 * time.Second, Outage: true, Longest: time.Hour},
	QuotaDay:      {Open: time.Hour, Outage: true, Longest: 25 * time.Hour},
	Auth:          {Open: 15 * time.Minute, Outage: true, Page: true},
	Billing:       {Open: 15 * time.Minute, Outage: true, Page: true},
	ModelMissing:  {Open: 15 * time.Minute, Outage: true, Page: true},
	BadRequest:    {Counts: true},
	Context:       {},
	ContentFilter: {},
	Overloaded:    {Retry: true, Counts: true, Outage: true, Longest: 10 * time.Minute},
	Timeout:       {Counts: true, Outage: true},
	FirstToken:    {Counts: true, Outage: true},
	BadJSON:       {Repair: true},
	Truncated:     {},
	Network:       {Retry: true, Counts: true, Outage: true},
	Canceled:      {},
	Budget:        {},
}

// Policy returns what follows from c. A class that is none of the above has the
// policy of BadRequest.
func (c Class) Policy() Policy {
	if p, ok := policies[c]; ok {
		return p
	}
	return policies[BadRequest]
}

// An Error is a failed call. Its text has no secrets in it: see [Redact].
type Error struct {
	Class    Class
	Provider string
	Model    string
	Status   int // of HTTP; 0 where there was none
	// RetryAfter is how long the server asks to be left alone; zero if it did not.
	RetryAfter time.Duration
	Rates      []Rate // what the server said of its limits with it
	Err        error  // what was seen
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Provider != "" {
		b.WriteString(e.Provider + ": ")
	}
	b.WriteString(string(e.Class))
	if e.Status != 0 {
		b.WriteString(" (" + strconv.Itoa(e.Status) + ")")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error of a class.
func Errorf(c Class, format string, args ...any) *Error {
	return &Error{Class: c, Err: fmt.Errorf(format, args...)}
}

// AsError returns the Error in err's chain. An error without one is of class
// Canceled if it comes from an ended context, else Network.
func AsError(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Class: Canceled, Err: err}
	}
	return &Error{Class: Network, Err: err}
}

// ClassOfStatus is the class of an HTTP status, for want of better knowledge of
// the provider's bodies.
func ClassOfStatus(status int) Class {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Auth
	case status == http.StatusPaymentRequired:
		return Billing
	case status == http.StatusNotFound:
		return ModelMissing
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		return Timeout
	case status == http.StatusRequestEntityTooLarge:
		return Context
	case status == http.StatusTooManyRequests:
		return RateMinute
	case status >= 500: // 529 is Anthropic's and others' "overloaded"
		return Overloaded
	}
	return BadRequest
}

// Says reports whether a server's message has one of the words, which are in lower
// case, in it.
func Says(message string, words ...string) bool {
	message = strings.ToLower(message)
	for _, w := range words {
		if strings.Contains(message, w) {
			return true
		}
	}
	return false
}

// RetryAfter reads how long a server asks to be left alone from the headers
// Retry-After-Ms and Retry-After (seconds or a date). Zero if it does not say.
func RetryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 && ms < 1e12 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil && s > 0 && s < 1e9 {
		return time.Duration(s * float64(time.Second))
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

var retryIn = regexp.MustCompile(`(?i)(?:try again|retry) in ((?:[0-9.]+(?:ms|h|m|s))+)`)

// RetryIn reads how long a server asks to be left alone from what it says, as
// "Please try again in 7m12s." Zero if it does not say.
func RetryIn(text string) time.Duration {
	found := retryIn.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	wait, err := time.ParseDuration(found[1])
	if err != nil {
		return 0
	}
	return max(0, wait)
}
