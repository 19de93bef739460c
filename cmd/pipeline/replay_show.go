package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/alert/terminal"
	"catalyst/internal/news"
	"catalyst/internal/replay"
)

// A progressBar shows on a terminal how far a replay is, and elsewhere nothing.
type progressBar struct {
	out   io.Writer // nil: there is no terminal
	label string

	mu    sync.Mutex
	drawn time.Time
}

func (a *app) progressBar(label string) *progressBar {
	if !terminal.Color(a.err) {
		return &progressBar{}
	}
	return &progressBar{out: a.err, label: label}
}

const redrawEvery = 100 * time.Millisecond

func (b *progressBar) show(p replay.Progress) {
	if b.out == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.drawn) < redrawEvery {
		return
	}
	b.drawn = time.Now()
	fmt.Fprint(b.out, "\r\x1b[K"+barLine(b.label, p))
}

// barLine is what a progressBar draws.
func barLine(label string, p replay.Progress) string {
	const width = 20
	full := width * p.Done / max(1, p.Total)
	line := fmt.Sprintf("%s %3d %% [%s%s] %d/%d  %s", label, 100*p.Done/max(1, p.Total),
		strings.Repeat("#", full), strings.Repeat(".", width-full), p.Done, p.Total, p.At.Format("01-02 15:04:05"))
	if s := p.Took.Seconds(); s > 0 {
		line += fmt.Sprintf("  %.0f items/s", float64(p.Done)/s)
	}
	if p.Lag >= time.Second {
		line += fmt.Sprintf("  %v late", p.Lag.Round(time.Second))
	}
	if p.Left >= 0 {
		line += fmt.Sprintf("  %v left", p.Left.Round(time.Second))
	}
	return line
}

func (b *progressBar) clear() {
	if b.out != nil {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}

// effects are a file of what sinks were given.
type effects struct {
	mu   sync.Mutex
	file *os.File // nil: nobody wants to know
	out  *bufio.Writer
	err  error
}

func newEffects(name string) (*effects, error) {
	if name == "" {
		return &effects{}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, usage("--effects: %w", err)
	}
	return &effects{file: f, out: bufio.NewWriter(f)}, nil
}

// shown returns what writes down the effects of a pipeline; nil if nobody wants to know.
func (e *effects) shown(pipeline string) func(sink string, announced bool, m *flows.Message) {
	if e.file == nil {
		return nil
	}
	return func(sink string, announced bool, m *flows.Message) {
		line := struct {
			Pipeline string     `json:"pipeline"`
			Sink     string     `json:"sink"`
			Step     string     `json:"step"` // announce or deliver
			Item     *news.Item `json:"item"`
		}{pipeline, sink, "deliver", m.Item}
		if announced {
			line.Step = "announce"
		}
		text, err := json.Marshal(line)
		e.mu.Lock()
		defer e.mu.Unlock()
		if err == nil {
			_, err = e.out.Write(append(text, '\n'))
		}
		e.err = errors.Join(e.err, err)
	}
}

// Close finishes the file. A second call is an error of the file's.
func (e *effects) Close() error {
	if e.file == nil {
		return nil
	}
	if err := errors.Join(e.err, e.out.Flush(), e.file.Close()); err != nil {
		return fmt.Errorf("--effects: %w", err)
	}
	return nil
}
