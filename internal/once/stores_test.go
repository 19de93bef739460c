package once_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/once"
	"catalyst/internal/store"
	redisstore "catalyst/internal/store/redis"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

// Many ask and record at the same time, which a real ledger is told together: each gets what
// is its own, and finds it again.
func TestManyAtATimeOnRealLedgers(t *testing.T) {
	for name, open := range map[string]func(*testing.T) ledger{
		"redis": func(t *testing.T) ledger {
			s, err := redisstore.Open(testenv.Redis(t), "once-"+uuid.NewString())
			return must(t, s, err)
		},
		"sqlite": func(t *testing.T) ledger {
			s, err := sqlitestore.Open(t.Context(), testenv.File(t), "once")
			return must(t, s, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := open(t)
			g := &once.Guard{Ledger: func() (store.Ledger, error) { return kept, nil }, Key: once.ItemKey, Keep: time.Hour}
			var all sync.WaitGroup
			for n := range 100 {
				all.Go(func() {
					var batch []*flows.Message
					for i := range 1 + n%3 {
						batch = append(batch, flows.NewMessage(uuid.NewString(), &news.Item{Key: fmt.Sprintf("%d/%d", n, i)}))
					}
					for _, again := range []bool{false, true} {
						jobs, err := g.Begin(t.Context(), batch)
						if err != nil {
							t.Error(err)
							return
						}
						for _, job := range jobs {
							if known := job.Effect.ID == "of "+job.Key; known != again || !again && job.Effect.ID != "" {
								t.Errorf("the effect of %s is %q, made before: %v", job.Key, job.Effect.ID, again)
							}
							if err := g.Record(t.Context(), store.Effect{Key: job.Key, ID: "of " + job.Key, State: "posted"}); err != nil {
								t.Error(err)
							}
						}
						g.End(jobs...)
					}
				})
			}
			all.Wait()
		})
	}
}

type ledger interface {
	store.Ledger
	Close() error
}

func must(t *testing.T, l ledger, err error) ledger {
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
