package dedupe

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// A thousand equal items within a second, over two processes with four workers each: one goes
// on, and so there is one alert and one call to a model. Once they are the same item, and
// once each comes with an identifier of its own.
func TestAThousandEqualItemsPassOnce(t *testing.T) {
	for name, open := range map[string]func(testing.TB) [2]store.Stories{"sqlite": twoSQLite, "redis": twoRedis} {
		for _, own := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", identifiers of their own: ", own), func(t *testing.T) {
				stores := open(t)
				const items, workers = 1000, 8
				var passed atomic.Int32
				var wg sync.WaitGroup
				for w := range workers {
					s := build(t, stores[w%2], DefaultConfig)
					wg.Go(func() {
						var batch []*flows.Message
						for i := w; i < items; i += workers {
							m := told("same", 0, "ACME", cranes)
							if m.ID = fmt.Sprint(i); own {
								m.Item.GUID = m.ID
							}
							m.Item.Received = noon.Add(time.Duration(i) * time.Millisecond)
							batch = append(batch, m)
							if len(batch) == 25 || i+workers >= items {
								out, err := s.Process(t.Context(), batch)
								if err != nil {
									t.Error(err)
								}
								passed.Add(int32(len(out)))
								batch = nil
							}
						}
					})
				}
				wg.Wait()
				if n := passed.Load(); n != 1 {
					t.Errorf("%d of %d equal items passed, want 1", n, items)
				}
			})
		}
	}
}
