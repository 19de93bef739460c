// Package jsonl is the sink that appends items to a file, one JSON object a line.
//
// An item is written once for its message: a redelivered message is known from
// the ledger. A process that dies after the write and before the ledger knew
// writes the line again when the message comes back: at least once then.
package jsonl

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/once"
	"catalyst/internal/store"
)

// Config configures the sink.
type Config struct {
	Path string        `yaml:"path,short" doc:"file to append to, made with its folders if it is not there; - is the standard output" required:"true"`
	Sync string        `yaml:"sync" enum:"batch|never" doc:"batch: on disk before messages count as delivered; never: left to the operating system"`
	Keep time.Duration `yaml:"keep" doc:"how long the ledger remembers what was written, so that a redelivery does not write it again"`
}

const (
	syncBatch = "batch"
	syncNever = "never"
	stdout    = "-"
)

// DefaultConfig holds the defaults.
var DefaultConfig = Config{Sync: syncBatch, Keep: 7 * 24 * time.Hour}

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	if c.Path == "" {
		faults = append(faults, config.At("path", "is needed: a file such as data/items.jsonl, or - for the standard output"))
	}
	if c.Sync != syncBatch && c.Sync != syncNever {
		faults = append(faults, config.At("sync", "%q is none of batch, never", c.Sync))
	}
	if c.Keep < time.Minute {
		faults = append(faults, config.At("keep", "must be at least 1m"))
	}
	return errors.Join(faults...)
}

// Kind describes the sink. ledger opens the store of what was written; out is
// the standard output.
func Kind(ledger func() (store.Ledger, error), out io.Writer) flows.SinkKind {
	return flows.NewKind(flows.SinkKind{
		Name:    "jsonl",
		Doc:     "appends each item to a file as a line of JSON",
		Example: "- jsonl: {path: data/items.jsonl}",
		Knobs:   flows.Knobs{Workers: 2}, // one asks the ledger while another writes
	}, DefaultConfig, func(b *flows.Build, c Config) (flows.Sink, error) {
		s := &sink{
			name: cmp.Or(b.Name, "jsonl"),
			guard: &once.Guard{
				Ledger: ledger,
				Key:    func(m *flows.Message) string { return "jsonl/" + filepath.ToSlash(c.Path) + "/" + m.ID },
				Keep:   c.Keep,
			},
		}
		if c.Path == stdout {
			s.out = &stream{w: out}
		} else {
			s.out = &file{path: c.Path, sync: c.Sync == syncBatch}
		}
		return s, nil
	})
}

// sink writes what the guard lets pass to out.
type sink struct {
	name  string
	guard *once.Guard
	out   lines
}

// lines takes whole lines. Write returns nil when all are as durable as they
// are meant to be; after an error, any part may have been written.
type lines interface {
	io.Writer
	Open() error
	io.Closer
}

// Start opens file and ledger.
func (s *sink) Start(context.Context) error {
	if err := s.out.Open(); err != nil {
		return err
	}
	_, err := s.guard.Open()
	return err
}

// Close closes the file.
func (s *sink) Close() error { return s.out.Close() }

// Deliver appends the items not yet written.
func (s *sink) Deliver(ctx context.Context, batch []*flows.Message) error {
	jobs, err := s.guard.Begin(ctx, batch)
	if err != nil {
		return err
	}
	defer s.guard.End(jobs...)

	var text bytes.Buffer
	var effects []store.Effect
	for _, job := range jobs {
		if job.Effect.ID != "" {
			continue
		}
		line, err := json.Marshal(job.Item)
		if err != nil {
			job.Fail(flows.Permanent(fmt.Errorf("encode item: %w", err)))
			continue
		}
		text.Write(append(line, '\n'))
		effects = append(effects, store.Effect{Key: job.Key, ID: "written"})
	}
	if len(effects) == 0 {
		return nil
	}
	if _, err := s.out.Write(text.Bytes()); err != nil {
		// A full or missing disk is no fault of the messages.
		return flows.Unavailable(s.name, fmt.Errorf("append items: %w", err), 0)
	}
	return s.guard.Record(ctx, effects...)
}
