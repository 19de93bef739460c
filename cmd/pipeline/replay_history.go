package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"catalyst/internal/broker"
	"catalyst/internal/replay"
)

// history reads what is to be replayed, in the order of time.
func (a *app) history(ctx context.Context, o replayOptions, files []string, env func(string) (string, bool)) (*replay.History, error) {
	h := new(replay.History)
	for _, name := range files {
		if err := a.readHistory(h, name); err != nil {
			return nil, err
		}
	}
	from, fromTime := moment(o.from)
	to, toTime := moment(o.to)
	stored := o.topic != "" || o.poison
	if !stored && (from != "" || to != "") {
		return nil, usage("--from and --to want a time as 2026-11-19T13:00:00Z, a day, or how long ago as 2h; a position is one of --topic")
	}
	if stored {
		if err := a.readTopic(ctx, h, o, from, to, env); err != nil {
			return nil, err
		}
	}
	h.Sort()
	h.Between(fromTime, toTime)
	return h, nil
}

// moment reads a bound: a time, or else a position.
func moment(text string) (position string, at time.Time) {
	if text == "" {
		return "", time.Time{}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return "", t
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return "", time.Now().Add(-d)
	}
	return text, time.Time{}
}

func (a *app) readHistory(h *replay.History, name string) error {
	if name == "-" {
		return h.Read(a.in, "standard input")
	}
	names := []string{name}
	info, err := os.Stat(name)
	if err == nil && info.IsDir() {
		names, err = filepath.Glob(filepath.Join(name, "*.jsonl"))
	}
	if err != nil {
		return usage("read history: %w", err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return usage("read history: %w", err)
		}
		if err := errors.Join(h.Read(f, name), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// readTopic adds what lies in a topic of the pipeline's own broker, which it only looks at.
func (a *app) readTopic(ctx context.Context, h *replay.History, o replayOptions, from, to string, env func(string) (string, bool)) (err error) {
	plan, r, err := a.readPipeline(a.file, env)
	if err != nil {
		return err
	}
	topic := o.topic
	if o.poison {
		topic = plan.Poison
	}
	b, err := r.lookOnly(plan.Broker)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	began := from == ""
	for s, err := range browse(ctx, b, topic) {
		switch {
		case err != nil:
			return fmt.Errorf("read %s: %w", topic, err)
		case !began && s.Position != from:
			continue
		}
		began = true
		if err := h.Add(time.Time{}, s.At, s.Message.Payload); err != nil {
			h.Reject(fmt.Errorf("%s %s: %w", topic, s.Position, err))
		}
		if s.Position == to {
			return nil
		}
	}
	if !began {
		return usage("--from %q is no time and no position in %s", from, topic)
	}
	return nil
}

// lookOnly opens the broker of a plan as it is: a file is neither made nor brought up
// to date.
func (r *resources) lookOnly(url string) (broker.Broker, error) {
	r.plan.Engine.Migrate = false
	if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("open broker: %w", err)
		}
	}
	return r.Foreign()
}

// browse walks over a topic, oldest first, a page at a time.
func browse(ctx context.Context, b broker.Broker, topic string) func(yield func(broker.Stored, error) bool) {
	const page = 500
	return func(yield func(broker.Stored, error) bool) {
		for after := ""; ; {
			stored, err := b.Browse(ctx, topic, after, page)
			if err != nil {
				yield(broker.Stored{}, err)
				return
			}
			for _, s := range stored {
				if !yield(s, nil) {
					return
				}
				after = s.Position
			}
			if len(stored) < page {
				return
			}
		}
	}
}
