package flows

import (
	"context"
	"log/slog"
	"time"
)

// A Stage changes, drops or fails messages.
//
// Process returns the messages that go on, in any order. A message it leaves out
// must have been settled with Drop or Fail, or been Split; an error fails all
// it was given and has not settled. They come again one by one, so that none shares
// the end of another. It starts no goroutine that outlives the call.
// It may be called concurrently, and again with a message it has already seen: the
// second time it must come to an answer that does no harm. It leaves the slice it was
// given as it is. Package flowstest checks all this.
//
// ctx ends at the stage's timeout or when the process must stop now; that is an
// error, never a reason to drop. Batches have at least one message.
type Stage interface {
	Process(ctx context.Context, batch []*Message) ([]*Message, error)
}

// A Sink takes messages out of the pipeline.
//
// Deliver makes the effect of every message and returns nil when all are
// durable outside. Messages it could not deliver it settles with Fail; an
// error fails all it has not settled. Called again with a message whose
// effect was made, it returns nil without repeating the effect. It may be
// called concurrently, but never twice at once with the same message ID.
type Sink interface {
	Deliver(ctx context.Context, batch []*Message) error
}

// An Announcer is a Sink that can show an item before it is analysed; Deliver
// then completes what Announce has shown. The same rules hold for it as for Deliver.
type Announcer interface {
	Announce(ctx context.Context, batch []*Message) error
}

// A Reporter is a Sink that can show that a message's analysis will not come,
// or not yet: the engine calls Report when a message was parked or poisoned.
// It is a courtesy: an error is logged and changes no fate.
type Reporter interface {
	Report(ctx context.Context, m *Message, o Outcome) error
}

// A Source finds items and publishes them.
//
// Run blocks until ctx ends (it then returns nil or ctx's error) or until there will
// never be anything more to publish (nil). Any other error stops the pipeline: an
// outage of what it reads from is not one, it is logged and waited out.
type Source interface {
	Run(ctx context.Context, publish Publish) error
}

// Publish stores messages in the pipeline's first topic. Nil means that they
// are durable; after an error some may be, and publishing them again is
// harmless, as dedupe knows them. It fills in ID and Item.Received where they
// are empty. It blocks while the broker is unreachable, until ctx ends.
type Publish func(ctx context.Context, messages ...*Message) error

// Optional powers of stages, sinks and sources, found by assertion.
type (
	// Starter is started before the first message, in the order of pipeline.yaml.
	// An error stops the program before anything was read.
	Starter interface {
		Start(ctx context.Context) error
	}

	// Closer is closed after the last message. io.Closer is this interface.
	Closer interface {
		Close() error
	}

	// Grouper is a Stage that decides how messages are gathered into batches. The
	// engine gathers; Process gets the batches made and usually returns them.
	Grouper interface {
		Grouping() Grouping
	}

	// Checker can tell whether what it depends on answers, for /readyz. It is asked
	// at any time after everything has started.
	Checker interface {
		Check(ctx context.Context) error
	}
)

// Grouping says when a batch is complete.
type Grouping struct {
	Size   int                 // messages at most; at least 1
	Wait   time.Duration       // the oldest message waits no longer than this
	Urgent func(*Message) bool // such a message goes alone, at once; may be nil
}

// Build is what a component gets from the plan when it is built.
type Build struct {
	// Pipeline is the name in pipeline.yaml; it prefixes whatever is shared.
	Pipeline string
	// Name is the component's own name, unique in the file; defaults to its kind.
	Name string
	// Logger carries pipeline and component name.
	Logger *slog.Logger
	// Sink returns a sink of the file by name, or an error that lists the names.
	Sink func(name string) (Sink, error)
	// Before returns the nearest stage of the kind that stands before this one in
	// the file, in whichever segment; nil if there is none.
	Before func(kind string) Stage
	// Oldest returns when the oldest message was published that the pipeline has still to
	// do with, waiting, parked or under way; zero if there is none. It asks the broker. It
	// is nil outside an engine.
	Oldest func(ctx context.Context) (time.Time, error)
	// Clock is what [Build.Now] asks; nil is the time of day.
	Clock func() time.Time
}

// Now is the pipeline's time: the time of day, or in a replay the time of what is
// replayed. What depends on the age of an item asks it; timeouts, leases and rates, which
// are about this process and its servers, do not.
func (b *Build) Now() time.Time {
	if b.Clock == nil {
		return time.Now()
	}
	return b.Clock()
}
