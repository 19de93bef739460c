package console

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"catalyst/flows"
	"catalyst/internal/store"
	"catalyst/sinks/sinktest"
)

// screen is a terminal that several goroutines write to.
type screen struct {
	mu     sync.Mutex
	writes []string
	fail   error
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.writes, "")
}

func open(t *testing.T, out io.Writer, c Config, ledger func() (store.Ledger, error)) flows.Sink {
	t.Helper()
	s, err := Kind(ledger, out).New(&flows.Build{Name: "console", Logger: slog.New(slog.DiscardHandler)}, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.World {
		out := new(screen)
		return sinktest.World{
			Open: func(t *testing.T, ledger func() (store.Ledger, error)) flows.Sink {
				return open(t, out, DefaultConfig, ledger)
			},
			Effects: func(*testing.T) map[string]int {
				titles := make(map[string]int)
				for card := range strings.SplitSeq(strings.TrimSpace(out.text()), "\n\n") {
					if title, _, found := strings.Cut(strings.TrimPrefix(card, "▌ "), "\n"); found {
						titles[title]++
					}
				}
				return titles
			},
		}
	})
}

func TestPendingThenVerdict(t *testing.T) {
	out := new(screen)
	s := open(t, out, DefaultConfig, new(sinktest.Ledger).Open)
	batch := sinktest.Messages(1)
	early := *batch[0].Item
	early.Analysis = nil
	if err := s.(flows.Announcer).Announce(t.Context(), []*flows.Message{sinktest.Message("m0", &early)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if len(out.writes) != 2 || !strings.Contains(out.writes[0], "pending") || !strings.Contains(out.writes[1], "Bullish") {
		t.Errorf("writes %q, want the pending card, then the verdict", out.writes)
	}
}

// A closed pipe is no fault of the messages.
func TestOutputGone(t *testing.T) {
	out := &screen{fail: io.ErrClosedPipe}
	s := open(t, out, DefaultConfig, new(sinktest.Ledger).Open)
	batch := sinktest.Messages(1)
	if _, down := flows.AsUnavailable(s.Deliver(t.Context(), batch)); !down {
		t.Error("an output that is gone does not park the messages")
	}
	out.fail = nil
	if err := s.Deliver(t.Context(), batch); err != nil || len(out.writes) != 1 {
		t.Errorf("%d cards after it returned, %v; want 1", len(out.writes), err)
	}
}

func TestColor(t *testing.T) {
	for setting, want := range map[string]bool{"auto": false, "always": true, "never": false} {
		var out bytes.Buffer
		c := DefaultConfig
		c.Color = setting
		if err := open(t, &out, c, new(sinktest.Ledger).Open).Deliver(t.Context(), sinktest.Messages(1)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "\x1b["); got != want {
			t.Errorf("color %s: colored is %t, want %t where no terminal is", setting, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig.Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	err := Config{Color: "blue"}.Validate()
	if err == nil || !strings.Contains(err.Error(), "color: ") || !strings.Contains(err.Error(), "keep: ") {
		t.Errorf("faults %v, want color and keep", err)
	}
}
