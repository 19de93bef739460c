package jsonl

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/store"
	"catalyst/sinks/sinktest"
)

func open(t *testing.T, c Config, ledger func() (store.Ledger, error)) flows.Sink {
	t.Helper()
	s, err := Kind(ledger, os.Stdout).New(&flows.Build{Name: "archive", Logger: slog.New(slog.DiscardHandler)}, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.(flows.Closer).Close() })
	return s
}

func at(path string) Config {
	c := DefaultConfig
	c.Path = path
	return c
}

// read returns the titles of the file's lines that are items, and how many are not.
func read(t *testing.T, path string) (titles map[string]int, broken int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	titles = make(map[string]int)
	for line := range bytes.Lines(text) {
		var item news.Item
		if json.Unmarshal(line, &item) != nil {
			broken++
			continue
		}
		titles[item.Title]++
	}
	return titles, broken
}

func TestSuite(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.World {
		path := filepath.Join(t.TempDir(), "new folder", "items.jsonl")
		return sinktest.World{
			Open: func(t *testing.T, ledger func() (store.Ledger, error)) flows.Sink {
				return open(t, at(path), ledger)
			},
			Effects: func(t *testing.T) map[string]int {
				titles, broken := read(t, path)
				if broken != 0 {
					t.Errorf("%d lines are no items", broken)
				}
				return titles
			},
		}
	})
}

// What a crash left of a line must not spoil the next.
func TestTornLine(t *testing.T) {
	for name, before := range map[string]string{"torn": `{"title":"ol`, "whole": `{"title":"old"}` + "\n", "empty": ""} {
		path := filepath.Join(t.TempDir(), "items.jsonl")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(t, at(path), new(sinktest.Ledger).Open).Deliver(t.Context(), sinktest.Messages(2)); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(path)
		if !strings.HasPrefix(string(text), before) {
			t.Errorf("%s: what was there is gone: %q", name, text)
		}
		titles, broken := read(t, path)
		if titles["item 0"] != 1 || titles["item 1"] != 1 || (name == "torn") != (broken == 1) {
			t.Errorf("%s: items %v and %d broken lines", name, titles, broken)
		}
		if strings.Contains(string(text), "\n\n") {
			t.Errorf("%s: an empty line in %q", name, text)
		}
	}
}

// Two messages with equal items are two lines: what is the same news is for
// the dedupe stage to say.
func TestKeyedByMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "items.jsonl")
	item := &news.Item{Key: "guid:x|1", Title: "x"}
	s := open(t, at(path), new(sinktest.Ledger).Open)
	if err := s.Deliver(t.Context(), []*flows.Message{sinktest.Message("a", item), sinktest.Message("b", item), sinktest.Message("a", item)}); err != nil {
		t.Fatal(err)
	}
	if titles, _ := read(t, path); titles["x"] != 2 {
		t.Errorf("%d lines, want 2", titles["x"])
	}
}

func TestItemIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "items.jsonl")
	want := sinktest.Messages(1)[0].Item
	want.Body = "line one\nline two \x1b[31m \u2028"
	if err := open(t, at(path), new(sinktest.Ledger).Open).Deliver(t.Context(), []*flows.Message{sinktest.Message("m", want)}); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	var got news.Item
	if err := json.Unmarshal(text, &got); err != nil || got.Body != want.Body || !got.Analysis.Done() {
		t.Errorf("read back %+v, %v", got, err)
	}
	if n := strings.Count(string(text), "\n"); n != 1 {
		t.Errorf("%d line ends, want 1", n)
	}
}

func TestDiskProblemParks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "items.jsonl")
	if err := os.Mkdir(path, 0o755); err != nil { // a folder cannot be appended to
		t.Fatal(err)
	}
	s := open(t, at(path), new(sinktest.Ledger).Open)
	if err := s.(flows.Starter).Start(t.Context()); err == nil {
		t.Error("start: no error, want one before anything is read")
	}
	batch := sinktest.Messages(1)
	down, is := flows.AsUnavailable(s.Deliver(t.Context(), batch))
	if !is || down.Dependency != "archive" {
		t.Errorf("%+v, want archive unavailable", down)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), batch); err != nil {
		t.Errorf("after it was repaired: %v", err)
	}
}

func TestStandardOutput(t *testing.T) {
	var out bytes.Buffer
	s, err := Kind(new(sinktest.Ledger).Open, &out).New(&flows.Build{Name: "jsonl"}, at("-"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), sinktest.Messages(2)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines, want 2: %q", n, out.String())
	}
}

func TestValidate(t *testing.T) {
	if err := at("x").Validate(); err != nil {
		t.Errorf("defaults with a path: %v", err)
	}
	err := Config{Sync: "sometimes"}.Validate()
	for _, field := range []string{"path: ", "sync: ", "keep: "} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not reported in %v", field, err)
		}
	}
}

func BenchmarkDeliver(b *testing.B) {
	c := at(filepath.Join(b.TempDir(), "items.jsonl"))
	c.Sync = syncNever
	s, err := Kind(new(sinktest.Ledger).Open, os.Stdout).New(&flows.Build{Name: "jsonl"}, c)
	if err != nil {
		b.Fatal(err)
	}
	defer s.(flows.Closer).Close()
	batch := sinktest.Messages(100)
	for i := 0; b.Loop(); i++ {
		for j, m := range batch {
			m.ID = string(rune(i)) + "." + string(rune(j))
		}
		if err := s.Deliver(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "items/s")
}
