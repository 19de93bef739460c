package storetest

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"catalyst/internal/store"

	"github.com/google/go-cmp/cmp"
)

// Embeddings runs the suite of [store.Embeddings].
func Embeddings(t *testing.T, open func(tb testing.TB) store.Embeddings) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, store.Embeddings)
	}{
		{"a new hash has no vector", vectorUnknown},
		{"vectors come in the order asked", vectorOrder},
		{"every bit comes back", vectorExact},
		{"storing twice is storing once", vectorTwice},
		{"spaces are apart", vectorSpaces},
		{"a vector ends with its time", vectorExpires},
		{"what is stored is a copy", vectorCopy},
		{"an empty batch asks nothing", vectorNothing},
		{"a large batch", vectorMany},
		{"many at once", vectorConcurrent},
		{"a cancelled call is an error", vectorCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

const space = "lexical/1/512"

func vectorUnknown(t *testing.T, s store.Embeddings) {
	wantVectors(t, s, space, []string{"a", "b"}, nil, nil)
}

func vectorOrder(t *testing.T, s store.Embeddings) {
	one, two := []float32{1, 2, 3}, []float32{4, 5, 6}
	keepVectors(t, s, space, map[string][]float32{"a": one, "b": two})
	wantVectors(t, s, space, []string{"b", "x", "a", "b"}, two, nil, one, two)
}

func vectorExact(t *testing.T, s store.Embeddings) {
	v := []float32{
		0, float32(math.Copysign(0, -1)), 1, -1, 0.1, math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, 1 + 1.0/(1<<23), math.Pi, 1e-40,
	}
	keepVectors(t, s, space, map[string][]float32{"v": v})
	got := vectors(t, s, space, "v")[0]
	if len(got) != len(v) {
		t.Fatalf("%d dimensions, want %d", len(got), len(v))
	}
	for i := range v {
		if math.Float32bits(got[i]) != math.Float32bits(v[i]) {
			t.Errorf("dimension %d: %x, want %x", i, math.Float32bits(got[i]), math.Float32bits(v[i]))
		}
	}
}

func vectorTwice(t *testing.T, s store.Embeddings) {
	v := []float32{1, 2}
	for range 2 {
		keepVectors(t, s, space, map[string][]float32{"v": v})
	}
	wantVectors(t, s, space, []string{"v"}, v)
}

// vectorSpaces also tells apart spaces and hashes that are alike once joined.
func vectorSpaces(t *testing.T, s store.Embeddings) {
	want := map[string]map[string][]float32{
		"small": {"v": {1}},
		"large": {"v": {1, 2, 3, 4}},
		"a":     {"bc": {1, 2}, "b:c": {3, 4}},
		"ab":    {"c": {5, 6}},
		"a:b":   {"c": {7, 8}},
	}
	for i, text := range hostile {
		if want[text] == nil {
			want[text] = map[string][]float32{}
		}
		want[text]["h"] = []float32{float32(i)}
	}
	for space, vectors := range want {
		keepVectors(t, s, space, vectors)
	}
	for space, vectors := range want {
		for hash, v := range vectors {
			wantVectors(t, s, space, []string{hash}, v)
		}
	}
	wantVectors(t, s, "empty", []string{"v"}, nil)
}

func vectorExpires(t *testing.T, s store.Embeddings) {
	const short = 200 * time.Millisecond
	start := time.Now()
	for _, ttl := range []time.Duration{time.Hour, short} {
		err := s.Keep(t.Context(), space, map[string][]float32{ttl.String(): {1}}, ttl)
		if err != nil {
			t.Fatalf("keep: %v", err)
		}
	}
	eventually(t, "the vector is gone", func() bool {
		return vectors(t, s, space, short.String())[0] == nil
	})
	if kept := time.Since(start); kept < short {
		t.Errorf("kept for %v, want %v", kept, short)
	}
	wantVectors(t, s, space, []string{time.Hour.String()}, []float32{1})
}

func vectorCopy(t *testing.T, s store.Embeddings) {
	v := []float32{1, 2}
	keepVectors(t, s, space, map[string][]float32{"v": v})
	v[0] = 99
	got := vectors(t, s, space, "v")[0]
	got[1] = 99
	wantVectors(t, s, space, []string{"v"}, []float32{1, 2})
}

func vectorNothing(t *testing.T, s store.Embeddings) {
	keepVectors(t, s, space, nil)
	if got := vectors(t, s, space); len(got) != 0 {
		t.Errorf("vectors %v, want none", got)
	}
}

func vectorMany(t *testing.T, s store.Embeddings) {
	all := make(map[string][]float32, many)
	hashes := make([]string, many)
	want := make([][]float32, many)
	for i := range many {
		hashes[i], want[i] = fmt.Sprint("hash", i), []float32{float32(i), 1, 2, 3, 4, 5, 6, 7}
		all[hashes[i]] = want[i]
	}
	keepVectors(t, s, space, all)
	wantVectors(t, s, space, hashes, want...)
}

func vectorConcurrent(t *testing.T, s store.Embeddings) {
	const writers, hashes = 16, 50
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			batch := make(map[string][]float32, hashes)
			for i := range hashes {
				batch[fmt.Sprint(i)] = []float32{float32(i)}
			}
			if err := s.Keep(t.Context(), space, batch, time.Hour); err != nil {
				t.Errorf("keep: %v", err)
			}
			for i := range hashes {
				got, err := s.Vectors(t.Context(), space, []string{fmt.Sprint(i)})
				if diff := cmp.Diff([][]float32{{float32(i)}}, got); err != nil || diff != "" {
					t.Errorf("error %v, vectors (-want +got):\n%s", err, diff)
				}
			}
		})
	}
	wg.Wait()
}

func vectorCancelled(t *testing.T, s store.Embeddings) {
	if got, err := s.Vectors(cancelled(), space, []string{"v"}); err == nil {
		t.Errorf("vectors: %v and no error", got)
	}
	if err := s.Keep(cancelled(), space, map[string][]float32{"v": {1}}, time.Hour); err == nil {
		t.Error("keep: no error")
	}
}

func keepVectors(t *testing.T, s store.Embeddings, space string, vectors map[string][]float32) {
	t.Helper()
	if err := s.Keep(t.Context(), space, vectors, time.Hour); err != nil {
		t.Fatalf("keep: %v", err)
	}
}

func vectors(t *testing.T, s store.Embeddings, space string, hashes ...string) [][]float32 {
	t.Helper()
	got, err := s.Vectors(t.Context(), space, hashes)
	if err != nil {
		t.Fatalf("vectors: %v", err)
	}
	if len(got) != len(hashes) {
		t.Fatalf("%d vectors for %d hashes", len(got), len(hashes))
	}
	return got
}

func wantVectors(t *testing.T, s store.Embeddings, space string, hashes []string, want ...[]float32) {
	t.Helper()
	if diff := cmp.Diff(want, vectors(t, s, space, hashes...)); diff != "" {
		t.Fatalf("vectors of %.20q (-want +got):\n%s", space, diff)
	}
}
