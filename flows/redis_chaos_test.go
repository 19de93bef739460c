package flows_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/broker/redis"
	"catalyst/internal/news"
	"catalyst/internal/testenv"
)

// redisAt opens a broker on a server of the test's own.
func redisAt(t *testing.T, url string) broker.Broker {
	t.Helper()
	b, err := redis.Open(t.Context(), url, redis.Options{Name: "p", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// steady is a source that publishes n items, a few at a time, every now and then.
type steady struct {
	n    int
	sent *atomic.Int64
}

func (s steady) Run(ctx context.Context, publish flows.Publish) error {
	for i := 0; i < s.n; i += 20 {
		var batch []*flows.Message
		for k := i; k < min(i+20, s.n); k++ {
			batch = append(batch, flows.NewMessage("", &news.Item{Title: fmt.Sprintf("item %05d", k)}))
		}
		if err := publish(ctx, batch...); err != nil {
			return err
		}
		s.sent.Add(int64(len(batch)))
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

func chaos(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers and waits for them")
	}
	t.Parallel()
}

// twoSegments is a plan of two topics with a batcher in each.
func twoSegments(source flows.Source, out flows.Sink) *flows.Plan {
	p := plan([]flows.Source{source}, [][]flows.Stage{{stageFunc(pass)}, {groups(flows.Grouping{Size: 5, Wait: 5 * time.Millisecond})}}, out)
	p.Engine.Lease = 3 * time.Second
	return p
}

func TestRedisIsKilledAndComesBack(t *testing.T) {
	chaos(t)
	server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	const n = 3000
	sent := new(atomic.Int64)
	out := newShelf()
	b := redisAt(t, server.URL)
	p := twoSegments(steady{n, sent}, out)
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		for sent.Load() < n/4 {
			time.Sleep(time.Millisecond)
		}
		for range 3 {
			server.Kill()
			time.Sleep(200 * time.Millisecond)
			server.Start()
			time.Sleep(300 * time.Millisecond)
		}
	}()
	at := time.Now()
	run(t, p, b)
	t.Logf("took %v", time.Since(at))
	<-killed
	if got := len(out.titles()); got != n {
		t.Errorf("%d of %d delivered", got, n)
	}
	if got := len(poison(t, b, p)); got != 0 {
		t.Errorf("%d poisoned by an outage of the broker", got)
	}
}

// What the server has lost is lost, but nothing else: the pipeline goes on.
func TestRedisLosesEverything(t *testing.T) {
	for name, lose := range map[string]func(*testenv.RedisServer){
		"flushall": func(s *testenv.RedisServer) { s.Do("FLUSHALL") },
		"killed":   func(s *testenv.RedisServer) { s.Kill(); s.Start() },
	} {
		t.Run(name, func(t *testing.T) {
			chaos(t)
			server := testenv.StartRedis(t, "--appendonly", "no")
			const n = 3000
			sent := new(atomic.Int64)
			out := newShelf()
			b := redisAt(t, server.URL)
			p := twoSegments(steady{n, sent}, out)
			lost := make(chan int64, 1)
			go func() {
				for sent.Load() < n/2 {
					time.Sleep(time.Millisecond)
				}
				lose(server)
				lost <- sent.Load()
			}()
			run(t, p, b)
			after := <-lost
			titles := map[string]bool{}
			for _, title := range out.titles() {
				titles[title] = true
			}
			for i := after + 100; i < n; i++ { // some that were on their way may be gone
				if !titles[fmt.Sprintf("item %05d", i)] {
					t.Errorf("item %d, published after the loss of %d, did not arrive", i, after)
					break
				}
			}
		})
	}
}

// Replies that do not come back leave nobody knowing what was stored.
func TestRedisRepliesAreLost(t *testing.T) {
	chaos(t)
	server := testenv.StartRedis(t)
	proxy := testenv.NewProxy(t, server.URL)
	const n = 2000
	sent := new(atomic.Int64)
	out := newShelf()
	p := twoSegments(steady{n, sent}, out)
	b := redisAt(t, proxy.URL)
	go func() {
		for i := int64(1); i <= 4; i++ {
			for sent.Load() < n/5*i {
				time.Sleep(time.Millisecond)
			}
			proxy.Mute(true)
			time.Sleep(20 * time.Millisecond)
			proxy.Break()
			proxy.Mute(false)
		}
	}()
	run(t, p, b)
	if got := len(out.titles()); got != n {
		t.Errorf("%d of %d delivered", got, n)
	}
	twice := 0
	for _, times := range out.items {
		twice += times - 1
	}
	t.Logf("%d delivered again, for the ledger to skip", twice)
	if got := len(poison(t, b, p)); got != 0 {
		t.Errorf("%d poisoned by lost replies", got)
	}
}

// A server far away is slow to answer, and must be asked seldom.
func TestRedisIsFarAway(t *testing.T) {
	chaos(t)
	server := testenv.StartRedis(t)
	proxy := testenv.NewProxy(t, server.URL)
	proxy.Delay(100 * time.Millisecond) // 200 ms for a round trip
	const n = 3000
	out := newShelf()
	p := twoSegments(sourceFunc(func(ctx context.Context, publish flows.Publish) error {
		batch := make([]*flows.Message, n)
		for i := range batch {
			batch[i] = flows.NewMessage("", &news.Item{Title: fmt.Sprintf("item %05d", i)})
		}
		return publish(ctx, batch...)
	}), out)
	at := time.Now()
	b := redisAt(t, proxy.URL)
	run(t, p, b)
	took := time.Since(at)
	t.Logf("%d messages through two topics in %v: %.0f a second", n, took, n/took.Seconds())
	if got := len(out.titles()); got != n {
		t.Errorf("%d of %d delivered", got, n)
	}
	if took > 25*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A server without memory for more refuses what is published: messages wait.
func TestRedisIsFull(t *testing.T) {
	chaos(t)
	server := testenv.StartRedis(t, "--maxmemory-policy", "noeviction")
	const n = 2000
	sent := new(atomic.Int64)
	out := newShelf()
	b := redisAt(t, server.URL)
	p := twoSegments(steady{n, sent}, out)
	paused := make(chan bool, 1)
	e, err := flows.New(p, b, quiet)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for sent.Load() < n/2 {
			time.Sleep(time.Millisecond)
		}
		server.Do("CONFIG SET maxmemory 1")
		time.Sleep(4 * time.Second) // longer than a lease
		paused <- len(out.titles()) < n
		server.Do("CONFIG SET maxmemory 0")
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := e.Run(ctx); err != nil || ctx.Err() != nil {
		t.Fatal(err, ctx.Err())
	}
	balanced(t, e)
	if !<-paused {
		t.Error("the server was not full")
	}
	if got := len(out.titles()); got != n {
		t.Errorf("%d of %d delivered", got, n)
	}
	if got := len(poison(t, b, p)); got != 0 {
		t.Errorf("%d poisoned by a full broker", got)
	}
}

// A server that hears and says nothing holds up a stop no longer than it must.
func TestStopWhileRedisIsMute(t *testing.T) {
	chaos(t)
	server := testenv.StartRedis(t)
	proxy := testenv.NewProxy(t, server.URL)
	const n = 2000
	sent := new(atomic.Int64)
	p := twoSegments(steady{n, sent}, newShelf())
	p.Engine.Drain = 2 * time.Second
	b := redisAt(t, proxy.URL)
	e, err := flows.New(p, b, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	for sent.Load() < n/2 {
		time.Sleep(time.Millisecond)
	}
	proxy.Mute(true)
	time.Sleep(300 * time.Millisecond)
	at := time.Now()
	cancel()
	err = <-ended
	t.Logf("the stop took %v: %v", time.Since(at), err)
	if took := time.Since(at); took > 25*time.Second || err != nil && strings.Contains(err.Error(), "ignores") {
		t.Errorf("the stop took %v and said %v", took, err)
	}

	// Nothing is lost by it.
	proxy.Mute(false)
	proxy.Break()
	out := newShelf()
	p.Sources = []flows.Spec[flows.Source]{spec("none", flows.Source(list{}))}
	p.Sinks = []flows.Spec[flows.Sink]{spec("sink", flows.Sink(out))}
	run(t, p, redisAt(t, server.URL))
	if lag, err := b.Lag(t.Context(), p.Topic, p.Name); err != nil || lag.Waiting+lag.Pending > 0 {
		t.Errorf("lag %+v, %v", lag, err)
	}
}
