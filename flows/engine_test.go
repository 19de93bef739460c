package flows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/broker/embedded"
	"catalyst/internal/broker/redis"
	"catalyst/internal/news"
	"catalyst/internal/testenv"
)

var quiet = slog.New(slog.DiscardHandler)

// brokers are what the engine is tested on.
var brokers = map[string]func(t *testing.T) func() broker.Broker{
	"embedded": func(t *testing.T) func() broker.Broker {
		path := testenv.File(t)
		return func() broker.Broker {
			b, err := embedded.Open(t.Context(), path, embedded.Options{Name: "p", Logger: quiet})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			return b
		}
	},
	"redis": func(t *testing.T) func() broker.Broker {
		url := testenv.Redis(t)
		return func() broker.Broker {
			b, err := redis.Open(t.Context(), url, redis.Options{Name: "p", Logger: quiet})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			return b
		}
	},
}

func onEachBroker(t *testing.T, test func(t *testing.T, open func() broker.Broker)) {
	for name, setUp := range brokers {
		t.Run(name, func(t *testing.T) { test(t, setUp(t)) })
	}
}

type stageFunc func(context.Context, []*flows.Message) ([]*flows.Message, error)

func (f stageFunc) Process(ctx context.Context, b []*flows.Message) ([]*flows.Message, error) {
	return f(ctx, b)
}

type groups flows.Grouping

func (g groups) Grouping() flows.Grouping { return flows.Grouping(g) }
func (g groups) Process(_ context.Context, b []*flows.Message) ([]*flows.Message, error) {
	return b, nil
}

// shelf is a sink that remembers what it was given, and keeps effects single by
// item key, as sinks must.
type shelf struct {
	mu      sync.Mutex
	items   map[string]int // deliveries by title
	batches []int
	fail    func(*flows.Message) error
	reports map[string][]flows.Fate
}

func newShelf() *shelf {
	return &shelf{items: map[string]int{}, reports: map[string][]flows.Fate{}}
}

func (s *shelf) Deliver(_ context.Context, batch []*flows.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, len(batch))
	for _, m := range batch {
		if s.fail != nil {
			if err := s.fail(m); err != nil {
				m.Fail(err)
				continue
			}
		}
		s.items[m.Item.Title]++
	}
	return nil
}

func (s *shelf) Report(_ context.Context, m *flows.Message, o flows.Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports[m.Item.Title] = append(s.reports[m.Item.Title], o.Fate)
	return nil
}

func (s *shelf) titles() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.items))
}

// list is a source that publishes n items and ends.
type list struct {
	n    int
	each func(i int) *news.Item
}

func (l list) Run(ctx context.Context, publish flows.Publish) error {
	for i := 0; i < l.n; i += 50 {
		var batch []*flows.Message
		for k := i; k < min(i+50, l.n); k++ {
			item := &news.Item{Title: fmt.Sprintf("item %04d", k), Score: float64(k)}
			if l.each != nil {
				item = l.each(k)
			}
			batch = append(batch, flows.NewMessage("", item))
		}
		if err := publish(ctx, batch...); err != nil {
			return err
		}
	}
	return nil
}

var names atomic.Int64

// plan wires ready-made components into a Plan with topics and group of its own.
func plan(sources []flows.Source, segments [][]flows.Stage, sinks ...flows.Sink) *flows.Plan {
	id := fmt.Sprintf("t%d-%d", time.Now().UnixNano(), names.Add(1))
	p := &flows.Plan{Name: id, Topic: id + ".raw", Poison: id + ".poison", Engine: flows.DefaultEngineConfig}
	p.Engine.Retry = flows.Retry{Attempts: 3, Delay: time.Millisecond, Max: 10 * time.Millisecond}
	for i, s := range sources {
		p.Sources = append(p.Sources, spec(fmt.Sprint("source", i), s))
	}
	topic := p.Topic
	for i, stages := range segments {
		segment := flows.SegmentPlan{Topic: topic}
		for k, s := range stages {
			segment.Stages = append(segment.Stages, spec(fmt.Sprintf("stage%d.%d", i, k), s))
		}
		if i < len(segments)-1 {
			topic = fmt.Sprintf("%s.topic%d", id, i)
			segment.Next = topic
		}
		p.Segments = append(p.Segments, segment)
	}
	for i, s := range sinks {
		p.Sinks = append(p.Sinks, spec(fmt.Sprint("sink", i), s))
	}
	return p
}

func spec[T any](name string, it T) flows.Spec[T] {
	return flows.Spec[T]{Name: name, Kind: flows.Kind[T]{Name: name, New: func(*flows.Build, any) (T, error) { return it, nil }}}
}

func run(t *testing.T, p *flows.Plan, b broker.Broker) *flows.Engine {
	t.Helper()
	e, err := flows.New(p, b, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatal("the pipeline did not come to its end")
	}
	balanced(t, e)
	return e
}

// balanced checks that every message has its fate.
func balanced(t *testing.T, e *flows.Engine) {
	t.Helper()
	segments, steps := e.Stats()
	for _, s := range segments {
		if s.InFlight != 0 {
			t.Errorf("%s: %+v: something has no fate", s.Topic, s)
		}
	}
	for _, s := range steps {
		var dropped int64
		for _, n := range s.Dropped {
			dropped += n
		}
		if s.In+s.Added != s.Out+dropped+s.Failed+s.Parked {
			t.Errorf("%s/%s does not balance: %+v", s.Segment, s.Stage, s)
		}
		if s.Bugs != 0 {
			t.Errorf("%s/%s has %d bugs", s.Segment, s.Stage, s.Bugs)
		}
	}
}

func poison(t *testing.T, b broker.Broker, p *flows.Plan) []broker.Stored {
	t.Helper()
	stored, err := b.Browse(t.Context(), p.Poison, "", 100_000)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func pass(_ context.Context, b []*flows.Message) ([]*flows.Message, error) { return b, nil }

func TestEngineDeliversEverythingThroughTwoTopics(t *testing.T) {
	onEachBroker(t, func(t *testing.T, open func() broker.Broker) {
		b := open()
		out, second := newShelf(), newShelf()
		var ids sync.Map
		odd := stageFunc(func(_ context.Context, batch []*flows.Message) (on []*flows.Message, _ error) {
			for _, m := range batch {
				ids.Store(m.Item.Title, m.ID)
				if int(m.Item.Score)%10 == 3 {
					m.Drop("three")
					continue
				}
				m.SetMeta("seen", "yes")
				on = append(on, m)
			}
			return on, nil
		})
		same := stageFunc(func(_ context.Context, batch []*flows.Message) ([]*flows.Message, error) {
			for _, m := range batch {
				if id, _ := ids.Load(m.Item.Title); id != m.ID || m.Meta["seen"] != "yes" || m.Item.Received.IsZero() {
					return nil, flows.Permanent(fmt.Errorf("message %s arrived as %s with %v", id, m.ID, m.Meta))
				}
			}
			return batch, nil
		})
		p := plan([]flows.Source{list{n: 500}, list{n: 100, each: func(i int) *news.Item { return &news.Item{Title: fmt.Sprint("other ", i), Score: 1} }}},
			[][]flows.Stage{{odd}, {same, groups(flows.Grouping{Size: 7, Wait: time.Hour})}, {stageFunc(pass)}}, out, second)
		p.Segments[1].Stages[0].Knobs.Workers = 4
		// The batcher waits for ever for its last batch unless a stop hurries it, so
		// end the run when all but that batch are there.
		p.Segments[1].Stages[1].Kind.New = func(*flows.Build, any) (flows.Stage, error) {
			return groups(flows.Grouping{Size: 7, Wait: 50 * time.Millisecond}), nil
		}
		e := run(t, p, b)
		if got := len(out.titles()); got != 550 {
			t.Errorf("%d items delivered, want 550; poison: %v", got, poison(t, b, p))
		}
		if d := cmp.Diff(out.items, second.items); d != "" {
			t.Errorf("the sinks differ: %s", d)
		}
		_, steps := e.Stats()
		if got := steps[0].Dropped["three"]; got != 50 {
			t.Errorf("%d dropped, want 50", got)
		}
		for _, s := range p.Segments {
			if lag, err := b.Lag(t.Context(), s.Topic, p.Name); err != nil || lag.Pending+lag.Waiting > 0 {
				t.Errorf("%s has lag %+v, %v", s.Topic, lag, err)
			}
		}
	})
}

func TestEngineRetriesThenPoisonsAndDelaysNoOther(t *testing.T) {
	onEachBroker(t, func(t *testing.T, open func() broker.Broker) {
		b := open()
		var tries sync.Map
		flaky := stageFunc(func(_ context.Context, batch []*flows.Message) (on []*flows.Message, _ error) {
			for _, m := range batch {
				n, _ := tries.LoadOrStore(m.Item.Title, new(atomic.Int64))
				try := n.(*atomic.Int64).Add(1)
				switch i := int(m.Item.Score); {
				case i == 1:
					m.Fail(errors.New("always"))
				case i == 2:
					m.Fail(flows.Permanent(errors.New("never any use")))
				case i == 3 && try < 3:
					m.Fail(errors.New("twice"))
				case i == 4 && try < 2:
					m.Item.Title = "spoiled by a failed try"
					m.Fail(errors.New("once"))
				case i == 5:
					panic("the stage is broken")
				default:
					on = append(on, m)
				}
			}
			return on, nil
		})
		out := newShelf()
		p := plan([]flows.Source{list{n: 20}}, [][]flows.Stage{{groups(flows.Grouping{Size: 1}), flaky}}, out)
		e := run(t, p, b)
		if got := len(out.titles()); got != 17 || out.items["spoiled by a failed try"] > 0 {
			t.Errorf("delivered %v", out.titles())
		}
		got := map[string]string{}
		for _, s := range poison(t, b, p) {
			item, err := news.Decode(s.Message.Payload)
			if err != nil {
				t.Fatal(err)
			}
			m := s.Message.Metadata
			got[item.Title] = fmt.Sprintf("%s; %s tries; %s", m.Get(flows.MetaPoisonReason), m.Get(flows.MetaPoisonAttempts), m.Get(flows.MetaPoisonStage))
			if m.Get(flows.MetaPoisonTopic) != p.Topic {
				t.Errorf("poisoned from %q", m.Get(flows.MetaPoisonTopic))
			}
		}
		want := map[string]string{
			"item 0001": "always; 3 tries; stage0.1",
			"item 0002": "never any use; 1 tries; stage0.1",
			"item 0005": "panic: the stage is broken; 3 tries; stage0.1",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("poison (-want +got)\n%s", d)
		}
		if d := cmp.Diff([]flows.Fate{flows.Failed}, out.reports["item 0001"]); d != "" {
			t.Errorf("reports %s", d)
		}
		segments, _ := e.Stats()
		if segments[0].Poisoned != 3 {
			t.Errorf("%d poisoned are counted, want 3", segments[0].Poisoned)
		}

		// What was poisoned can be published again as it was.
		topic, clean := flows.Requeueable(poison(t, b, p)[0].Message)
		if topic != p.Topic || len(clean.Metadata) != 0 {
			t.Errorf("requeue to %s with %v", topic, clean.Metadata)
		}
	})
}

func TestEngineParksDuringAnOutageAndLosesNothing(t *testing.T) {
	onEachBroker(t, func(t *testing.T, open func() broker.Broker) {
		b := open()
		var down atomic.Bool
		down.Store(true)
		var tries atomic.Int64
		stage := stageFunc(func(_ context.Context, batch []*flows.Message) ([]*flows.Message, error) {
			if down.Load() {
				if tries.Add(int64(len(batch))) >= 60 {
					down.Store(false)
				}
				return nil, flows.Unavailable("models", errors.New("connection refused"), 5*time.Millisecond)
			}
			return batch, nil
		})
		out := newShelf()
		p := plan([]flows.Source{list{n: 300}}, [][]flows.Stage{{stage}}, out)
		p.Engine.InFlight = 50
		e := run(t, p, b)
		if got := len(out.titles()); got != 300 {
			t.Errorf("%d delivered, want 300", got)
		}
		if n := len(poison(t, b, p)); n != 0 {
			t.Errorf("%d poisoned by an outage", n)
		}
		segments, _ := e.Stats()
		if s := segments[0]; s.Parked < 50 || s.Failed != 0 {
			t.Errorf("counts %+v, want at least 50 parked and none failed", s)
		}
	})
}

func TestEngineStopFinishesWhatIsUnderWayAndGivesTheRestBack(t *testing.T) {
	onEachBroker(t, func(t *testing.T, open func() broker.Broker) {
		out := newShelf()
		started := make(chan struct{}, 1000)
		release := make(chan struct{})
		slow := stageFunc(func(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
			started <- struct{}{}
			select {
			case <-release:
				return batch, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		p := plan([]flows.Source{list{n: 200}}, [][]flows.Stage{{groups(flows.Grouping{Size: 5, Wait: time.Minute}), slow}}, out)
		p.Engine.InFlight = 60
		b := open()
		e, err := flows.New(p, b, quiet)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		<-started
		cancel()
		close(release)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		balanced(t, e)
		segments, _ := e.Stats()
		if s := segments[0]; s.Failed+s.Poisoned != 0 || s.Delivered == 0 {
			t.Errorf("counts %+v: an interruption is no failure, and work under way ends", s)
		}
		first := len(out.titles())
		if first == 0 || first == 200 {
			t.Logf("%d of 200 delivered before the stop", first)
		}

		p.Sources = []flows.Spec[flows.Source]{spec("nothing", flows.Source(list{}))}
		p.Segments[0].Stages = nil
		run(t, p, open())
		if got := len(out.titles()); got != 200 {
			t.Errorf("%d items delivered in both runs, want 200", got)
		}
		for title, n := range out.items {
			if n != 1 {
				t.Errorf("%s was delivered %d times", title, n)
			}
		}
	})
}

func TestEngineAbortsWorkWhenDrainingTakesTooLong(t *testing.T) {
	onEachBroker(t, func(t *testing.T, open func() broker.Broker) {
		started := make(chan struct{}, 100)
		stuck := stageFunc(func(ctx context.Context, _ []*flows.Message) ([]*flows.Message, error) {
			started <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		out := newShelf()
		p := plan([]flows.Source{list{n: 10}}, [][]flows.Stage{{stuck}}, out)
		p.Engine.Drain = 50 * time.Millisecond
		e, err := flows.New(p, open(), quiet)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		<-started
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		segments, _ := e.Stats()
		if s := segments[0]; s.Failed != 0 || s.Poisoned != 0 {
			t.Errorf("counts %+v: interrupted is not failed", s)
		}
		p.Sources = []flows.Spec[flows.Source]{spec("nothing", flows.Source(list{}))}
		p.Segments[0].Stages = nil
		p.Engine.Drain = flows.DefaultEngineConfig.Drain
		run(t, p, open())
		if got := len(out.titles()); got != 10 {
			t.Errorf("%d of 10 delivered after the restart", got)
		}
	})
}

func TestEngineQuarantinesWhatIsNoItem(t *testing.T) {
	onEachBroker(t, func(t *testing.T, open func() broker.Broker) {
		b := open()
		out := newShelf()
		p := plan([]flows.Source{list{n: 50}}, [][]flows.Stage{{stageFunc(pass)}}, out)
		p.Engine.MaxBytes = 1000
		var bad []*message.Message
		for i, payload := range []string{"", "{", "[]", "null", "{}", `{"title": 7}`, "\x00\xff", `{"title":"` + string(make([]byte, 2000)) + `"}`} {
			bad = append(bad, message.NewMessage(fmt.Sprint("bad", i), []byte(payload)))
		}
		if err := b.Publisher().Publish(p.Topic, bad...); err != nil {
			t.Fatal(err)
		}
		run(t, p, b)
		if got := len(out.titles()); got != 50 {
			t.Errorf("%d good items delivered, want 50", got)
		}
		for _, s := range poison(t, b, p) {
			if s.Message.Metadata.Get(flows.MetaPoisonReason) == "" {
				t.Errorf("%s is in poison without a reason", s.Message.UUID)
			}
		}
		if got := len(poison(t, b, p)); got != len(bad) {
			t.Errorf("%d in poison, want %d", got, len(bad))
		}
	})
}

func TestTwoEnginesShareTheWork(t *testing.T) {
	onEachBroker(t, func(t *testing.T, open func() broker.Broker) {
		out := newShelf()
		p := plan([]flows.Source{list{n: 1000}}, [][]flows.Stage{{stageFunc(pass)}, {groups(flows.Grouping{Size: 10, Wait: 20 * time.Millisecond})}}, out)
		worker := *p
		worker.Sources = nil
		b1, b2 := open(), open()
		second, err := flows.New(&worker, b2, quiet)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- second.Run(ctx) }()
		run(t, p, b1)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := len(out.titles()); got != 1000 {
			t.Errorf("%d delivered, want 1000", got)
		}
		for title, n := range out.items {
			if n != 1 {
				t.Errorf("%s was delivered %d times", title, n)
			}
		}
	})
}

func TestEngineFailsToStartWithTheNameOfTheComponent(t *testing.T) {
	b := brokers["embedded"](t)()
	p := plan(nil, [][]flows.Stage{{stageFunc(pass)}}, newShelf())
	p.Segments[0].Stages[0].Kind.New = func(*flows.Build, any) (flows.Stage, error) { return nil, errors.New("no such sink") }
	if _, err := flows.New(p, b, quiet); err == nil || err.Error() != "build stage0.0: no such sink" {
		t.Errorf("error %v", err)
	}
}
