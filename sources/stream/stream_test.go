package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/broker/embedded"
	"catalyst/internal/intake"
	"catalyst/internal/testenv"
)

const incoming = "news.incoming"

func newBroker(t *testing.T) broker.Broker {
	t.Helper()
	path := testenv.File(t)
	b, err := embedded.Open(context.Background(), path, embedded.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// A topic is the first topic: it takes what is published unless refuse says no.
type topic struct {
	mu     sync.Mutex
	refuse func(call int) error
	calls  int
	taken  []*flows.Message
}

func (to *topic) publish(_ context.Context, messages ...*flows.Message) error {
	to.mu.Lock()
	defer to.mu.Unlock()
	to.calls++
	if to.refuse != nil {
		if err := to.refuse(to.calls); err != nil {
			return err
		}
	}
	to.taken = append(to.taken, messages...)
	return nil
}

func (to *topic) ids() []string {
	to.mu.Lock()
	defer to.mu.Unlock()
	var ids []string
	for _, m := range to.taken {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

// A ward is where quarantined messages go.
type ward struct {
	mu     sync.Mutex
	broken int // refuses as many before it takes one
	taken  []string
}

func (w *ward) quarantine(_ context.Context, topic string, m *message.Message, reason error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken > 0 {
		w.broken--
		return errors.New("no room")
	}
	w.taken = append(w.taken, fmt.Sprintf("%s %s %s: %v", topic, m.UUID, m.Payload, reason))
	return nil
}

func (w *ward) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.taken, "\n")
}

func send(t *testing.T, b broker.Broker, id, payload string) {
	t.Helper()
	m := message.NewMessage(id, []byte(payload))
	m.Metadata.Set("desk", "oslo")
	if err := b.Publisher().Publish(incoming, m); err != nil {
		t.Fatal(err)
	}
}

// run runs a source until stop is called.
func run(t *testing.T, b broker.Broker, w *ward, publish flows.Publish, change func(*Config)) (stop func() error, log *bytes.Buffer) {
	t.Helper()
	c := Defaults
	c.Topic = incoming
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	log = new(bytes.Buffer)
	kind := Kind(func() (broker.Broker, error) { return b, nil }, w.quarantine)
	s, err := kind.New(&flows.Build{Pipeline: "test", Name: t.Name(), Logger: slog.New(slog.NewTextHandler(log, nil))}, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, publish) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { stop() })
	return stop, log
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func nothingLeft(t *testing.T, b broker.Broker) {
	t.Helper()
	await(t, "no lag", func() bool {
		lag, err := b.Lag(t.Context(), incoming, "test")
		return err == nil && lag.Waiting == 0 && lag.Pending == 0
	})
}

func TestMessagesKeepTheirIDsAndAreAcknowledged(t *testing.T) {
	b, to, w := newBroker(t), &topic{}, &ward{}
	send(t, b, "id-1", `{"title":"Acme (NASDAQ: ACME) rises","guid":"g","source":"desk"}`)
	send(t, b, "id-2", `{"title":"b"}`)
	stop, _ := run(t, b, w, to.publish, nil)
	await(t, "two messages", func() bool { return len(to.ids()) == 2 })
	nothingLeft(t, b)
	if err := stop(); err != nil {
		t.Error(err)
	}
	m := to.taken[slices.IndexFunc(to.taken, func(m *flows.Message) bool { return m.ID == "id-1" })]
	if m.Item.Key != "guid:desk|g" || m.Item.Source != "desk" || fmt.Sprint(m.Item.Tickers) != "[ACME]" || m.Meta["desk"] != "oslo" {
		t.Errorf("item %+v, meta %v", m.Item, m.Meta)
	}
}

func TestAMessageIsAcknowledgedOnlyWhenItIsDurable(t *testing.T) {
	b, w := newBroker(t), &ward{}
	to := &topic{refuse: func(call int) error {
		if call <= 2 {
			return errors.New("not yet")
		}
		return nil
	}}
	send(t, b, "id-1", `{"title":"a"}`)
	stop, log := run(t, b, w, to.publish, nil)
	await(t, "the message", func() bool { return len(to.ids()) == 1 })
	nothingLeft(t, b)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if strings.Count(log.String(), "publish_failed") != 2 {
		t.Errorf("logged\n%swant two failures", log)
	}
}

func TestWhatHoldsNoItemIsQuarantined(t *testing.T) {
	b, to, w := newBroker(t), &topic{}, &ward{broken: 1}
	before := testutil.ToFloat64(intake.Rejected.WithLabelValues(t.Name()))
	for i, payload := range []string{"", "not json", `{"title":7}`, "\x00\xff", `[]`, `{}`} {
		send(t, b, fmt.Sprint("bad-", i), payload)
		send(t, b, fmt.Sprint("good-", i), `{"title":"a"}`)
	}
	stop, _ := run(t, b, w, to.publish, nil)
	await(t, "six good ones", func() bool { return len(to.ids()) == 6 })
	nothingLeft(t, b)
	if err := stop(); err != nil {
		t.Error(err)
	}
	for i := range 6 {
		if !strings.Contains(w.all(), fmt.Sprintf("%s bad-%d ", incoming, i)) {
			t.Errorf("bad-%d is not in quarantine:\n%s", i, w.all())
		}
	}
	if got := testutil.ToFloat64(intake.Rejected.WithLabelValues(t.Name())) - before; got != 6 {
		t.Errorf("source_rejected_total grew by %v, want 6", got)
	}
}

func TestMessagesGoOutTogether(t *testing.T) {
	b, to, w := newBroker(t), &topic{}, &ward{}
	const n = 2000
	var batch []*message.Message
	for i := range n {
		batch = append(batch, message.NewMessage(fmt.Sprint(i), []byte(`{"title":"a"}`)))
	}
	if err := b.Publisher().Publish(incoming, batch...); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	stop, _ := run(t, b, w, to.publish, nil)
	await(t, "all messages", func() bool { return len(to.ids()) >= n })
	t.Logf("%d messages in %v, %d calls", n, time.Since(start).Round(time.Millisecond), to.calls)
	nothingLeft(t, b)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if to.calls > n/4 || len(slices.Compact(to.ids())) != n {
		t.Errorf("%d messages in %d calls, want %d in far fewer", len(to.ids()), to.calls, n)
	}
}

func TestStoppingPublishesWhatIsInHandAndGivesBackTheRest(t *testing.T) {
	b, w := newBroker(t), &ward{}
	inHand, release := make(chan struct{}), make(chan struct{})
	to := &topic{refuse: func(call int) error {
		if call == 1 {
			close(inHand)
			<-release
		}
		return nil
	}}
	const n = 300
	for i := range n {
		send(t, b, fmt.Sprintf("%03d", i), `{"title":"a"}`)
	}
	stop, _ := run(t, b, w, to.publish, func(c *Config) { c.InFlight = 50 })
	<-inHand
	stopped := make(chan error)
	go func() { stopped <- stop() }()
	close(release)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	first := to.ids()
	if len(first) == 0 || len(slices.Compact(slices.Clone(first))) != len(first) {
		t.Errorf("published %v", first)
	}
	stop, _ = run(t, b, w, to.publish, nil)
	await(t, "the rest", func() bool { return len(to.ids()) >= n })
	nothingLeft(t, b)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if ids := to.ids(); len(ids) != n || len(slices.Compact(ids)) != n {
		t.Errorf("%d messages published in all, want each of %d once", len(ids), n)
	}
}

// A source that reads what the pipeline publishes would turn in circles.
func TestALoopStopsThePipelineAndLosesNothing(t *testing.T) {
	b, w := newBroker(t), &ward{}
	publish := func(_ context.Context, messages ...*flows.Message) error {
		for _, m := range messages {
			out := message.NewMessage(m.ID, []byte(`{"title":"a"}`))
			out.Metadata = m.Meta
			if err := b.Publisher().Publish(incoming, out); err != nil {
				return err
			}
		}
		return nil
	}
	send(t, b, "id-1", `{"title":"a"}`)
	c := Defaults
	c.Topic = incoming
	kind := Kind(func() (broker.Broker, error) { return b, nil }, w.quarantine)
	s, err := kind.New(&flows.Build{Pipeline: "test", Name: "stream", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), publish); !errors.Is(err, errLoop) {
		t.Errorf("error %v, want %v", err, errLoop)
	}
	lag, err := b.Lag(t.Context(), incoming, "test")
	if err != nil || lag.Waiting+lag.Pending != 1 {
		t.Errorf("lag %+v, %v; want the message to be there still", lag, err)
	}
}

func TestABrokerThatDoesNotOpenIsAnError(t *testing.T) {
	kind := Kind(func() (broker.Broker, error) { return nil, errors.New("no such server") }, nil)
	s, err := kind.New(&flows.Build{Pipeline: "test", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, Config{Topic: "x", InFlight: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "stream x: no such server") {
		t.Errorf("error %v", err)
	}
}

func TestConfig(t *testing.T) {
	if err := (Config{}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("an empty configuration: %v; want two faults", err)
	}
}
