package topic

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/broker/embedded"
	"catalyst/internal/news"
	"catalyst/internal/testenv"
)

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

func started(t *testing.T, b broker.Broker) flows.Sink {
	t.Helper()
	s, err := Kind(func() (broker.Broker, error) { return b, nil }).New(&flows.Build{}, Config{Topic: "news.done"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.(flows.Starter).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func stored(t *testing.T, b broker.Broker) []broker.Stored {
	t.Helper()
	all, err := b.Browse(t.Context(), "news.done", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestMessagesArePublishedAsTheyAre(t *testing.T) {
	b := newBroker(t)
	s := started(t, b)
	item := &news.Item{
		Key: "acc:1", Title: "Größe <b>", Published: time.Date(2025, 11, 20, 16, 5, 0, 0, time.UTC),
		Analysis: &news.Analysis{Direction: news.Bullish, Score: 0.5},
	}
	first := flows.NewMessage("id-1", item)
	first.SetMeta("desk", "oslo")
	second := flows.NewMessage("id-2", &news.Item{Title: "b"})
	if err := s.Deliver(t.Context(), []*flows.Message{first, second}); err != nil {
		t.Fatal(err)
	}
	all := stored(t, b)
	if len(all) != 2 || all[0].Message.UUID != "id-1" || all[1].Message.UUID != "id-2" || all[0].Message.Metadata.Get("desk") != "oslo" {
		t.Fatalf("stored %+v", all)
	}
	got, err := news.Decode(all[0].Message.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(item, got); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	if first.Settled() || second.Settled() {
		t.Error("the sink settled what it delivered")
	}
}

func TestDeliveredAgainItKeepsItsID(t *testing.T) {
	b := newBroker(t)
	s := started(t, b)
	for range 2 {
		if err := s.Deliver(t.Context(), []*flows.Message{flows.NewMessage("id-1", &news.Item{Title: "a"})}); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range stored(t, b) {
		if m.Message.UUID != "id-1" {
			t.Errorf("stored under %q", m.Message.UUID)
		}
	}
}

func TestAnItemThatHasNoJSONFailsAlone(t *testing.T) {
	b := newBroker(t)
	s := started(t, b)
	bad, good := flows.NewMessage("bad", &news.Item{Title: "a", Score: math.Inf(1)}), flows.NewMessage("good", &news.Item{Title: "b"})
	if err := s.Deliver(t.Context(), []*flows.Message{bad, good}); err != nil {
		t.Fatal(err)
	}
	if o := bad.Outcome(); o.Fate != flows.Failed || !flows.IsPermanent(o.Err) {
		t.Errorf("the bad one: %+v, want failed for good", o)
	}
	if all := stored(t, b); len(all) != 1 || all[0].Message.UUID != "good" {
		t.Errorf("stored %+v, want the good one", all)
	}
}

func TestABrokerThatIsDownIsAnOutage(t *testing.T) {
	b := newBroker(t)
	s := started(t, b)
	if err := s.(flows.Checker).Check(t.Context()); err != nil {
		t.Error(err)
	}
	b.Close()
	err := s.Deliver(t.Context(), []*flows.Message{flows.NewMessage("id-1", &news.Item{Title: "a"})})
	if _, down := flows.AsUnavailable(err); !down || !strings.Contains(err.Error(), "news.done") {
		t.Errorf("error %v, want an outage that names the topic", err)
	}
	if err := s.(flows.Checker).Check(t.Context()); err == nil {
		t.Error("the check of a closed broker succeeds")
	}
}

func TestTheBrokerIsOpenedAtTheStart(t *testing.T) {
	opened := 0
	kind := Kind(func() (broker.Broker, error) {
		opened++
		return nil, errors.New("no such server")
	})
	s, err := kind.New(&flows.Build{}, Config{Topic: "x"})
	if err != nil || opened != 0 {
		t.Fatalf("built with %d opened, %v", opened, err)
	}
	if err := s.(flows.Starter).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "topic x: no such server") {
		t.Errorf("start: %v", err)
	}
	if err := (Config{}).Validate(); err == nil {
		t.Error("an empty name is valid")
	}
}
