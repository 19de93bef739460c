package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"catalyst"
	"catalyst/flows"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/news"
	"catalyst/sources/jsonl"
)

func (a *app) demoCommand() *cobra.Command {
	var standIn bool
	c := &cobra.Command{
		Use: "demo", Short: "Run the pipeline on two days of made-up news, here and now", Args: noArguments,
		Long: "Runs pipeline.yaml with its sources replaced by a sample of made-up news that ships with the\n" +
			"program. It needs no service, no key and no network, posts nothing and leaves nothing behind:\n" +
			"alerts are shown on the terminal, and the environment's servers and keys are not used.",
		Example: "  pipeline demo\n  pipeline demo --stand-in   # with verdicts, from a stand-in for a model",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.demo(c.Context(), standIn, c.Flag("file").Changed)
		},
	}
	c.Flags().BoolVar(&standIn, "stand-in", false, "answer as a model would, by a keyword rule: shows verdicts and the cache at work, and means nothing")
	return c
}

// demo runs the pipeline of this folder, or the shipped one where there is none and
// none was named.
func (a *app) demo(ctx context.Context, standIn, named bool) (err error) {
	started := time.Now()
	folder, err := os.MkdirTemp("", "pipeline-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demonstration: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	database := "sqlite://" + filepath.ToSlash(filepath.Join(folder, "demo.db"))

	// Only what is set here exists for the pipeline: a demonstration posts to nobody
	// and asks nobody.
	env := map[string]string{
		"REDIS_URL": database, "DATABASE_URL": database, "HTTP_LISTEN": "off", "LLM_LOCAL_ENABLED": "0",
	}
	if standIn {
		server := llmtest.NewOpenAI()
		defer server.Close()
		env["OPENAI_API_URL"], env["OPENAI_API_KEY"], env["OPENAI_MODEL"] = server.URL, "none", "stand-in"
	}
	file, text := a.file, catalyst.Pipeline
	switch own, err := os.ReadFile(a.file); {
	case err == nil:
		text = own
	case errors.Is(err, fs.ErrNotExist) && !named:
		file = "the default pipeline.yaml"
	default:
		return a.unreadable(err)
	}
	plan, r, err := a.parse(file, text, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		return err
	}
	sample := filepath.Join(folder, "sample.jsonl")
	if err := writeSample(sample, time.Now()); err != nil {
		return err
	}
	r.told.Channel = "" // nobody is told of a demonstration
	source := jsonl.Defaults
	source.Path = sample
	plan.Sources = []flows.Spec[flows.Source]{{Kind: jsonl.Kind(), Name: "sample", Config: source}}
	var seen tally
	plan.Sinks = append(plan.Sinks, flows.Spec[flows.Sink]{Name: "tally", Kind: flows.SinkKind{
		New: func(*flows.Build, any) (flows.Sink, error) { return &seen, nil },
	}})
	if a.logLevel == "info" {
		a.logLevel = "warn" // the alerts are what one came for
	}
	engine, err := a.execute(ctx, plan, r)
	if engine != nil {
		summarise(a.out, engine, &seen, time.Since(started))
	}
	if err == nil && !standIn && seen.unavailable.Load() > 0 {
		fmt.Fprintln(a.out, "\nNo model was asked, so no alert has a verdict. `pipeline demo --stand-in` shows what one would add.")
	}
	return err
}

// writeSample writes the sample to a file, moved in time so that it ends now.
func writeSample(path string, now time.Time) error {
	var items []*news.Item
	var latest time.Time
	for line := range bytes.Lines(catalyst.Sample) {
		item, err := news.Decode(line)
		if err != nil {
			return fmt.Errorf("sample: %w", err)
		}
		if item.Published.After(latest) {
			latest = item.Published
		}
		items = append(items, item)
	}
	var out bytes.Buffer
	for _, item := range items {
		if !item.Published.IsZero() {
			item.Published = item.Published.Add(now.Sub(latest)).UTC().Truncate(time.Second)
			item.Received = item.Published // it came at once, then
		}
		if err := json.NewEncoder(&out).Encode(item); err != nil {
			return err
		}
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}

// A tally is a sink that counts how what was delivered had been analysed.
type tally struct{ analysed, cached, unavailable atomic.Int64 }

func (t *tally) Deliver(_ context.Context, batch []*flows.Message) error {
	for _, m := range batch {
		switch a := m.Item.Analysis; {
		case a.Done() && a.Cached != nil:
			t.cached.Add(1)
		case a.Done():
			t.analysed.Add(1)
		default:
			t.unavailable.Add(1)
		}
	}
	return nil
}

// summarise prints what became of everything.
func summarise(w io.Writer, e *flows.Engine, t *tally, took time.Duration) {
	segments, steps := e.Stats()
	dropped := map[string]int64{} // by kind of stage
	var announced, poisoned int64
	for _, s := range steps {
		for _, n := range s.Dropped {
			dropped[s.Kind] += n
		}
		if s.Kind == "announce" {
			announced += s.Out
		}
	}
	for _, s := range segments {
		poisoned += s.Poisoned + s.Quarantined
	}
	fmt.Fprintf(w, `
items in    %6d
duplicates  %6d
filtered    %6d
announced   %6d
analysed    %6d
cached      %6d
unavailable %6d
poisoned    %6d
seconds     %8.1f
`, segments[0].In, dropped["dedupe"], dropped["freshness"]+dropped["prescale"]+dropped["filter"], announced,
		t.analysed.Load(), t.cached.Load(), t.unavailable.Load(), poisoned, took.Seconds())
}
