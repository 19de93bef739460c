package dedupe

import (
	"testing"

	"github.com/google/uuid"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/news"
	"catalyst/internal/store"
	redisstore "catalyst/internal/store/redis"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

// The contract, and the promise that a message outlives a crash, on the stores
// that the program uses.
func TestOnRealStores(t *testing.T) {
	for name, open := range map[string]func(testing.TB) store.Stories{"sqlite": openSQLite, "redis": openRedis} {
		t.Run(name, func(t *testing.T) {
			shared := open(t) // first, as it skips the test where its server is missing
			flowstest.Stage(t, func() flows.Stage { return build(t, open(t), DefaultConfig) }, []*news.Item{
				{Accession: filing}, {Accession: filing}, {Accession: other}, {URL: "https://news.example/a"}, {},
			})
			for restart := range 2 {
				s := build(t, shared, DefaultConfig)
				if got := process(t, s, []*flows.Message{message("a", filing), message("b", filing)}); len(got) != 1 || got[0] != "a" {
					t.Errorf("delivery %d: %q passed, want a", restart+1, got)
				}
			}
		})
	}
}

func openSQLite(tb testing.TB) store.Stories { return sqliteAt(tb, testenv.File(tb)) }

func openRedis(tb testing.TB) store.Stories { return redisAs(tb, uuid.NewString()) }

// twoSQLite and twoRedis are the stores of two processes that share a pipeline.
func twoSQLite(tb testing.TB) [2]store.Stories {
	path := testenv.File(tb)
	return [2]store.Stories{sqliteAt(tb, path), sqliteAt(tb, path)}
}

func twoRedis(tb testing.TB) [2]store.Stories {
	name := uuid.NewString()
	return [2]store.Stories{redisAs(tb, name), redisAs(tb, name)}
}

func sqliteAt(tb testing.TB, path string) store.Stories {
	s, err := sqlitestore.Open(tb.Context(), path, "test")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func redisAs(tb testing.TB, name string) store.Stories {
	s, err := redisstore.Open(testenv.Redis(tb), name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}
