package discord

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
	"catalyst/internal/store"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

// A process is a pipeline around a sink, which can be killed: from then on nothing of it
// reaches Discord or the ledger, and it is told nothing.
type process struct {
	*Sink
	dead   atomic.Bool
	ledger *sinktest.Ledger
	next   http.RoundTripper
	ctx    context.Context
	cancel context.CancelFunc
}

var errDead = errors.New("the process is dead")

func startProcess(t *testing.T, c Config, server *discordtest.Server, ledger *sinktest.Ledger) *process {
	t.Helper()
	p := &process{ledger: ledger, next: server.Transport()}
	p.ctx, p.cancel = context.WithCancel(t.Context())
	p.Sink = newTestSink(t, c, p, func() (store.Ledger, error) { return p, nil }, nil)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// stop is a shutdown: work is interrupted, then the sink closed.
func (p *process) stop() {
	p.cancel()
	p.Close()
}

// kill ends the process without a word; only the goroutines are tidied up.
func (p *process) kill() {
	p.dead.Store(true)
	p.cancel()
	p.end()
}

func (p *process) RoundTrip(req *http.Request) (*http.Response, error) {
	if p.dead.Load() {
		return nil, errDead
	}
	// What was sent is on its way, whatever becomes of the process.
	deadline, _ := req.Context().Deadline()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(req.Context()), deadline)
	defer cancel()
	resp, err := p.next.RoundTrip(req.WithContext(ctx))
	if p.dead.Load() {
		return nil, errDead
	}
	return resp, err
}

func (p *process) Effects(ctx context.Context, keys []string) ([]store.Effect, error) {
	if p.dead.Load() {
		return nil, errDead
	}
	return p.ledger.Effects(ctx, keys)
}

func (p *process) Record(ctx context.Context, effects []store.Effect, keep time.Duration) error {
	if p.dead.Load() {
		return errDead
	}
	return p.ledger.Record(ctx, effects, keep)
}

func (p *process) Pending(ctx context.Context, prefix string, before time.Time, limit int) ([]store.Effect, error) {
	if p.dead.Load() {
		return nil, errDead
	}
	return p.ledger.Pending(ctx, prefix, before, limit)
}

// work takes items through announce and deliver, as an engine does: each again until it
// is done, or the process ends.
func (p *process) work(items <-chan *news.Item, done func(*news.Item)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for {
		var item *news.Item
		select {
		case item = <-items:
		case <-p.ctx.Done():
		}
		if item == nil {
			break
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if p.until(item, nil, p.Announce) && p.until(item, verdictOf(item), p.Deliver) && !p.dead.Load() {
				done(item)
			}
		})
	}
	wg.Wait()
}

func verdictOf(item *news.Item) *news.Analysis {
	return &news.Analysis{Direction: news.Bullish, Confidence: .8, Reasoning: "Orders are up in " + item.Title + "."}
}

func (p *process) until(item *news.Item, a *news.Analysis, do func(context.Context, []*flows.Message) error) bool {
	for p.ctx.Err() == nil {
		copied := *item
		copied.Analysis = a
		m := sinktest.Message(item.Key, &copied)
		ctx, cancel := context.WithTimeout(p.ctx, 5*time.Minute)
		err := do(ctx, []*flows.Message{m})
		cancel()
		if err == nil {
			err = m.Outcome().Err
		}
		if err == nil {
			return true
		}
		select {
		case <-time.After(time.Second):
		case <-p.ctx.Done():
		}
	}
	return false
}

// A thousand alerts, and all that can go wrong: answers lost after the post, 5xx, bursts
// of rate limits, three restarts and a crash. Each alert is to be seen once, with its
// verdict, and no limit to be broken by who knew better.
//
// No two runs are the same, as goroutines take turns as they like: to look for what one
// run in a thousand breaks, give it many.
//
//	go test ./sinks/discord -run TestEverythingGoesWrong -seeds 1000
func TestEverythingGoesWrong(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { everythingGoesWrong(t, seed, 1000) })
	}
}

var seeds = flag.Uint64("seeds", 4, "runs of TestEverythingGoesWrong")

func everythingGoesWrong(t *testing.T, seed uint64, alerts int) {
	synctest.Test(t, func(t *testing.T) {
		d := discordtest.Realistic()
		d.Delay = discordtest.Spread(seed, 120*time.Millisecond, 600*time.Millisecond)
		server := discordtest.New(d)
		server.Script(discordtest.FirstOf(
			// Over sooner than the window, with it, and later: the later of the two resets counts.
			discordtest.Burst(70*time.Second, 2*time.Second, discordtest.RateLimited("user", time.Duration(1+seed%4*2)*time.Second)),
			discordtest.Dice(seed,
				discordtest.Odds{Route: "create", Share: .05, Fault: discordtest.Hang().Done()},
				discordtest.Odds{Route: "create", Share: .05, Fault: discordtest.Status(503, 0, "down")},
				discordtest.Odds{Route: "edit", Share: .03, Fault: discordtest.Hang().Done()},
				discordtest.Odds{Route: "edit", Share: .03, Fault: discordtest.BadGateway()},
			)))
		ledger := new(sinktest.Ledger)
		var mu sync.Mutex
		done := make(map[string]bool)

		items := make([]*news.Item, alerts)
		for i := range items {
			items[i] = &news.Item{Key: fmt.Sprint("guid:test|", i), Title: fmt.Sprint("item ", i), URL: "https://news.example.com/same"}
		}
		started := time.Now()
		at := func(i int) time.Time { return started.Add(time.Duration(i) * 300 * time.Millisecond) }
		isDone := func(item *news.Item) bool {
			mu.Lock()
			defer mu.Unlock()
			return done[item.Key]
		}
		for life := range 5 {
			p := startProcess(t, testConfig(), server, ledger)
			feed := make(chan *news.Item)
			go func() { // what was not acknowledged comes again, then what is new
				defer close(feed)
				for i, item := range items {
					if isDone(item) {
						continue
					}
					select {
					case <-time.After(time.Until(at(i))):
					case <-p.ctx.Done():
						return
					}
					select {
					case feed <- item:
					case <-p.ctx.Done():
						return
					}
				}
			}()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				p.work(feed, func(item *news.Item) {
					mu.Lock()
					defer mu.Unlock()
					done[item.Key] = true
				})
			}()
			if life == 4 {
				<-ended
				p.stop()
				break
			}
			// For a while what an earlier life had sent takes places that nobody can know of.
			time.Sleep(3 * time.Second)
			server.Forget()
			time.Sleep(47*time.Second + 130*time.Millisecond)
			if life == 2 {
				p.kill()
			} else {
				p.stop()
			}
			<-ended
			server.Forget()
		}
		batch := make([]*flows.Message, alerts)
		for i, item := range items {
			batch[i] = sinktest.Message(item.Key, item)
		}
		wantShown(t, server, batch)
		messages := server.Messages()
		for _, m := range messages {
			for _, e := range m.Last().Shown() {
				if e.Color != 0x00FF00 {
					t.Errorf("%s ends as #%06X, want the color of its verdict", e.Title, e.Color)
				}
			}
		}
		for i, v := range server.Violations() {
			if i < 10 {
				t.Errorf("violation: %s: %s, %+v", v.Rule, v.Detail, v.Request)
			}
		}
		t.Logf("%d alerts in %d messages after %s, answers %v", alerts, len(messages), time.Since(started).Round(time.Second), server.Statuses())
	})
}
