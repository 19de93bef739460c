package embed

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/store"
)

// counting is Lexical that counts the texts it was asked for.
type counting struct {
	Lexical
	mu    sync.Mutex
	texts int
}

func (c *counting) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	c.mu.Lock()
	c.texts += len(texts)
	c.mu.Unlock()
	return c.Lexical.Embed(ctx, texts)
}

// vectors is store.Embeddings in a map. It has no clock; the stores' own suites
// look after ttl.
type vectors struct {
	mu  sync.Mutex
	m   map[string][]float32
	err error
}

func (s *vectors) Vectors(_ context.Context, space string, hashes []string) ([][]float32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([][]float32, len(hashes))
	for i, h := range hashes {
		out[i] = s.m[space+h]
	}
	return out, s.err
}

func (s *vectors) Keep(_ context.Context, space string, fresh map[string][]float32, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h, v := range fresh {
		s.m[space+h] = v
	}
	return s.err
}

func open(s store.Embeddings) func() (store.Embeddings, error) {
	return func() (store.Embeddings, error) { return s, nil }
}

func TestCachedComputesEachTextOnce(t *testing.T) {
	shared := &vectors{m: map[string][]float32{}}
	texts := []string{"Acme rises", "Acme falls", "", "Acme rises"}
	want, _ := Lexical{}.Embed(t.Context(), texts)

	first := &counting{}
	cache := Cached(first, open(shared), KeepVectors, slog.Default())
	for range 3 {
		got, err := cache.Embed(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("vectors (−want +got):\n%s", diff)
		}
	}
	// The text without a word is cheap to find out again and nothing to keep.
	if want := len(texts) + 2; first.texts != want {
		t.Errorf("%d texts computed in three calls, want %d", first.texts, want)
	}

	second := &counting{} // another process
	if _, err := Cached(second, open(shared), KeepVectors, slog.Default()).Embed(t.Context(), texts[:2]); err != nil {
		t.Fatal(err)
	}
	if second.texts != 0 {
		t.Errorf("%d texts computed that the store knows, want 0", second.texts)
	}
}

func TestCachedSurvivesItsStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		log := slog.New(slog.NewTextHandler(&logged, nil))
		shared := &vectors{m: map[string][]float32{}}
		cache := Cached(&counting{}, open(shared), KeepVectors, log)
		for i, err := range []error{errDown, errDown, errDown, nil, errDown} {
			shared.err = err
			if _, err := cache.Embed(t.Context(), []string{strconv.Itoa(i)}); err != nil {
				t.Errorf("Embed: %v, want the vector all the same", err)
			}
			time.Sleep(storeRest)
		}
		if got := strings.Count(logged.String(), "level=WARN"); got != 2 {
			t.Errorf("%d warnings in two outages, want 2:\n%s", got, &logged)
		}
	})
}

var errDown = errors.New("connection refused")

func TestCachedDoesNotTrustItsStore(t *testing.T) {
	shared := &vectors{m: map[string][]float32{}}
	good, _ := Cached(Lexical{}, open(shared), KeepVectors, slog.Default()).Embed(t.Context(), []string{"text"})
	for key := range shared.m {
		shared.m[key] = make([]float32, Dimensions) // damaged
	}
	got, err := Cached(Lexical{}, open(shared), KeepVectors, slog.Default()).Embed(t.Context(), []string{"text"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(good, got); diff != "" {
		t.Errorf("vector (−want +got):\n%s", diff)
	}
}

func TestMemoryIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	m := newMemory(10)
	m.put("used", []float32{1})
	for i := range 1000 {
		m.put(strconv.Itoa(i), []float32{0})
		if m.get("used") == nil {
			t.Fatalf("forgotten after %d others, though asked for each time", i+1)
		}
		if n := len(m.young) + len(m.old); n > 20 {
			t.Fatalf("%d vectors held, want at most 20", n)
		}
	}
	if m.get("0") != nil {
		t.Error("a vector that nobody asked for is still held")
	}
}
