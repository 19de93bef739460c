package flows

import (
	"errors"
	"time"
)

// Permanent marks err as one that the same message will always meet: it is not
// retried, and the message is poisoned at once. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// IsPermanent reports whether err, or an error it wraps, is [Permanent].
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// RetryAfter marks err as one to try again no sooner than wait from now, or than
// an hour if wait is longer: the message is in hand meanwhile.
// RetryAfter(nil, wait) is nil.
func RetryAfter(err error, wait time.Duration) error {
	if err == nil {
		return nil
	}
	return retryAfterError{err, wait}
}

type retryAfterError struct {
	error
	wait time.Duration
}

func (e retryAfterError) Unwrap() error { return e.error }

// retryWait returns how long err asks to be left alone; zero if it does not.
func retryWait(err error) time.Duration {
	var r retryAfterError
	if errors.As(err, &r) {
		return r.wait
	}
	return 0
}

// An UnavailableError says that a dependency is down, which is not the
// message's fault. See [Unavailable].
type UnavailableError struct {
	Dependency string        // as the operator knows it: "postgres", "discord"
	Err        error         // what was seen
	Wait       time.Duration // when to look again; zero leaves it to the engine
	Aside      bool          // few need it: see [Aside]
}

func (e *UnavailableError) Error() string { return e.Dependency + " is unavailable: " + e.Err.Error() }
func (e *UnavailableError) Unwrap() error { return e.Err }

// Unavailable marks err as the outage of a dependency. Its message is parked:
// no attempt is counted, the segment takes in nothing new, and from time to
// time (after wait, of which no more than an hour is believed, or a growing interval
// if wait is zero) one message goes ahead to see whether the dependency has
// returned. Unavailable(d, nil, w) is nil.
func Unavailable(dependency string, err error, wait time.Duration) error {
	if err == nil {
		return nil
	}
	return &UnavailableError{Dependency: dependency, Err: err, Wait: wait}
}

// Aside is [Unavailable] for a dependency that few of the segment's messages need: only
// the message is parked, and looks for itself whether the dependency has returned, while
// the segment takes in others. It is in hand meanwhile, so engine.in_flight bounds how
// many can be. Aside(d, nil, w) is nil.
func Aside(dependency string, err error, wait time.Duration) error {
	if err == nil {
		return nil
	}
	return &UnavailableError{Dependency: dependency, Err: err, Wait: wait, Aside: true}
}

// AsUnavailable returns the UnavailableError in err's chain, if there is one.
func AsUnavailable(err error) (*UnavailableError, bool) {
	var u *UnavailableError
	ok := errors.As(err, &u)
	return u, ok
}
