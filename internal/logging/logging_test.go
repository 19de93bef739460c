package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/config"
)

// logger writes to out in a format.
func logger(t *testing.T, out io.Writer, o Options) *slog.Logger {
	t.Helper()
	handler, err := New(out, o)
	if err != nil {
		t.Fatal(err)
	}
	return slog.New(handler)
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		log  func(*slog.Logger)
		want string
	}{
		{func(l *slog.Logger) { l.Info("llm_route", "provider", "ollama", "success", true) }, "INFO  llm_route  provider=ollama success=true"},
		{func(l *slog.Logger) { l.Info("llm_batch_filter", "total", 5, "llm_eligible", 2, "skipped", 3) }, "INFO  llm_batch_filter  total=5 llm_eligible=2 skipped=3"},
		{func(l *slog.Logger) { l.Warn("bare") }, "WARN  bare"},
		{func(l *slog.Logger) { l.Error("e", "err", errors.New("no such host")) }, `ERROR e  err="no such host"`},
		{func(l *slog.Logger) { l.With("a", 1).WithGroup("g").With("b", 2).Info("e", "c", 3) }, "INFO  e  a=1 g.b=2 g.c=3"},
		{func(l *slog.Logger) { l.Info("e", slog.Group("g", "a", 1, slog.Group("h", "b", 2))) }, "INFO  e  g.a=1 g.h.b=2"},
		{func(l *slog.Logger) { l.Info("e", slog.Group("", "a", 1)) }, "INFO  e  a=1"},
		{func(l *slog.Logger) { l.WithGroup("").Info("e", slog.Attr{}, slog.Group("none")) }, "INFO  e"},
		{func(l *slog.Logger) {
			l.Info("e", "d", 1500*time.Millisecond, "f", 0.25, "t", time.Date(2025, 3, 1, 9, 30, 0, 0, time.UTC), "l", []string{"8-K", "x"}, "n", nil)
		}, `INFO  e  d=1.5s f=0.25 t=2025-03-01T09:30:00Z l="[8-K x]" n=<nil>`},
		{func(l *slog.Logger) {
			l.Info("e", "empty", "", "quote", `a"b`, "equals", "a=b", "path", `C:\news`, "word", "größe")
		}, `INFO  e  empty="" quote="a\"b" equals="a=b" path=C:\news word=größe`},
		{func(l *slog.Logger) { l.Debug("hidden") }, ""},
	} {
		var out bytes.Buffer
		c.log(logger(t, &out, Options{Format: "text"}))
		_, got, _ := strings.Cut(strings.TrimSuffix(out.String(), "\n"), " ") // without the time
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	l := logger(t, &out, Options{Level: slog.LevelDebug})
	l.Debug("llm_cache_hit", "ticker", "ACME", "similarity", 0.97, "took", 1500*time.Millisecond)
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "time")
	want := map[string]any{"level": "DEBUG", "msg": "llm_cache_hit", "ticker": "ACME", "similarity": 0.97, "took": "1.5s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := New(io.Discard, Options{Format: "xml"}); err == nil {
		t.Error("a format that is none was taken")
	}
}

func TestSecretsAndLevelsComeLater(t *testing.T) {
	var out bytes.Buffer
	redactor, level := config.NewRedactor(), new(slog.LevelVar)
	for _, format := range []string{"json", "text"} {
		level.Set(slog.LevelInfo)
		l := logger(t, &out, Options{Format: format, Redactor: redactor, Level: level})
		redactor.Add("t0ps3cret")
		level.Set(slog.LevelDebug)
		l.Debug("token t0ps3cret", "err", errors.New("dial redis://:unknown@h: t0ps3cret"))
	}
	if got := out.String(); strings.Contains(got, "t0ps3cret") || strings.Contains(got, "unknown") || strings.Count(got, "[secret]") != 6 {
		t.Errorf("got %s", got)
	}
}

// hostile texts act on a terminal, forge lines or break encodings.
var hostile = []string{
	"two\nlines", "carriage\rreturn", "\x1b[2J\x1b[31mred", "\u009b31m", "bell\a", "\x00", "\x7f", "\u202eright to left", "\u2066isolate",
	"line\u2028separator", "\u2029", "zero\u200bwidth", "\U000e0041tag", "broken \xff\xfe", "\ufeff",
}

// TestHostileTextIsEscaped, wherever it stands, and comes back whole from JSON.
func TestHostileTextIsEscaped(t *testing.T) {
	for _, text := range hostile {
		for _, format := range []string{"json", "text"} {
			var out bytes.Buffer
			l := logger(t, &out, Options{Format: format})
			l.With("with", text).WithGroup(text).Info(text, "value", text, text, 1, "err", errors.New(text), "list", []string{text})
			line, ok := strings.CutSuffix(out.String(), "\n")
			if !ok || strings.IndexFunc(line, active) >= 0 || !utf8.ValidString(line) {
				t.Errorf("%q as %s: %q", text, format, out.String())
			}
			if format == "json" {
				var got map[string]any
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Errorf("%q: %v in %s", text, err, line)
				} else if want := strings.ToValidUTF8(text, "\ufffd"); got["msg"] != want && utf8.ValidString(text) {
					t.Errorf("%q came back as %q", text, got["msg"])
				}
			}
		}
	}
}

func TestColours(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if Colours(file) || Colours(new(bytes.Buffer)) {
		t.Error("a file is coloured")
	}
	logger(t, file, Options{}).Info("x")
	if text, _ := os.ReadFile(file.Name()); !json.Valid(text) {
		t.Errorf("a file gets %s, want JSON", text)
	}

	var out bytes.Buffer
	slog.New(newTextHandler(&out, slog.LevelInfo, true)).Warn("x", "a", 1)
	if got := out.String(); !strings.Contains(got, "\x1b[33mWARN \x1b[0m") || !strings.Contains(got, "a=\x1b[0m1") {
		t.Errorf("in colours: %q", got)
	}
}

// TestOneWritePerRecord, so that processes that share a file do not mix lines.
func TestOneWritePerRecord(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		writes := 0
		l := logger(t, writer(func(p []byte) (int, error) {
			writes++
			return len(p), nil
		}), Options{Format: format})
		l.Info("a", "b", "\x1b", "c", 1)
		if writes != 1 {
			t.Errorf("%s: %d writes for a record", format, writes)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func BenchmarkJSON(b *testing.B) {
	redactor := config.NewRedactor("t0ps3cret-one", "t0ps3cret-two", "t0ps3cret-three")
	handler, err := New(io.Discard, Options{Format: "json", Redactor: redactor})
	if err != nil {
		b.Fatal(err)
	}
	l := slog.New(handler).With("pipeline", "catalyst")
	for b.Loop() {
		l.Info("llm_route", "provider", "ollama", "success", true, "ms", 123, "title", "Acme reports results")
	}
}
