package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"catalyst/internal/broker"
	"catalyst/internal/replay"
)

// history reads what is to be replayed, in the order of time.
func (a *app) history(ctx context.Context, o replayOptions, files []string, env func(string) (string, bool)) (*replay.History, error) {
	h := new(replay.History)
	for _, name := range files {
		if err := a.readHistory(ctx, h, name); err != nil {
			return nil, err
		}
	}
	from, fromTime, err := moment(o.from)
	to, toTime, err2 := moment(o.to)
	stored := o.topic != "" || o.poison
	if err := errors.Join(err, err2); err != nil || !stored && (from != nil || to != nil) {
		return nil, usage("--from and --to want a time as 2026-11-19T13:00:00Z, a day, or how long ago as 2h; with --topic a position as 1700000000000-0 too")
	}
	if stored {
		if err := a.readTopic(ctx, h, o, from, to, env); err != nil {
			return nil, err
		}
	}
	if !o.polls {
		h.WithoutPolls()
	}
	h.Sort()
	h.Between(fromTime, toTime)
	return h, nil
}

// moment reads a bound: a position or a time.
func moment(text string) (*topicPosition, time.Time, error) {
	if text == "" {
		return nil, time.Time{}, nil
	}
	if p, ok := positionOf(text); ok {
		return &p, time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return nil, t, nil
		}
	}
	d, err := time.ParseDuration(text)
	return nil, time.Now().Add(-d), err
}

// A topicPosition is the ID of a Redis stream entry, with or without its second number, or
// the number of a message in a file.
type topicPosition struct {
	first, second uint64
	all           bool // without the second number: all that begin with the first
}

func positionOf(text string) (p topicPosition, ok bool) {
	first, second, has := strings.Cut(text, "-")
	var err, err2 error
	p.first, err = strconv.ParseUint(first, 10, 64)
	if p.all = !has; has {
		p.second, err2 = strconv.ParseUint(second, 10, 64)
	}
	return p, err == nil && err2 == nil
}

// compare tells whether a message lies before p (below 0), at it, or behind it.
func (p topicPosition) compare(stored string) int {
	s, ok := positionOf(stored)
	if c := cmp.Compare(s.first, p.first); c != 0 || p.all || !ok {
		return c
	}
	return cmp.Compare(s.second, p.second)
}

// before is a position to begin behind, so as to see p: a little less is passed over, and
// not the whole topic.
func (p *topicPosition) before() string {
	if p == nil || p.first == 0 {
		return ""
	}
	return strconv.FormatUint(p.first-1, 10)
}

func (a *app) readHistory(ctx context.Context, h *replay.History, name string) error {
	if name == "-" {
		return h.Read(interruptible{ctx, a.in}, "standard input")
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
		if err := errors.Join(h.Read(interruptible{ctx, f}, name), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// interruptible reads until ctx ends: a history may be long.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (u interruptible) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}

// readTopic adds what lies in a topic of the pipeline's own broker, which it only looks at.
func (a *app) readTopic(ctx context.Context, h *replay.History, o replayOptions, from, to *topicPosition, env func(string) (string, bool)) (err error) {
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
	for s, err := range browse(ctx, b, topic, from.before()) {
		switch {
		case err != nil:
			return fmt.Errorf("read %s: %w", topic, err)
		case from != nil && from.compare(s.Position) < 0:
			continue
		case to != nil && to.compare(s.Position) > 0:
			return nil
		}
		if err := h.Add(time.Time{}, s.At, s.Message.Payload); err != nil {
			h.Reject(fmt.Errorf("%s %s: %w", topic, s.Position, err))
		}
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

// browse walks over a topic from behind a position on ("" is the beginning), oldest first, a
// page at a time.
func browse(ctx context.Context, b broker.Broker, topic, after string) func(yield func(broker.Stored, error) bool) {
	const page = 500
	return func(yield func(broker.Stored, error) bool) {
		for {
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
