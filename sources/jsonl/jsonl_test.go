package jsonl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/flows"
	"catalyst/internal/intake"
)

// A topic takes what is published. Its first failures calls fail.
type topic struct {
	mu       sync.Mutex
	failures int
	titles   []string
	batches  []int
}

func (to *topic) publish(_ context.Context, messages ...*flows.Message) error {
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.failures > 0 {
		to.failures--
		return errors.New("down")
	}
	to.batches = append(to.batches, len(messages))
	for _, m := range messages {
		to.titles = append(to.titles, m.Item.Title)
	}
	return nil
}

func (to *topic) got() string {
	to.mu.Lock()
	defer to.mu.Unlock()
	return strings.Join(to.titles, " ")
}

// await waits until the topic has these titles.
func (to *topic) await(t *testing.T, want string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); to.got() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("published %q, want %q", to.got(), want)
		}
	}
}

func newSource(t *testing.T, path string, follow bool) (*source, *bytes.Buffer) {
	t.Helper()
	c := Defaults
	c.Path, c.Follow, c.Every = path, follow, time.Millisecond
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	src, err := Kind().New(&flows.Build{Name: t.Name(), Logger: slog.New(slog.NewTextHandler(&log, nil))}, c)
	if err != nil {
		t.Fatal(err)
	}
	return src.(*source), &log
}

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func item(title string) string { return `{"title":"` + title + `"}` + "\n" }

func TestOnceReadsAFileToItsLastLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	write(t, path, "\ufeff"+item("a")+"\n  \r\n"+`{"title":"b","tickers":["X"]}`+"\r\n"+strings.TrimSpace(item("c")))
	s, _ := newSource(t, path, false)
	to := &topic{}
	if err := s.Run(t.Context(), to.publish); err != nil {
		t.Fatal(err)
	}
	if got := to.got(); got != "a b c" {
		t.Errorf("published %q, want a b c", got)
	}
}

func TestOnceReadsAFolderByName(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "2.jsonl"), item("b"))
	write(t, filepath.Join(dir, "1.jsonl"), item("a"))
	write(t, filepath.Join(dir, "3.txt"), item("no"))
	if err := os.Mkdir(filepath.Join(dir, "4.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, _ := newSource(t, dir, false)
	to := &topic{}
	if err := s.Run(t.Context(), to.publish); err != nil || to.got() != "a b" {
		t.Errorf("published %q, %v; want a b", to.got(), err)
	}
}

func TestOnceFailsWithoutTheFile(t *testing.T) {
	s, _ := newSource(t, filepath.Join(t.TempDir(), "none"), false)
	if err := s.Run(t.Context(), (&topic{}).publish); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that the file does not exist", err)
	}
}

func TestBadLinesAreReportedAndPassed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	write(t, path, item("a")+"{broken\n"+`{"title":7}`+"\n[]\n{}\n"+strings.Repeat("x", maxLine+1)+"\n"+
		`{"title":"`+strings.Repeat("y", maxLine-12)+`"}`+"\n"+"\xff\xfe\n"+item("b"))
	s, log := newSource(t, path, false)
	to := &topic{}
	rejected, items := intake.Rejected.WithLabelValues(t.Name()), intake.Items.WithLabelValues(t.Name())
	rejectedBefore, itemsBefore := testutil.ToFloat64(rejected), testutil.ToFloat64(items)
	if err := s.Run(t.Context(), to.publish); err != nil {
		t.Fatal(err)
	}
	if len(to.titles) != 3 || to.titles[0] != "a" || to.titles[2] != "b" {
		t.Errorf("published %d items, want a, one of the longest length, b", len(to.titles))
	}
	for _, line := range []int{2, 3, 4, 5, 6, 8} {
		if want := fmt.Sprintf("%s:%d", path, line); !strings.Contains(log.String(), want) {
			t.Errorf("no report of %s in\n%s", want, log)
		}
	}
	if got := testutil.ToFloat64(rejected) - rejectedBefore; got != 6 {
		t.Errorf("source_rejected_total grew by %v, want 6", got)
	}
	if got := testutil.ToFloat64(items) - itemsBefore; got != 3 {
		t.Errorf("source_items_total grew by %v, want 3", got)
	}
}

func TestLinesGoOutByTheHundredAndNoneIsLostToABadMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	var want []string
	for i := range 250 {
		want = append(want, fmt.Sprint(i))
		write(t, path, item(fmt.Sprint(i)))
	}
	s, _ := newSource(t, path, false)
	to := &topic{failures: 2}
	if err := s.Run(t.Context(), to.publish); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, to.titles); diff != "" {
		t.Errorf("titles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{100, 100, 50}, to.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestRunGivesUpWhenItsContextEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	write(t, path, item("a"))
	for _, follow := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s, _ := newSource(t, path, follow)
		err := s.Run(ctx, func(context.Context, ...*flows.Message) error {
			cancel()
			return errors.New("down")
		})
		if err != nil {
			t.Errorf("follow %v: %v, want nil", follow, err)
		}
	}
}

// following runs a source until the test ends.
func following(t *testing.T, path string) *topic {
	t.Helper()
	s, _ := newSource(t, path, true)
	to := &topic{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, to.publish) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return to
}

func TestFollowWaitsForTheFileAndForTheEndOfALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	to := following(t, path)
	write(t, path, item("a")+`{"title":`)
	to.await(t, "a")
	write(t, path, `"b"}`)
	write(t, path, "\n"+item("c"))
	to.await(t, "a b c")
}

func TestFollowReadsARotatedFileToItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	write(t, path, item("a"))
	to := following(t, path)
	to.await(t, "a")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, path+".1", item("b")+strings.TrimSpace(item("c"))) // the writer still has it open
	write(t, path, item("d"))
	to.await(t, "a b c d")
	write(t, path, item("e"))
	to.await(t, "a b c d e")
}

func TestFollowBeginsAgainWhenTheFileIsTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	write(t, path, item("first")+item("second"))
	to := following(t, path)
	to.await(t, "first second")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, path, item("c"))
	to.await(t, "first second c")
}

func TestFollowAFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "1.jsonl"), item("a"))
	to := following(t, dir)
	to.await(t, "a")
	write(t, filepath.Join(dir, "2.jsonl"), item("b"))
	to.await(t, "a b")
	write(t, filepath.Join(dir, "1.jsonl"), item("c")) // closed in the meantime
	to.await(t, "a b c")
	if err := os.Remove(filepath.Join(dir, "1.jsonl")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "3.jsonl"), item("d"))
	to.await(t, "a b c d")
}

// The tail is driven by hand here: what a look must do when a file was closed and
// replaced in between.
func TestATailKnowsTheFileItClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	write(t, path, item("a"))
	var got []string
	each := func(l line) error {
		got = append(got, fmt.Sprintf("%d:%s", l.number, l.text))
		return nil
	}
	tail := &tail{path: path, lines: splitter{file: path}}
	defer tail.close()
	for _, step := range []func(){
		func() {},
		func() {},
		func() { write(t, path, item("b")) },
		func() {
			other := path + ".new"
			write(t, other, item("longer than what was there before")+item("z"))
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		step()
		if err := tail.read(each); err != nil {
			t.Fatal(err)
		}
		tail.close()
	}
	want := []string{`1:{"title":"a"}`, `2:{"title":"b"}`, `1:{"title":"longer than what was there before"}`, `2:{"title":"z"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestStdinIsPublishedWithoutWaitingForMore(t *testing.T) {
	s, _ := newSource(t, "-", false)
	in, writer := io.Pipe()
	s.stdin = in
	to := &topic{}
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context(), to.publish) }()
	io.WriteString(writer, item("a")+"junk\n"+item("b"))
	to.await(t, "a b") // and the pipe is still open
	io.WriteString(writer, strings.TrimSpace(item("c")))
	writer.Close()
	if err := <-done; err != nil || to.got() != "a b c" {
		t.Errorf("published %q, %v; want a b c", to.got(), err)
	}
}

func TestStdinFailsWithItsReader(t *testing.T) {
	s, _ := newSource(t, "-", false)
	in, writer := io.Pipe()
	s.stdin = in
	go func() {
		io.WriteString(writer, item("a"))
		writer.CloseWithError(errors.New("torn"))
	}()
	to := &topic{}
	if err := s.Run(t.Context(), to.publish); err == nil || to.got() != "a" {
		t.Errorf("published %q, error %v; want a and an error", to.got(), err)
	}
}

func TestStdinEndsWithTheContext(t *testing.T) {
	s, _ := newSource(t, "-", true)
	in, writer := io.Pipe()
	defer writer.Close()
	s.stdin = in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx, (&topic{}).publish); err != nil {
		t.Error(err)
	}
}

// However the reads fall, the lines are those of the text.
func FuzzSplitter(f *testing.F) {
	f.Add("a\nb\n\nc", 1)
	f.Add(strings.Repeat("x", 200_000)+"\ny", 70_000)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 1 {
			return
		}
		var got []string
		each := func(l line) error {
			if l.number != len(got)+1 {
				t.Errorf("line %d has the number %d", len(got)+1, l.number)
			}
			got = append(got, string(l.text))
			return nil
		}
		var s splitter
		var total int64
		for part := range slices.Chunk([]byte(text), size) {
			n, err := s.read(bytes.NewReader(part), each)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		if err := s.finish(each); err != nil || total != int64(len(text)) {
			t.Fatalf("%d bytes read, want %d; %v", total, len(text), err)
		}
		want := strings.Split(text, "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		if len(text) <= maxLine && !slices.Equal(got, want) {
			t.Errorf("lines %q, want %q", got, want)
		}
	})
}

func TestConfig(t *testing.T) {
	if err := (Config{}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("an empty configuration: %v; want two faults", err)
	}
}
