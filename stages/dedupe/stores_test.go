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
	for name, open := range map[string]func(testing.TB) store.Claims{"sqlite": openSQLite, "redis": openRedis} {
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

func openSQLite(tb testing.TB) store.Claims {
	path := testenv.File(tb)
	s, err := sqlitestore.Open(tb.Context(), path, "test")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func openRedis(tb testing.TB) store.Claims {
	s, err := redisstore.Open(testenv.Redis(tb), uuid.NewString())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}
