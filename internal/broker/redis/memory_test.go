package redis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
	"catalyst/internal/broker/redis"
)

// Large entries do not fill the memory: what is held is bounded in bytes too, and
// goes on when some of it is settled.
func TestWindowIsBoundedInBytes(t *testing.T) {
	const size, count, bound = 4 << 20, 40, 64 << 20
	g := newGroup(t)
	b := open(t, redis.Options{})
	large := func(id int) *message.Message { return message.NewMessage(fmt.Sprint(id), make([]byte, size)) }
	publish := func(m *message.Message) {
		t.Helper()
		if err := b.Publisher().Publish(g.topic, m); err != nil {
			t.Fatal(err)
		}
	}
	messages := g.subscribe(g.join(b, broker.Config{}))
	publish(large(0))
	held := []*message.Message{<-messages} // how large entries are is known from now on
	for i := 1; i < count; i++ {
		publish(large(i))
	}
	for quiet := false; !quiet; {
		select {
		case m := <-messages:
			held = append(held, m)
		case <-time.After(500 * time.Millisecond):
			quiet = true
		}
	}
	if got := len(held) * size; got < bound/2 || got > bound+size {
		t.Errorf("%d messages of %d bytes are held; want about %d bytes", len(held), size, bound)
	}
	for settled := 0; settled < count; settled++ {
		if len(held) == 0 {
			held = append(held, <-messages)
		}
		held[0].Ack()
		held = held[1:]
	}
}
