package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/fetch"
	"catalyst/internal/llm"
	"catalyst/internal/news"
	"catalyst/internal/replay"
)

func (a *app) recordCommand() *cobra.Command {
	var file string
	var lasts time.Duration
	c := &cobra.Command{
		Use: "record TOPIC", Short: "Keep what passes a topic, to replay it later", Args: arguments(1, 1),
		Long: "Writes what lies in a topic of the pipeline's broker, and then what is published to it, as JSON lines\n" +
			"for `pipeline replay`, until it is interrupted. It looks and takes nothing: no group is made, no message\n" +
			"is held up. So what all groups are done with and the broker clears away between two looks is missed:\n" +
			"`pipeline run --record` misses nothing, and keeps what feeds and models answer too. Secrets are removed.",
		Example: "  pipeline record news.raw --out incident.jsonl\n  pipeline record news.poison --for 1s > poison.jsonl",
		RunE: func(c *cobra.Command, args []string) error {
			return a.recordTopic(c.Context(), args[0], file, lasts)
		},
	}
	c.Flags().StringVar(&file, "out", "", "file to add to; standard output without")
	c.Flags().DurationVar(&lasts, "for", 0, "end after so long; 0 is not before an interrupt")
	return c
}

// lookEvery is how soon what is published is seen: brokers clear away what is done with
// every second at most.
const lookEvery = 50 * time.Millisecond

func (a *app) recordTopic(ctx context.Context, topic, file string, lasts time.Duration) (err error) {
	env, err := a.environment()
	if err != nil {
		return err
	}
	plan, r, err := a.readPipeline(a.file, env)
	if err != nil {
		return err
	}
	if r.log, err = a.logger(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	b, err := r.lookOnly(plan.Broker)
	if err != nil {
		return err
	}
	tape, err := a.newTape(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tape.Close()) }()
	if lasts > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lasts)
		defer cancel()
	}
	for after := ""; ; {
		stored, err := b.Browse(ctx, topic, after, 500)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.log.Warn("record_waits", "topic", topic, "error", err) // an outage is what one wants recorded
		}
		for _, s := range stored {
			tape.stored(topic, s)
			after = s.Position
		}
		if len(stored) > 0 {
			continue
		}
		if err := tape.Flush(); err != nil {
			return err
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

// A tape is a recording being made.
type tape struct {
	redact func(string) string
	close  func() error

	mu    sync.Mutex
	noted map[string]bool // names of notes that are recorded
	polls *replay.PollRecorder
	out   *bufio.Writer
	err   error // the first one; nothing is written after it
}

// newTape opens a file to add to; without a name it is standard output.
func (a *app) newTape(name string) (*tape, error) {
	t := &tape{redact: a.redact, close: nothing, out: bufio.NewWriter(a.out)}
	if name != "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, usage("record: %w", err)
		}
		t.close, t.out = f.Close, bufio.NewWriter(f)
		if info, err := f.Stat(); err == nil && info.Size() > 0 {
			_ = t.out.WriteByte('\n') // behind half a line, where a process was killed
		}
	}
	t.polls, t.noted = replay.NewPollRecorder(t.redact), map[string]bool{}
	return t, nil
}

func (t *tape) write(r replay.Record) {
	line, err := json.Marshal(r)
	if err != nil {
		return // of an item that was no JSON; the pipeline quarantines it
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line(t.redact(string(line)))
}

// line writes a line. t.mu is held.
func (t *tape) line(text string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.out, text+"\n")
	}
}

// fetched records an answer that a source got in a poll. Its secrets are taken out of what was
// sent and not out of the line, where that is compressed.
func (t *tape) fetched(source string, e fetch.Exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if line, err := json.Marshal(t.polls.Record(source, e)); err == nil {
		t.line(string(line))
	}
}

// Flush writes what is buffered.
func (t *tape) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.out.Flush()
	}
	if t.err != nil {
		return fmt.Errorf("record: %w", t.err)
	}
	return nil
}

func (t *tape) Close() error { return errors.Join(t.Flush(), t.close()) }

func (t *tape) stored(topic string, s broker.Stored) {
	t.write(replay.Record{
		Kind: replay.KindItem, At: s.At.UTC(), Topic: topic, ID: s.Message.UUID, Meta: s.Message.Metadata, Item: json.RawMessage(s.Message.Payload),
	})
}

// record has what the sources of a plan are answered and publish, and what its models answer,
// written to a file, a second late at most. It returns what ends that.
func (a *app) record(plan *flows.Plan, r *resources, name string) (end func() error, err error) {
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	t, err := a.newTape(name)
	if err != nil {
		return nil, err
	}
	for i, spec := range plan.Sources {
		build := spec.Kind.New
		plan.Sources[i].Kind.New = func(b *flows.Build, c any) (flows.Source, error) {
			s, err := build(b, c)
			if err != nil {
				return nil, err
			}
			return taped(s, t, plan.Topic, spec.Name), nil
		}
	}
	r.tape = t
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.Tick(time.Second); ; {
			select {
			case <-tick:
				if err := t.Flush(); err != nil {
					log.Error("record_ended", "file", name, "error", err)
					return
				}
			case <-stop:
				return
			}
		}
	}()
	return func() error { close(stop); <-stopped; return t.Close() }, nil
}

// A tapedSource records what another is answered when it polls, and what it publishes, once
// that is durable.
type tapedSource struct {
	flows.Source
	tape  *tape
	topic string
	name  string
}

// taped keeps what else s can do.
func taped(s flows.Source, t *tape, topic, name string) flows.Source {
	own := tapedSource{s, t, topic, name}
	if w, ok := s.(flows.Witness); ok {
		return struct {
			tapedSource
			flows.Witness
		}{own, w}
	}
	return own
}

func (s tapedSource) Run(ctx context.Context, publish flows.Publish) error {
	ctx = fetch.Listen(ctx, func(e fetch.Exchange) { s.tape.fetched(s.name, e) })
	return s.Source.Run(ctx, func(ctx context.Context, messages ...*flows.Message) error {
		if err := publish(ctx, messages...); err != nil {
			return err
		}
		for _, m := range messages {
			if payload, err := news.Encode(m.Item); err == nil {
				s.tape.write(replay.Record{Kind: replay.KindItem, At: m.Item.Received, Source: s.name, Topic: s.topic, ID: m.ID, Meta: m.Meta, Item: payload})
			}
		}
		return nil
	})
}

func (s tapedSource) Start(ctx context.Context) error {
	if it, ok := s.Source.(flows.Starter); ok {
		return it.Start(ctx)
	}
	return nil
}

func (s tapedSource) Close() error {
	if it, ok := s.Source.(flows.Closer); ok {
		return it.Close()
	}
	return nil
}

func (s tapedSource) Check(ctx context.Context) error {
	if it, ok := s.Source.(flows.Checker); ok {
		return it.Check(ctx)
	}
	return nil
}

// answer records an exchange with a model.
func (t *tape) answer(p llm.Provider, q llm.Request, r llm.Response, err error) {
	t.write(replay.Record{Kind: replay.KindAnswer, At: time.Now().UTC(), Answer: replay.AnswerOf(p, q, r, err)})
}
