// Package jsonl is the source that reads items as lines of JSON from a file, a
// folder or standard input, once or for as long as they grow.
//
// A line that is no item cannot become a message, so it cannot go to poison: it is
// logged with file and line, counted in source_rejected_total, and the next line is
// read. Blank lines are nothing. Where reading stopped is not remembered: after a
// restart everything is published again, and the dedupe stage knows it.
package jsonl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// Config is what pipeline.yaml says about the lines.
type Config struct {
	Path   string        `yaml:"path,short" required:"true" doc:"file, folder (its *.jsonl, by name), or - for standard input"`
	Follow bool          `yaml:"follow" doc:"go on when the end is reached: new lines, new files, files rotated or truncated"`
	Every  time.Duration `yaml:"every" doc:"time between looks for something new when following"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{Every: 500 * time.Millisecond}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	if c.Path == "" {
		faults = append(faults, config.At("path", "want a file, a folder or -"))
	}
	if c.Every <= 0 {
		faults = append(faults, config.At("every", "%v: want more than 0s", c.Every))
	}
	return errors.Join(faults...)
}

// Kind is the jsonl source.
func Kind() flows.SourceKind {
	return flows.NewKind(flows.SourceKind{
		Name:    "jsonl",
		Doc:     "reads items as JSON lines from a file, a folder or standard input",
		Example: `- jsonl: {path: data/news.jsonl, follow: true}`,
	}, Defaults, build)
}

func build(b *flows.Build, c Config) (flows.Source, error) {
	return &source{config: c, name: b.Name, log: b.Logger, stdin: os.Stdin}, nil
}

type source struct {
	config Config
	name   string
	log    *slog.Logger
	stdin  io.Reader
}

// Run publishes every line there is, and returns; or goes on until ctx ends.
func (s *source) Run(ctx context.Context, publish flows.Publish) error {
	out := &batch{source: s, ctx: ctx, publish: publish}
	var err error
	switch {
	case s.config.Path == "-":
		err = s.readStdin(ctx, out)
	case s.config.Follow:
		err = s.follow(ctx, out)
	default:
		err = s.readOnce(out)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// maxBatch is how many lines are published together.
const maxBatch = 100

// A batch gathers items until there are enough, or until its owner knows that no more
// are to be had without waiting.
type batch struct {
	source  *source
	ctx     context.Context // of the Run that owns the batch
	publish flows.Publish
	pending []*flows.Message
}

// line takes one line, without its end.
func (b *batch) line(l line) error {
	text := bytes.TrimSpace(l.text)
	if l.number == 1 {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	if l.tooLong {
		b.source.reject(l, fmt.Errorf("longer than %d bytes", maxLine))
		return nil
	}
	if len(text) == 0 {
		return nil
	}
	it, err := news.Decode(text)
	if err != nil {
		b.source.reject(l, err)
		return nil
	}
	intake.Prepare(it, b.source.name)
	b.pending = append(b.pending, flows.NewMessage("", it))
	if len(b.pending) < maxBatch {
		return nil
	}
	return b.flush()
}

// flush publishes what is pending. It tries until the items are durable or ctx has
// ended: a line must not be passed over because the broker had a bad moment.
func (b *batch) flush() error {
	for wait := 100 * time.Millisecond; len(b.pending) > 0; wait = min(2*wait, 10*time.Second) {
		err := b.publish(b.ctx, b.pending...)
		if err == nil {
			intake.Items.WithLabelValues(b.source.name).Add(float64(len(b.pending)))
			b.pending = nil
			return nil
		}
		if b.ctx.Err() == nil {
			b.source.log.Warn("publish_waits", "items", len(b.pending), "wait", wait, "error", err)
		}
		if !sleep(b.ctx, wait) {
			return b.ctx.Err()
		}
	}
	return b.ctx.Err()
}

func (s *source) reject(l line, err error) {
	intake.Rejected.WithLabelValues(s.name).Inc()
	s.log.Warn("item_rejected", "at", fmt.Sprintf("%s:%d", l.file, l.number), "error", err)
}

// sleep waits, and reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
