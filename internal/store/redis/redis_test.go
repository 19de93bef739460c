package redisstore

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"catalyst/internal/store"
	"catalyst/internal/store/storetest"
	"catalyst/internal/testenv"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

func TestStories(t *testing.T) {
	storetest.Stories(t, func(tb testing.TB) [2]store.Stories {
		name := unique(tb)
		return [2]store.Stories{openAs(tb, name), openAs(tb, name)}
	})
}

func TestLedger(t *testing.T) {
	storetest.Ledger(t, func(tb testing.TB) store.Ledger { return open(tb) })
}

func TestEmbeddings(t *testing.T) {
	storetest.Embeddings(t, func(tb testing.TB) store.Embeddings { return open(tb) })
}

func TestMeters(t *testing.T) {
	storetest.Meters(t, func(tb testing.TB) [2]store.Meters {
		name := unique(tb)
		return [2]store.Meters{openAs(tb, name), openAs(tb, name)}
	})
}

func BenchmarkTake(b *testing.B) { storetest.BenchmarkTake(b, open(b)) }

func TestNotes(t *testing.T) {
	storetest.Notes(t, func(tb testing.TB) store.Notes { return open(tb) })
}

func TestPipelinesAreApart(t *testing.T) {
	one, other := open(t), open(t)
	for _, s := range []*Store{one, other} {
		owner := "message of " + s.prefix
		got, err := s.Join(t.Context(), []store.Arrival{{Key: "k", ID: owner, Group: "g"}}, hour)
		if err != nil || got[0].Owner != owner || len(got[0].Before) != 0 {
			t.Errorf("joined %+v, error %v, want it to own the key alone", got, err)
		}
	}
}

// However long a name is, Redis holds the same for it; and nothing for ever.
func TestKeysAreSmallAndExpire(t *testing.T) {
	s := open(t)
	sizes := map[int64]bool{}
	for _, name := range []string{"k", strings.Repeat("k", 10_000), "nul\x00 and \xff"} {
		fill(t, s, name)
		size, err := s.client.MemoryUsage(t.Context(), s.key(claimKey, name)).Result()
		if err != nil {
			t.Fatal(err)
		}
		sizes[size] = true
	}
	if len(sizes) != 1 {
		t.Errorf("claims of %v bytes, want all of one size", sizes)
	}
	keys := stored(t, s)
	if len(keys) != 24 {
		t.Errorf("%d keys, want 24: %q", len(keys), keys)
	}
	for _, key := range keys {
		if ttl := s.client.PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > time.Hour {
			t.Errorf("%s lives for %v, want up to an hour", key, ttl)
		}
	}
}

// A damaged record is an error and not nothing: the effect may have happened.
func TestDamagedRecord(t *testing.T) {
	for name, damage := range map[string]func(*Store, string) error{
		"a field is gone":  func(s *Store, key string) error { return s.client.HDel(t.Context(), key, "id").Err() },
		"a field is wrong": func(s *Store, key string) error { return s.client.HSet(t.Context(), key, "at", "noon").Err() },
		"another type":     func(s *Store, key string) error { return s.client.Set(t.Context(), key, "x", time.Hour).Err() },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			fill(t, s, "k")
			if err := damage(s, s.key(effectKey, "k")); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Effects(t.Context(), []string{"other", "k"}); err == nil {
				t.Errorf("effects %+v and no error", got)
			}
			fill(t, s, "k2") // others are not concerned
			if got, err := s.Effects(t.Context(), []string{"k2"}); err != nil || got[0].ID != "1" {
				t.Errorf("effects %+v, error %v", got, err)
			}
		})
	}
}

func TestDamagedVectorIsMissing(t *testing.T) {
	s := open(t)
	for i, junk := range []string{"", "abc", "12345"} {
		hash := fmt.Sprint(i)
		if err := s.client.Set(t.Context(), s.key(embeddingKey, "space", hash), junk, time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Vectors(t.Context(), "space", []string{hash}); err != nil || got[0] != nil {
			t.Errorf("of %q: %v, error %v, want nil", junk, got, err)
		}
	}
}

// A damaged counter is an error, and what was asked for with it is not taken.
func TestDamagedCounter(t *testing.T) {
	for name, junk := range map[string]string{"a word": "noon", "a fraction": "1.5", "nothing": "", "too large": "99999999999999999999"} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			if err := s.client.Set(t.Context(), s.key(meterKey, "k"), junk, time.Hour).Err(); err != nil {
				t.Fatal(err)
			}
			batch := []store.Meter{
				{Counters: []string{"other"}, Amount: 1, Limit: 10, Keep: time.Hour},
				{Counters: []string{"own", "k"}, Amount: 1, Limit: 10, Keep: time.Hour},
			}
			if taken, err := s.Take(t.Context(), batch); err == nil && taken.OK {
				t.Errorf("taken %+v", taken)
			}
			if got, err := s.Used(t.Context(), []string{"k"}); err == nil {
				t.Errorf("used %v and no error", got)
			}
			if got, err := s.Used(t.Context(), []string{"other", "own"}); err != nil || got[0] != 0 || got[1] != 0 {
				t.Errorf("used %v, error %v, want nothing", got, err)
			}
		})
	}
}

// What is counted is not counted twice when the connection breaks before the reply.
func TestAddIsNotRepeated(t *testing.T) {
	name := unique(t)
	proxy := testenv.NewProxy(t, testenv.Redis(t))
	near := openAs(t, name)
	far, err := Open(proxy.URL, name)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	batch := []store.Meter{{Counters: []string{"k"}, Amount: 5, Limit: 100, Keep: time.Hour}}
	for range 2 { // so that the script is known, and a connection is there
		if err := far.Add(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	proxy.Mute(true)
	failed := make(chan error, 1)
	go func() { failed <- far.Add(t.Context(), batch) }()
	for deadline := time.Now().Add(10 * time.Second); ; {
		got, err := near.Used(t.Context(), []string{"k"})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("used %v, error %v, want 15", got, err)
		}
		if got[0] == 15 {
			break
		}
	}
	proxy.Mute(false)
	proxy.Break()
	if err := <-failed; err == nil {
		t.Error("nobody is told that the reply is lost")
	}
	if got, err := near.Used(t.Context(), []string{"k"}); err != nil || got[0] != 15 {
		t.Errorf("used %v, error %v, want 15", got, err)
	}
}

// A server that restarts has forgotten the scripts.
func TestScriptsAreForgotten(t *testing.T) {
	server := testenv.StartRedis(t)
	s, err := Open(server.URL, "p")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 3 {
		fill(t, s, "k")
		if err := s.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Used(t.Context(), []string{"k"}); err != nil || got[0] != 3 {
		t.Errorf("used %v, error %v, want 3", got, err)
	}
}

// trips counts how often a server is asked.
type trips struct{ n int }

func (*trips) DialHook(next redis.DialHook) redis.DialHook { return next }
func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { c.n++; return next(ctx, cmd) }
}
func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { c.n++; return next(ctx, cmds) }
}

func TestOneRoundTrip(t *testing.T) {
	s := open(t)
	fill(t, s, "k") // the scripts are known
	var count trips
	s.client.AddHook(&count)
	batch := []store.Meter{
		{Counters: []string{"a", "b", "c"}, Amount: 1, Limit: 10, Keep: time.Hour},
		{Counters: []string{"d"}, Amount: 1, Limit: 10, Keep: time.Hour},
		{Counters: []string{"e"}, Amount: 1, Limit: 10, Holder: "m", Keep: time.Hour},
	}
	arrivals := []store.Arrival{{Key: "a", ID: "m1", Group: "g"}, {Key: "b", ID: "m2", Group: "h"}, {Key: "c", ID: "m3"}}
	for what, call := range map[string]func() error{
		"join":  func() error { _, err := s.Join(t.Context(), arrivals, hour); return err },
		"take":  func() error { _, err := s.Take(t.Context(), batch); return err },
		"add":   func() error { return s.Add(t.Context(), batch) },
		"used":  func() error { _, err := s.Used(t.Context(), []string{"a", "b", "e"}); return err },
		"notes": func() error { _, err := s.Notes(t.Context(), []string{"a", "b", "e"}); return err },
		"note":  func() error { return s.Note(t.Context(), "a", []byte("v"), time.Hour) },
	} {
		count.n = 0
		if err := call(); err != nil || count.n != 1 {
			t.Errorf("%s: %d round trips, error %v, want 1", what, count.n, err)
		}
	}
}

func TestTimesTooShort(t *testing.T) {
	s := open(t)
	for _, ttl := range []time.Duration{0, -time.Hour, time.Microsecond} {
		for _, keep := range []store.Keep{
			{Key: ttl, Story: time.Hour, Recent: time.Hour}, {Key: time.Hour, Story: ttl, Recent: time.Hour}, {Key: time.Hour, Story: time.Hour, Recent: ttl},
		} {
			if _, err := s.Join(t.Context(), []store.Arrival{{Key: "k", ID: "m", Group: "g"}}, keep); err == nil {
				t.Errorf("join for %+v: no error", keep)
			}
		}
		if err := s.Record(t.Context(), []store.Effect{{Key: "k", ID: "1"}}, ttl); err == nil {
			t.Errorf("record for %v: no error", ttl)
		}
		if err := s.Keep(t.Context(), "space", map[string][]float32{"h": {1}}, ttl); err == nil {
			t.Errorf("keep for %v: no error", ttl)
		}
		if err := s.Note(t.Context(), "k", []byte("v"), ttl); err == nil {
			t.Errorf("note for %v: no error", ttl)
		}
	}
	if keys := stored(t, s); len(keys) != 0 {
		t.Errorf("left %q", keys)
	}
}

func TestClose(t *testing.T) {
	s, err := Open(testenv.Redis(t), unique(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Join(t.Context(), []store.Arrival{{Key: "k", ID: "m"}}, hour); err == nil {
		t.Error("join after Close: no error")
	}
}

// A server that takes calls and never answers holds a caller no longer than its
// context allows.
func TestServerHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := Open("redis://"+l.Addr().String(), "hangs")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if joined, err := s.Join(ctx, []store.Arrival{{Key: "k", ID: "m"}}, hour); err == nil {
		t.Errorf("joined %+v and no error", joined)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v, want about 100ms", took)
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	const password = "correct-horse"
	for _, bad := range []string{
		"redis://user:correct-horse@host:port/0",
		"redis://user:correct-horse%zz@host:6379/0",
		"redis://user:/correct-horse@host:6379/0",
		"http://user:correct-horse@host:6379/0",
		"redis://user:correct-horse@host:6379/database",
		"redis://user:correct-horse@127.0.0.1:1/0?max_retries=-1", // nobody listens
	} {
		s, err := Open(bad, "p")
		if err == nil {
			err = s.Check(t.Context())
			s.Close()
		}
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%q: error %v, want one without the password", bad, err)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := open(t).Check(t.Context()); err != nil {
		t.Errorf("the server of the tests: %v", err)
	}
	for _, c := range []struct {
		version, maxmemory, policy string
		want                       string
	}{
		{"7.0.15", "0", "noeviction", ""},
		{"7.0.15", "0", "allkeys-lru", ""}, // no limit, so nothing is ever evicted
		{"10.1.0", "1000000", "noeviction", ""},
		{"6.2.14", "0", "noeviction", "7 or newer"},
		{"", "0", "noeviction", "7 or newer"},
		{"7.4.1", "1000000", "volatile-lru", "maxmemory-policy noeviction"},
	} {
		err := fit(c.version, c.maxmemory, c.policy)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("version %q, maxmemory %s, %s: %v, want %q", c.version, c.maxmemory, c.policy, err, c.want)
		}
	}
}

func FuzzVector(f *testing.F) {
	f.Add(string(encode([]float32{1, -2.5, 0})))
	f.Add("odd")
	f.Fuzz(func(t *testing.T, b string) {
		v := decode(b)
		if v != nil && string(encode(v)) != b {
			t.Errorf("%q was read as %v, which is written %q", b, v, encode(v))
		}
		if v == nil && len(b) != 0 && len(b)%4 == 0 {
			t.Errorf("%q was not read", b)
		}
	})
}

// FuzzEffect reads records that somebody else may have written.
func FuzzEffect(f *testing.F) {
	f.Add("1", "shown", "1700000000000", "")
	f.Add("", "", "-1", "1")
	f.Fuzz(func(t *testing.T, id, state, at, pending string) {
		e, err := effect("k", []any{id, state, at, pending})
		if err != nil {
			return
		}
		if e.Key != "k" || e.ID != id || e.State != state || e.At.IsZero() || e.Pending != (pending == "1") {
			t.Errorf("read %+v from %q, %q, %q, %q", e, id, state, at, pending)
		}
	})
}

// BenchmarkJoin claims batches of 100 new keys, through the store and by the
// plain commands.
func BenchmarkJoin(b *testing.B) {
	const batch = 100
	s := open(b)
	keys := 0
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			arrivals := make([]store.Arrival, batch)
			for i := range arrivals {
				keys++
				arrivals[i] = store.Arrival{Key: fmt.Sprint(keys), ID: "m"}
			}
			if _, err := s.Join(b.Context(), arrivals, hour); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			pipe := s.client.Pipeline()
			for range batch {
				keys++
				pipe.SetArgs(b.Context(), s.prefix+fmt.Sprint(keys), "m", redis.SetArgs{Mode: "NX", Get: true, TTL: time.Minute})
			}
			if _, err := pipe.Exec(b.Context()); err != nil && err != redis.Nil {
				b.Fatal(err)
			}
		}
	})
}

// --- helpers

var hour = store.Keep{Key: time.Hour, Story: time.Hour, Recent: time.Hour}

// fill stores one of everything by that name, for an hour.
func fill(t *testing.T, s *Store, name string) {
	t.Helper()
	if _, err := s.Join(t.Context(), []store.Arrival{{Key: name, ID: "m1", Group: name}}, hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Yield(t.Context(), []store.Yield{{Key: "k", ID: "m2", To: name}}, hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(t.Context(), []store.Effect{{Key: name, ID: "1"}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Keep(t.Context(), name, map[string][]float32{name: {1}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Note(t.Context(), name, []byte("1"), time.Hour); err != nil {
		t.Fatal(err)
	}
	taken, err := s.Take(t.Context(), []store.Meter{
		{Counters: []string{name}, Amount: 1, Limit: 100, Keep: time.Hour},
		{Counters: []string{name + " places"}, Amount: 1, Limit: 100, Holder: "m1", Keep: time.Hour},
	})
	if err != nil || !taken.OK {
		t.Fatal(taken, err)
	}
}

func open(tb testing.TB) *Store { return openAs(tb, unique(tb)) }

func openAs(tb testing.TB, pipeline string) *Store {
	tb.Helper()
	s, err := Open(testenv.Redis(tb), pipeline)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// unique returns a pipeline name whose keys are deleted in the end.
func unique(tb testing.TB) string {
	tb.Helper()
	name := "test-" + uuid.NewString()
	s, err := Open(testenv.Redis(tb), name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		defer s.Close()
		if keys := stored(tb, s); len(keys) > 0 {
			s.client.Unlink(context.Background(), keys...)
		}
	})
	return name
}

// stored returns every key of the pipeline.
func stored(tb testing.TB, s *Store) []string {
	tb.Helper()
	var keys []string
	scan := s.client.Scan(context.Background(), 0, s.prefix+"*", 1000).Iterator()
	for scan.Next(context.Background()) {
		keys = append(keys, scan.Val())
	}
	if err := scan.Err(); err != nil {
		tb.Error(err)
	}
	return keys
}
