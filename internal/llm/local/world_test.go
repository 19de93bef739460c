package local_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/llm/local"
	"catalyst/internal/llm/ollama"
	"catalyst/internal/metrics"
)

// A world is a fake Ollama with a GPU, a provider that looks after it, and what was
// logged.
type world struct {
	*testing.T
	*local.Provider
	machine *llmtest.Machine
	log     *events
}

// gpuMemory goes by the fake's GPU itself.
type gpuMemory struct{ *llmtest.Machine }

func (m gpuMemory) Read(context.Context, local.State) (local.Usage, error) {
	return local.Usage{Used: m.Used(), Total: m.Total(), Source: "sysfs"}, nil
}

var worlds atomic.Int32

// newWorld must be called in a bubble of synctest, whose clock the fake uses.
func newWorld(t *testing.T, g llmtest.GPU, change func(*ollama.Config)) *world {
	w := &world{T: t, machine: llmtest.NewMachine(g), log: &events{}}
	name := fmt.Sprint(t.Name(), worlds.Add(1)) // metrics outlive a test that is run again
	w.Provider = tended(w.machine.URL, w.machine, w.log, name, change)
	w.SetMemory(gpuMemory{w.machine})
	t.Cleanup(func() { w.Close() })
	return w
}

func tended(url string, transport http.RoundTripper, log slog.Handler, name string, change func(*ollama.Config)) *local.Provider {
	c := ollama.Defaults
	c.BaseURL, c.Concurrency = url, 1
	if change != nil {
		change(&c)
	}
	return local.New(ollama.New(name, c, &http.Client{Transport: transport}), c.Care, slog.New(log))
}

// start starts it and waits until calls are let through.
func (w *world) start() {
	w.Helper()
	if err := w.Start(w.Context()); err != nil {
		w.Fatal(err)
	}
	w.ready(time.Minute)
}

// ready waits until calls are let through.
func (w *world) ready(limit time.Duration) {
	w.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		synctest.Wait()
		why := w.Ready()
		if why == nil {
			return
		}
		if time.Now().After(end) {
			w.Fatalf("not ready after %v: %v", limit, why)
		}
	}
}

// ask makes a call and returns the class of its error.
func (w *world) ask() llm.Class {
	r, err := w.Complete(w.Context(), llm.Request{Prompt: "?"})
	if err == nil && r.Text == "" {
		w.Error("an answer without a text")
	}
	if err == nil {
		return ""
	}
	return llm.AsError(err).Class
}

// refused makes a call that must be refused at once.
func (w *world) refused(want llm.Class) *llm.Error {
	w.Helper()
	start := time.Now()
	_, err := w.Complete(w.Context(), llm.Request{Prompt: "?"})
	fault := llm.AsError(err)
	if fault == nil || fault.Class != want || fault.RetryAfter <= 0 || fault.Provider == "" {
		w.Fatalf("refused with %+v, want class %s and when to try again", fault, want)
	}
	if took := time.Since(start); took != 0 {
		w.Errorf("refused after %v, want at once", took)
	}
	return fault
}

// metric is the sum of a metric's values over the labels given as "name=value".
func (w *world) metric(name string, labels ...string) (sum float64) {
	labels = append(labels, "provider="+w.Name())
	families, err := metrics.Registry.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var has []string
			for _, l := range m.GetLabel() {
				has = append(has, l.GetName()+"="+l.GetValue())
			}
			if !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(has, l) }) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// events is a handler that keeps what was logged, as "message key=value …".
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) Enabled(context.Context, slog.Level) bool { return true }
func (e *events) WithAttrs([]slog.Attr) slog.Handler       { return e }
func (e *events) WithGroup(string) slog.Handler            { return e }

func (e *events) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, b.String())
	return nil
}

// of returns the events with a name.
func (e *events) of(name string) (found []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, line := range e.list {
		if line == name || strings.HasPrefix(line, name+" ") {
			found = append(found, line)
		}
	}
	return found
}
