package flows_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/flows"
	"catalyst/internal/broker/brokertest"
)

// While the poison topic takes nothing, what has failed for good waits: it is not
// processed again and again, which costs whatever its stages cost.
func TestPoisonTopicOutageWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokertest.NewMemory()
		var down atomic.Bool
		var tries atomic.Int32
		down.Store(true)
		p := plan(nil, [][]flows.Stage{{stageFunc(nil)}}, newShelf())
		b.Publishing = func(topic string, _ []*message.Message) error {
			if topic == p.Poison && down.Load() {
				tries.Add(1)
				return errors.New("OOM command not allowed")
			}
			return nil
		}
		var calls atomic.Int32
		p.Segments[0].Stages[0] = spec("fails", flows.Stage(stageFunc(func(_ context.Context, batch []*flows.Message) ([]*flows.Message, error) {
			calls.Add(int32(len(batch)))
			return nil, errors.New("always")
		})))
		p.Sources = []flows.Spec[flows.Source]{spec("list", flows.Source(list{n: 10})), spec("forever", flows.Source(forever{}))}
		stop := start(t, p, b)
		time.Sleep(10 * time.Minute)
		if got := calls.Load(); got != 30 {
			t.Errorf("the stage was called %d times for 10 messages of 3 attempts", got)
		}
		if got := tries.Load(); got < 10*10 || got > 10*100 {
			t.Errorf("%d tries to poison 10 messages in ten minutes", got)
		}
		down.Store(false)
		time.Sleep(time.Minute)
		if n, _ := b.Len(t.Context(), p.Poison); n != 10 {
			t.Errorf("%d messages in poison after the outage, want 10", n)
		}
		if _, err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A stop does not wait for the poison topic either: the message is given back.
func TestStopDuringPoisonTopicOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokertest.NewMemory()
		p := plan([]flows.Source{list{n: 10}, forever{}}, [][]flows.Stage{{stageFunc(func(context.Context, []*flows.Message) ([]*flows.Message, error) {
			return nil, errors.New("always")
		})}}, newShelf())
		b.Publishing = func(topic string, _ []*message.Message) error {
			if topic == p.Poison {
				return errors.New("refused")
			}
			return nil
		}
		stop := start(t, p, b)
		time.Sleep(time.Minute)
		if took, err := stop(); took > time.Second || err != nil {
			t.Errorf("the stop took %v and returned %v", took, err)
		}
		if lag, _ := b.Lag(t.Context(), p.Topic, p.Name); lag.Pending != 10 {
			t.Errorf("%d messages are left, want all 10", lag.Pending)
		}
	})
}
