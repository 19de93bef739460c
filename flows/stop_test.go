package flows_test

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/broker/brokertest"
)

// start runs p in a bubble of its own time and returns how to stop it, and what
// Run then returned and after how long.
func start(t *testing.T, p *flows.Plan, b *brokertest.Memory) (stop func() (time.Duration, error)) {
	t.Helper()
	e, err := flows.New(p, b, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	return func() (time.Duration, error) {
		at := time.Now()
		cancel()
		select {
		case err := <-ended:
			return time.Since(at), err
		case <-time.After(time.Minute):
			t.Fatal("the pipeline has not stopped after a minute")
			return 0, nil
		}
	}
}

// A slowReporter takes as long as it is let for each report.
type slowReporter struct {
	shelf
	ignores bool // the end of its context
	release chan struct{}
}

func (s *slowReporter) Report(ctx context.Context, _ *flows.Message, _ flows.Outcome) error {
	if s.ignores {
		<-s.release
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestStopDoesNotWaitForReports(t *testing.T) {
	for name, ignores := range map[string]bool{"slow": false, "stuck": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &slowReporter{shelf: *newShelf(), ignores: ignores, release: make(chan struct{})}
				out.fail = func(*flows.Message) error { return flows.Permanent(errors.New("no")) }
				p := plan([]flows.Source{list{n: 500}, forever{}}, [][]flows.Stage{{stageFunc(pass)}}, out)
				stop := start(t, p, brokertest.NewMemory())
				time.Sleep(5 * time.Second)
				took, _ := stop()
				if took > 30*time.Second {
					t.Errorf("the stop took %v", took)
				}
				close(out.release)
			})
		})
	}
}

// forever is a source that has nothing to publish.
type forever struct{ ignores chan struct{} }

func (f forever) Run(ctx context.Context, _ flows.Publish) error {
	if f.ignores != nil {
		<-f.ignores
		return nil
	}
	<-ctx.Done()
	return nil
}

func TestStopDoesNotWaitForASourceThatIgnoresIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := plan([]flows.Source{forever{release}}, [][]flows.Stage{{stageFunc(pass)}}, newShelf())
		stop := start(t, p, brokertest.NewMemory())
		time.Sleep(time.Second)
		took, err := stop()
		if took > 30*time.Second {
			t.Errorf("the stop took %v", took)
		}
		if err == nil || !strings.Contains(err.Error(), "source source0") {
			t.Errorf("error %v, want one that names the source", err)
		}
		close(release)
	})
}

func TestStopWhileSubscribing(t *testing.T) {
	b := brokertest.NewMemory()
	subscribing := make(chan struct{})
	b.Subscribing = func(ctx context.Context, _ string) error {
		close(subscribing)
		<-ctx.Done() // as on a server that does not answer
		return ctx.Err()
	}
	p := plan(nil, [][]flows.Stage{{stageFunc(pass)}}, newShelf())
	stop := start(t, p, b)
	<-subscribing
	if took, err := stop(); took > 4*time.Second || err != nil {
		t.Errorf("the stop took %v and returned %v", took, err)
	}
}

// A stage that never returns holds up a stop no longer than Drain and a little,
// and does no harm when it returns after all. (Watermill's Router waits for locks,
// so this takes real time.)
func TestStopDoesNotWaitForAStageThatIgnoresIt(t *testing.T) {
	started, release := make(chan struct{}, 10), make(chan struct{})
	returned := make(chan struct{})
	stuck := stageFunc(func(_ context.Context, b []*flows.Message) ([]*flows.Message, error) {
		started <- struct{}{}
		<-release
		defer close(returned)
		return b, nil
	})
	out := newShelf()
	p := plan([]flows.Source{list{n: 10}, forever{}}, [][]flows.Stage{{groups(flows.Grouping{Size: 10, Wait: time.Second}), stuck}}, out)
	p.Engine.Drain = 50 * time.Millisecond
	e, err := flows.New(p, brokertest.NewMemory(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	e.SetGrace(100 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	<-started
	at := time.Now()
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "a stage ignores") {
		t.Errorf("error %v, want one that says that a stage is stuck", err)
	}
	if took := time.Since(at); took > 3*time.Second {
		t.Errorf("the stop took %v", took)
	}
	close(release)
	<-returned
	for len(out.titles()) < 10 { // what was under way goes on to its end, if the process lives
		time.Sleep(time.Millisecond)
	}
}

// Nor does a topic that does not take what is published to it; the messages are given back.
func TestStopDoesNotWaitForATopicThatTakesNothing(t *testing.T) {
	release := make(chan struct{})
	publishing := make(chan struct{}, 10)
	p := twoSegments(list{n: 1}, newShelf())
	p.Engine.Drain = 50 * time.Millisecond
	b := brokertest.NewMemory()
	b.Publishing = func(topic string, _ []*message.Message) error {
		if topic != p.Topic {
			publishing <- struct{}{}
			<-release // as on a server that hears and says nothing
		}
		return nil
	}
	e, err := flows.New(p, b, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer close(release)
	e.SetGrace(4 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	<-publishing
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("error %v, want none", err)
	}
	if lag, err := b.Lag(t.Context(), p.Topic, p.Name); err != nil || lag.Waiting+lag.Pending != 1 {
		t.Errorf("lag %+v, %v; want the one that was not published", lag, err)
	}
}

// A source that fails, in whatever way, ends the pipeline in order, also when
// another one does not hear of it.
func TestSourceFailureEndsThePipeline(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("the feed is gone") },
		"panic": func() error { panic("the feed is gone") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				bad := sourceFunc(func(context.Context, flows.Publish) error { return fail() })
				out := newShelf()
				p := plan([]flows.Source{list{n: 10}, forever{release}, bad}, [][]flows.Stage{{stageFunc(pass)}}, out)
				e, err := flows.New(p, brokertest.NewMemory(), quiet)
				if err != nil {
					t.Fatal(err)
				}
				at := time.Now()
				err = e.Run(t.Context())
				if err == nil || !strings.Contains(err.Error(), "the feed is gone") {
					t.Errorf("error %v, want the source's", err)
				}
				if took := time.Since(at); took > 30*time.Second {
					t.Errorf("it took %v", took)
				}
				close(release)
			})
		})
	}
}

type sourceFunc func(context.Context, flows.Publish) error

func (f sourceFunc) Run(ctx context.Context, publish flows.Publish) error { return f(ctx, publish) }

// A subscription that ends by itself would leave a pipeline that runs and takes nothing in: it
// stops instead and says why.
func TestStopWhenASubscriptionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := endingBroker{brokertest.NewMemory(), make(chan struct{})}
		sink := newShelf()
		e, err := flows.New(plan([]flows.Source{list{n: 3}, forever{}}, [][]flows.Stage{{stageFunc(pass)}}, sink), b, quiet)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- e.Run(t.Context()) }()
		time.Sleep(time.Minute)
		if got := len(sink.titles()); got != 3 {
			t.Errorf("%d were delivered, want 3", got)
		}
		close(b.end)
		select {
		case err := <-ended:
			if err == nil || !strings.Contains(err.Error(), "has ended by itself") {
				t.Errorf("error %v, want one that says that the subscription has ended", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("the pipeline runs on and takes nothing in")
		}
	})
}

// An endingBroker ends its subscriptions when it is told to.
type endingBroker struct {
	*brokertest.Memory
	end chan struct{}
}

func (b endingBroker) Subscriber(c broker.Config) (broker.Subscriber, error) {
	s, err := b.Memory.Subscriber(c)
	return endingSubscriber{s, b.end}, err
}

type endingSubscriber struct {
	broker.Subscriber
	end chan struct{}
}

func (s endingSubscriber) Receive(ctx context.Context, topic string) (<-chan []broker.Delivery, error) {
	in, err := s.Subscriber.Receive(ctx, topic)
	out := make(chan []broker.Delivery)
	go func() {
		defer close(out)
		for {
			select {
			case batch, ok := <-in:
				if !ok {
					return
				}
				out <- batch
			case <-s.end:
				return
			}
		}
	}()
	return out, err
}

// startFunc is a stage that is started by a function.
type startFunc struct {
	stageFunc
	start func(context.Context) error
}

func (s startFunc) Start(ctx context.Context) error { return s.start(ctx) }

// Who stops a process that is still starting has not had a failure; what else goes wrong
// meanwhile is one.
func TestStopWhileStarting(t *testing.T) {
	for _, failure := range []error{nil, errors.New("no such table")} {
		starting := make(chan struct{})
		s := startFunc{stageFunc(pass), func(ctx context.Context) error {
			close(starting)
			<-ctx.Done() // as on a server that does not answer
			return cmp.Or(failure, ctx.Err())
		}}
		stop := start(t, plan(nil, [][]flows.Stage{{s}}, newShelf()), brokertest.NewMemory())
		<-starting
		if took, err := stop(); took > 4*time.Second || !errors.Is(err, failure) {
			t.Errorf("the stop took %v and returned %v, want %v", took, err, failure)
		}
	}
}
