package intake

import (
	"context"
	"log/slog"

	"catalyst/flows"
)

// Off is a source that lacks its key: it says so, publishes nothing and waits for the
// end. A process whose sources are all off still works on what others publish.
type Off struct {
	Log  *slog.Logger
	Lack string // what it lacks, and where one gets it
}

// An OffError says that a source is off, which is no fault.
type OffError struct{ Lack string }

func (e *OffError) Error() string { return "off: " + e.Lack }

// Run implements [flows.Source].
func (o *Off) Run(ctx context.Context, _ flows.Publish) error {
	o.Log.Info("source_off", "reason", o.Lack)
	<-ctx.Done()
	return nil
}

// Look implements [flows.Looker].
func (o *Off) Look(context.Context) error { return &OffError{o.Lack} }
