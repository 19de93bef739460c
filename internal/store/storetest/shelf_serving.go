package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"catalyst/internal/store"
)

// purgeWhileServing purges what processes remember and look up. Nobody gets an error, or
// another one's answer; what is not selected stays.
func purgeWhileServing(t *testing.T, s AnswersShelf) {
	const servers, rounds, batch = 3, 8, 3
	began := time.Now().Truncate(time.Second)
	scope := store.Scope{Namespace: "news/en/1", Tickers: "AAPL"}
	old := answer(scope, "old", direction(1))
	old.At = began.Add(-time.Hour)
	for name, x := range map[string]struct {
		purged store.Selection
		stays  bool // what is remembered now
	}{
		"all": {store.Selection{Namespace: "news/"}, false},
		"old": {store.Selection{Before: began}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var serving sync.WaitGroup
			var served atomic.Int64
			deleted := 0
			remembered := make(chan struct{}, 1)
			for n := range servers {
				serving.Go(func() {
					for round := range rounds {
						answers, queries := make([]store.Answer, batch), make([]store.Query, batch)
						for i := range answers {
							seed := uint64(n*100 + round%5*10 + i + 2) // some for the second time
							hash := fmt.Sprint(seed)
							answers[i] = answer(scope, hash, direction(seed))
							answers[i].At = time.Now()
							queries[i] = store.Query{Scope: scope, Hash: hash, Vector: answers[i].Vector}
						}
						if err := s.Remember(t.Context(), append(answers, old)); err != nil {
							t.Errorf("remember: %v", err)
							return
						}
						select {
						case remembered <- struct{}{}:
						default:
						}
						matches, err := s.Nearest(t.Context(), queries)
						if err != nil {
							t.Errorf("look up: %v", err)
							return
						}
						for i, m := range matches { // what is found by its hash is similar by 1
							own := m.Key == answers[i].Key && string(m.Value) == string(answers[i].Value)
							if exact := m.Found && m.Similarity == 1; exact && !own || x.stays && !exact {
								t.Errorf("found %+v, want the answer on %s", m, answers[i].Key)
							}
						}
						served.Add(1)
					}
				})
			}
			go func() { serving.Wait(); close(remembered) }()
			for range remembered {
				n, err := s.Purge(t.Context(), x.purged, 7)
				if err != nil {
					t.Errorf("purge: %v", err)
				}
				deleted += n
			}
			if served.Load() != servers*rounds || deleted == 0 {
				t.Errorf("%d of %d batches, %d deleted", served.Load(), servers*rounds, deleted)
			}
			for n := 1; n > 0; {
				var err error
				if n, err = s.Purge(t.Context(), store.Selection{}, 1000); err != nil {
					t.Fatal(err)
				}
			}
			if kept, err := s.Kept(t.Context(), store.Selection{}, 1); err != nil || len(kept) != 0 {
				t.Errorf("left %v, error %v", kept, err)
			}
			remember(t, s, old)
			if matches, err := s.Nearest(t.Context(), []store.Query{{Scope: scope, Hash: "old", Vector: old.Vector}}); err != nil || !matches[0].Found {
				t.Errorf("remembered anew: %+v, error %v", matches, err)
			}
		})
	}
}
