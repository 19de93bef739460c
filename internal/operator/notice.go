package operator

import (
	"context"
	"errors"
	"time"
)

// A Kind is what a notice is about.
type Kind string

const (
	Boot      Kind = "boot"
	Shutdown  Kind = "shutdown"
	Heartbeat Kind = "heartbeat"
	Page      Kind = "page"  // something has to be mended
	Clear     Kind = "clear" // and that is over
)

// A Level is how much a notice matters.
type Level int

const (
	Info Level = iota
	Good
	Warning
	Critical
)

// A Notice is what the operator is told. Its text is plain: whoever shows it makes it
// safe there.
type Notice struct {
	ID          string // two notices with one ID are the same
	Kind        Kind
	Level       Level
	Title, Text string
	Todo        string    // the one thing to do next; may be empty
	Since       time.Time // when it began; may be zero
	At          time.Time
	From        string // which pipeline and machine
	Fields      []Field
}

// A Field is a named value of a notice.
type Field struct{ Name, Value string }

// A Poster shows notices to the operator. Posting one again shows it once. After an
// error it may have been shown or not; it comes again later, unless the error is a
// PostError that says otherwise.
type Poster interface {
	Post(ctx context.Context, n Notice) error
}

// A PostError says what is to be done about a notice that was not posted.
type PostError struct {
	Refused bool          // the notice is at fault and always will be
	Wait    time.Duration // no sooner than that
	Todo    string        // for the operator, if only that helps
	Err     error
}

func (e *PostError) Error() string { return e.Err.Error() }
func (e *PostError) Unwrap() error { return e.Err }

func postError(err error) *PostError {
	if e, ok := errors.AsType[*PostError](err); ok {
		return e
	}
	return &PostError{Err: err}
}
