package replay

import (
	"context"
	"io"

	"catalyst/flows"
)

// A watched sink tells a Tracker what it is given, and hands it to the real one if there
// is one.
type watched struct {
	tracker *Tracker
	real    flows.Sink // nil: what comes is taken and nobody sees it
	shown   func(sink string, announced bool, m *flows.Message)
	name    string
	faults  *Faults
}

func (w *watched) Deliver(ctx context.Context, batch []*flows.Message) error {
	if err := w.faults.sink(w.name); err != nil {
		return err
	}
	if w.real != nil {
		if err := w.real.Deliver(ctx, batch); err != nil {
			return err
		}
	}
	w.took(batch, false)
	return nil
}

func (w *watched) took(batch []*flows.Message, announced bool) {
	for _, m := range batch {
		if m.Settled() {
			continue
		}
		w.tracker.shown(m)
		if w.shown != nil {
			w.shown(w.name, announced, m)
		}
	}
}

// A watchedAnnouncer can announce, as the real sink can or as none needs to.
type watchedAnnouncer struct{ watched }

func (w *watchedAnnouncer) Announce(ctx context.Context, batch []*flows.Message) error {
	if err := w.faults.sink(w.name); err != nil {
		return err
	}
	if a, ok := w.real.(flows.Announcer); ok {
		if err := a.Announce(ctx, batch); err != nil {
			return err
		}
	}
	w.took(batch, true)
	return nil
}

// Start, Close and Report are the real sink's, where it has them.
func (w *watched) Start(ctx context.Context) error {
	if s, ok := w.real.(flows.Starter); ok {
		return s.Start(ctx)
	}
	return nil
}

func (w *watched) Close() error {
	if c, ok := w.real.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (w *watched) Report(ctx context.Context, m *flows.Message, o flows.Outcome) error {
	w.tracker.told(m)
	if r, ok := w.real.(flows.Reporter); ok {
		return r.Report(ctx, m, o)
	}
	return nil
}

// watch returns spec with its sink watched, or with one in its place.
func (o *Options) watch(t *Tracker, spec flows.Spec[flows.Sink]) flows.Spec[flows.Sink] {
	build := spec.Kind.New
	spec.Kind.New = func(b *flows.Build, _ any) (flows.Sink, error) {
		w := watched{tracker: t, shown: o.Shown, name: spec.Name, faults: o.Faults}
		if o.RealSink == nil || !o.RealSink(&spec) {
			return &watchedAnnouncer{w}, nil
		}
		var err error
		if w.real, err = build(b, spec.Config); err != nil {
			return nil, err
		}
		if _, able := w.real.(flows.Announcer); able {
			return &watchedAnnouncer{w}, nil
		}
		return &w, nil
	}
	return spec
}
