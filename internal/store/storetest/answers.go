package storetest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"catalyst/internal/store"

	"github.com/google/go-cmp/cmp"
)

// Answers runs the suite of [store.Answers].
func Answers(t *testing.T, open func(tb testing.TB) store.Answers) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, store.Answers)
	}{
		{"nothing is found where nothing is", answerUnknown},
		{"the nearest of several is found", answerNearest},
		{"the nearest may be far", answerFar},
		{"an equal vector is similar by 1 and not more", answerEqualVector},
		{"an equal hash counts as exactly 1", answerEqualHash},
		{"matches come in the order asked", answerOrder},
		{"scopes are apart", answerScopes},
		{"hostile scopes and keys are told apart", answerHostile},
		{"dimensions differ between namespaces", answerDimensions},
		{"an expired answer is not found", answerExpired},
		{"an answer expires in its own time", answerExpires},
		{"expired answers are deleted up to the limit", answerExpireLimit},
		{"a second answer replaces the first", answerReplace},
		{"remembering twice is remembering once", answerTwice},
		{"a value comes back byte for byte", answerValues},
		{"what is stored is a copy", answerCopy},
		{"an empty batch asks nothing", answerNothing},
		{"a large batch", answerMany},
		{"many at once", answerConcurrent},
		{"a cancelled call is an error", answerCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// dims is what the built-in embedder makes.
const dims = 512

var scope = store.Scope{Namespace: "8-K/prompt 1/model 1/lexical 1/512", Tickers: "AAPL,MSFT"}

func answerUnknown(t *testing.T, s store.Answers) {
	wantMatches(t, s, []store.Query{query(scope, "h", direction(1))}, store.Match{})
}

func answerNearest(t *testing.T, s store.Answers) {
	v := direction(1)
	remember(t, s,
		answer(scope, "far", lean(v, 0.5)),
		answer(scope, "nearest", lean(v, 0.97)),
		answer(scope, "near", lean(v, 0.96)),
		answer(scope, "opposite", lean(v, -0.99)),
	)
	wantMatches(t, s, []store.Query{query(scope, "h", v)}, found("nearest", 0.97))
}

// answerFar leaves the threshold to the caller, who wants to count near misses.
func answerFar(t *testing.T, s store.Answers) {
	v := direction(1)
	remember(t, s, answer(scope, "opposite", lean(v, -1)))
	wantMatches(t, s, []store.Query{query(scope, "h", v)}, found("opposite", -1))
	remember(t, s, answer(scope, "square", lean(v, 0)))
	wantMatches(t, s, []store.Query{query(scope, "h", v)}, found("square", 0))
}

func answerEqualVector(t *testing.T, s store.Answers) {
	for i := range uint64(20) {
		v := direction(i)
		remember(t, s, answer(scope, fmt.Sprint(i), v))
		wantMatches(t, s, []store.Query{query(scope, "h", v)}, found(fmt.Sprint(i), 1))
	}
}

func answerEqualHash(t *testing.T, s store.Answers) {
	v := direction(1)
	remember(t, s,
		answer(scope, "same vector", v),
		answer(scope, "same text", lean(v, -0.5)),
		answer(scope, "near", lean(v, 0.99)),
	)
	got := nearest(t, s, query(scope, "same text", v))[0]
	if got.Key != "item same text" || got.Similarity != 1 {
		t.Errorf("found %q by %v, want the answer of equal hash by exactly 1", got.Key, got.Similarity)
	}
}

func answerOrder(t *testing.T, s store.Answers) {
	a, b, c := direction(1), direction(2), direction(3)
	other := store.Scope{Namespace: scope.Namespace, Tickers: "TSLA"}
	remember(t, s, answer(scope, "a", a), answer(scope, "b", b), answer(other, "c", c))
	wantMatches(t, s, []store.Query{
		query(other, "1", c), query(scope, "2", lean(b, 0.9)), query(store.Scope{}, "3", a), query(scope, "4", a), query(scope, "2", lean(b, 0.9)),
	},
		found("c", 1), found("b", 0.9), store.Match{}, found("a", 1), found("b", 0.9))
}

func answerScopes(t *testing.T, s store.Answers) {
	v := direction(1)
	scopes := []store.Scope{
		{Namespace: "n", Tickers: "AAPL"},
		{Namespace: "n", Tickers: "AAPL,MSFT"},
		{Namespace: "n", Tickers: ""},
		{Namespace: "", Tickers: "AAPL"},
		{Namespace: "m", Tickers: "AAPL"},
		{Namespace: "n:AAPL", Tickers: ""},
		{Namespace: "nA", Tickers: "APL"},
		{Namespace: "n", Tickers: "aapl"},
	}
	var queries []store.Query
	var want []store.Match
	for i, sc := range scopes {
		remember(t, s, answer(sc, fmt.Sprint("own ", i), lean(v, 0.6)), answer(store.Scope{Namespace: fmt.Sprint("nobody asks ", i)}, "h", v))
		queries = append(queries, query(sc, "h", v))
		want = append(want, found(fmt.Sprint("own ", i), 0.6))
	}
	wantMatches(t, s, queries, want...)
	// An equal hash does not cross scopes either.
	wantMatches(t, s, []store.Query{query(store.Scope{Namespace: "n", Tickers: "TSLA"}, "own 0", v)}, store.Match{})
}

func answerHostile(t *testing.T, s store.Answers) {
	v := direction(1)
	var queries []store.Query
	for i, text := range hostile {
		for j, sc := range []store.Scope{{Namespace: text, Tickers: "t"}, {Namespace: "n", Tickers: text}} {
			a := answer(sc, fmt.Sprintf("%x", text), v)
			a.Key, a.Value = text, fmt.Appendf(nil, "%d %d", i, j)
			remember(t, s, a)
			queries = append(queries, query(sc, "h", v))
		}
	}
	for i, m := range nearest(t, s, queries...) {
		if want := fmt.Sprintf("%d %d", i/2, i%2); !m.Found || m.Key != hostile[i/2] || string(m.Value) != want {
			t.Errorf("scope of %.20q: found %.20q with %q, want its own with %q", hostile[i/2], m.Key, m.Value, want)
		}
	}
}

func answerDimensions(t *testing.T, s store.Answers) {
	var queries []store.Query
	var answers []store.Answer
	var want []store.Match
	for i, n := range []int{1, 2, 3, 256, 384, 768, 1536, 3072} {
		sc := store.Scope{Namespace: fmt.Sprint("dims ", n), Tickers: "AAPL"}
		v := make([]float32, n)
		v[i%n] = 1
		answers = append(answers, answer(sc, sc.Namespace, v))
		queries = append(queries, query(sc, "h", v))
		want = append(want, found(sc.Namespace, 1))
	}
	remember(t, s, answers...)
	wantMatches(t, s, queries, want...)
}

func answerExpired(t *testing.T, s store.Answers) {
	v := direction(1)
	gone := answer(scope, "gone", v)
	gone.Expires = time.Now().Add(-time.Minute)
	remember(t, s, gone, answer(scope, "live", lean(v, 0.3)))
	wantMatches(t, s, []store.Query{query(scope, "gone", v), query(scope, "h", v)}, found("live", 0.3), found("live", 0.3))
}

func answerExpires(t *testing.T, s store.Answers) {
	v := direction(1)
	soon := answer(scope, "soon", v)
	soon.Expires = time.Now().Add(300 * time.Millisecond)
	remember(t, s, soon)
	eventually(t, "the answer has expired", func() bool {
		return !nearest(t, s, query(scope, "soon", v))[0].Found
	})
	if early := time.Until(soon.Expires); early > 10*time.Millisecond {
		t.Errorf("gone %v early", early)
	}
	remember(t, s, answer(scope, "soon", v)) // and may be remembered again
	wantMatches(t, s, []store.Query{query(scope, "h", v)}, found("soon", 1))
}

func answerExpireLimit(t *testing.T, s store.Answers) {
	v := direction(1)
	for i := range 10 {
		gone := answer(scope, fmt.Sprint("gone ", i), v)
		gone.Expires = time.Now().Add(-time.Duration(i+1) * time.Hour)
		remember(t, s, gone)
	}
	remember(t, s, answer(scope, "live", v))
	for _, step := range []struct{ limit, want int }{{0, 0}, {4, 4}, {6, 6}, {100, 0}} {
		if n, err := s.Expire(t.Context(), step.limit); err != nil || n != step.want {
			t.Errorf("expire up to %d: %d, error %v, want %d", step.limit, n, err, step.want)
		}
	}
	wantMatches(t, s, []store.Query{query(scope, "h", v)}, found("live", 1))
}

func answerReplace(t *testing.T, s store.Answers) {
	v := direction(1)
	remember(t, s, answer(scope, "h", lean(v, 0.9)))
	second := answer(scope, "h", lean(v, -0.2))
	second.Key, second.Value = "second", []byte("second")
	remember(t, s, second)
	got := nearest(t, s, query(scope, "other", v))[0]
	if got.Key != "second" || string(got.Value) != "second" || math.Abs(got.Similarity+0.2) > tolerance {
		t.Errorf("found %q with %q by %v, want only the second, by its own vector", got.Key, got.Value, got.Similarity)
	}

	// In one batch too, the last word holds.
	third, fourth := second, second
	third.Key, fourth.Key = "third", "fourth"
	remember(t, s, third, fourth)
	if got := nearest(t, s, query(scope, "h", v))[0]; got.Key != "fourth" {
		t.Errorf("found %q, want the last of the batch", got.Key)
	}
}

func answerTwice(t *testing.T, s store.Answers) {
	gone := answer(scope, "h", direction(1))
	gone.Expires = time.Now().Add(-time.Hour)
	for range 3 {
		remember(t, s, gone)
	}
	if n, err := s.Expire(t.Context(), 100); n != 1 || err != nil {
		t.Errorf("%d expired, error %v, want 1", n, err)
	}
}

func answerValues(t *testing.T, s store.Answers) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for i, value := range [][]byte{nil, {}, every, []byte(`{"b":1, "a":2}`), bytes.Repeat(every, 4096)} {
		v := direction(uint64(i))
		a := answer(scope, fmt.Sprint(i), v)
		a.Value, a.At = value, time.Date(2020, 2, 3, 4, 5, 6, 789_000_000, time.FixedZone("", -5*3600))
		remember(t, s, a)
		got := nearest(t, s, query(scope, "h", v))[0]
		if !bytes.Equal(got.Value, value) {
			t.Errorf("value %d: %d bytes %.20q…, want %d bytes %.20q…", i, len(got.Value), got.Value, len(value), value)
		}
		if !got.At.Equal(a.At) {
			t.Errorf("at %v, want %v", got.At, a.At)
		}
	}
}

func answerCopy(t *testing.T, s store.Answers) {
	v := direction(1)
	a := answer(scope, "h", append([]float32(nil), v...))
	a.Value = []byte("value")
	remember(t, s, a)
	clear(a.Vector)
	clear(a.Value)
	got := nearest(t, s, query(scope, "other", v))[0]
	if string(got.Value) != "value" || math.Abs(got.Similarity-1) > tolerance {
		t.Fatalf("found %q by %v after the caller changed its slices", got.Value, got.Similarity)
	}
	clear(got.Value)
	if got := nearest(t, s, query(scope, "other", v))[0]; string(got.Value) != "value" {
		t.Errorf("found %q after a caller changed what it was given", got.Value)
	}
}

func answerNothing(t *testing.T, s store.Answers) {
	remember(t, s)
	if got := nearest(t, s); len(got) != 0 {
		t.Errorf("matches %v, want none", got)
	}
}

func answerMany(t *testing.T, s store.Answers) {
	const dims, scopes = 16, 50
	answers := make([]store.Answer, many)
	var queries []store.Query
	var want []store.Match
	for i := range answers {
		sc := store.Scope{Namespace: "n", Tickers: fmt.Sprint("T", i%scopes)}
		v := random(uint64(i), dims)
		answers[i] = answer(sc, fmt.Sprint("h", i), v)
		if i%25 == 0 {
			queries = append(queries, query(sc, "h", v))
			want = append(want, found(fmt.Sprint("h", i), 1))
		}
	}
	remember(t, s, answers...)
	wantMatches(t, s, queries, want...)
}

// answerConcurrent writes overlapping answers in different orders, and looks and
// expires meanwhile: nobody is refused, deadlocked or shown half an answer.
func answerConcurrent(t *testing.T, s store.Answers) {
	const writers, rounds, hashes = 8, 5, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range rounds {
				batch := make([]store.Answer, hashes)
				for i := range batch {
					h := (i*7 + w) % hashes
					batch[i] = answer(scope, fmt.Sprint(h), direction(uint64(h)))
					batch[i].Key = fmt.Sprint("writer ", w)
					batch[i].Value = []byte(batch[i].Key)
					if h%4 == 0 {
						batch[i].Expires = time.Now().Add(-time.Hour)
					}
				}
				if err := s.Remember(t.Context(), batch); err != nil {
					t.Errorf("remember: %v", err)
				}
				matches, err := s.Nearest(t.Context(), []store.Query{query(scope, "h", direction(1))})
				if err != nil || !matches[0].Found || matches[0].Key != string(matches[0].Value) {
					t.Errorf("nearest: %+v, error %v", matches, err)
				}
				if _, err := s.Expire(t.Context(), 3); err != nil {
					t.Errorf("expire: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func answerCancelled(t *testing.T, s store.Answers) {
	v := direction(1)
	if got, err := s.Nearest(cancelled(), []store.Query{query(scope, "h", v)}); err == nil {
		t.Errorf("nearest: %v and no error", got)
	}
	if err := s.Remember(cancelled(), []store.Answer{answer(scope, "h", v)}); err == nil {
		t.Error("remember: no error")
	}
	if n, err := s.Expire(cancelled(), 1); err == nil {
		t.Errorf("expire: %d and no error", n)
	}
}

// tolerance is what single-precision arithmetic over dims dimensions may cost.
const tolerance = 1e-4

func query(sc store.Scope, hash string, v []float32) store.Query {
	return store.Query{Scope: sc, Hash: hash, Vector: v}
}

// answer is a live answer of which everything follows from its hash.
func answer(sc store.Scope, hash string, v []float32) store.Answer {
	return store.Answer{
		Scope: sc, Hash: hash, Vector: v, Key: "item " + hash, Value: []byte("verdict " + hash),
		At: time.Now().Truncate(time.Millisecond), Expires: time.Now().Add(time.Hour),
	}
}

// found is the match of answer(…, hash, …).
func found(hash string, similarity float64) store.Match {
	return store.Match{Found: true, Similarity: similarity, Key: "item " + hash, Value: []byte("verdict " + hash)}
}

func remember(t *testing.T, s store.Answers, answers ...store.Answer) {
	t.Helper()
	if err := s.Remember(t.Context(), answers); err != nil {
		t.Fatalf("remember: %v", err)
	}
}

func nearest(t *testing.T, s store.Answers, queries ...store.Query) []store.Match {
	t.Helper()
	got, err := s.Nearest(t.Context(), queries)
	if err != nil {
		t.Fatalf("nearest: %v", err)
	}
	if len(got) != len(queries) {
		t.Fatalf("%d matches for %d queries", len(got), len(queries))
	}
	for _, m := range got {
		if m.Similarity < -1 || m.Similarity > 1 {
			t.Errorf("similarity %v, want -1 … 1", m.Similarity)
		}
		if m.Found == m.At.IsZero() {
			t.Errorf("found %v, at %v", m.Found, m.At)
		}
	}
	return got
}

func wantMatches(t *testing.T, s store.Answers, queries []store.Query, want ...store.Match) {
	t.Helper()
	got := nearest(t, s, queries...)
	for i := range got {
		got[i].At = time.Time{}
		if math.Abs(got[i].Similarity-want[i].Similarity) <= tolerance {
			got[i].Similarity = want[i].Similarity
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("matches (-want +got):\n%s", diff)
	}
}

// direction returns a unit vector, the same for a seed, that is nearly at right
// angles to those of other seeds.
func direction(seed uint64) []float32 { return random(seed, dims) }

func random(seed uint64, dims int) []float32 {
	r := rand.New(rand.NewPCG(seed, 7))
	v := make([]float64, dims)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	return unit(v)
}

// lean returns a unit vector whose cosine with the unit vector v is cos.
func lean(v []float32, cos float64) []float32 {
	aside := random(uint64(math.Float64bits(cos)), len(v))
	var along float64
	for i := range v {
		along += float64(v[i]) * float64(aside[i])
	}
	square := make([]float64, len(v)) // aside without its part along v
	for i := range v {
		square[i] = float64(aside[i]) - along*float64(v[i])
	}
	sin := math.Sqrt(1 - cos*cos)
	out := make([]float64, len(v))
	for i, x := range unit(square) {
		out[i] = cos*float64(v[i]) + sin*float64(x)
	}
	return unit(out)
}

func unit(v []float64) []float32 {
	var sum float64
	for _, x := range v {
		sum += x * x
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / math.Sqrt(sum))
	}
	return out
}
