// Package broker is the contract of a durable message broker: topics that
// keep every message until each group has acknowledged it. The redis and
// embedded packages below implement it; brokertest holds the conformance suite
// that both pass.
//
// Messages are Watermill messages. UUID is the message ID: given once, kept
// through redelivery and from topic to topic.
package broker

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A Broker opens publishers and subscribers on one server or file.
type Broker interface {
	// Publisher returns a publisher whose Publish returns nil only when every
	// message is durable. Messages of one call are sent together. After an
	// error some of them may have been stored: publishing again may store them
	// twice, with the same UUID. Closing it does not close the Broker.
	//
	// Publish ignores the messages' contexts: a message in hand is not given up
	// because the work that made it has ended.
	Publisher() message.Publisher

	// Subscriber joins a group. Each message of a topic goes to one subscriber
	// of each group.
	Subscriber(Config) (Subscriber, error)

	// Lag reports how much of topic a group has still to do: all of it if the group does
	// not exist, for it would begin there. A topic that does not exist has no lag.
	Lag(ctx context.Context, topic, group string) (Lag, error)

	// Len returns how many messages topic holds, acknowledged or not.
	Len(ctx context.Context, topic string) (int64, error)

	// Browse returns up to limit stored messages of topic, oldest first, that come
	// after the position given ("" is the beginning), whether or not groups have
	// acknowledged them. It delivers nothing.
	Browse(ctx context.Context, topic, after string, limit int) ([]Stored, error)

	// Delete removes messages of topic by position. A position that is not there
	// is no error: deleting twice is deleting once. It returns how many it removed.
	Delete(ctx context.Context, topic string, positions ...string) (int, error)

	// Ping reports whether the server or file answers.
	Ping(ctx context.Context) error

	// Close releases the connections. Drain or Close the subscribers first.
	Close() error
}

// A Subscriber delivers the messages of topics to one member of a group.
//
// Up to Config.InFlight messages are delivered without waiting for one another.
// Ack settles a message for the group; acks are sent together, within a few
// milliseconds. Nack gives a message back: it is delivered again after
// Config.RedeliverAfter, to any member, and delays no other message. While a
// message is held its lease is renewed, however long that takes; a member that
// dies loses its leases, and its messages go to the others.
//
// The context of a delivered message lives until the message is settled or
// the Subscriber has been closed; Drain does not cancel it before its own deadline.
type Subscriber interface {
	message.Subscriber

	// Receive is Subscribe for those who take many messages at a time: it delivers
	// whatever comes together, up to [MaxBatch] messages in each slice, and a slice, unlike a
	// message, costs no goroutine, no context and no channel for each. The
	// channel is closed when Subscribe's would be.
	Receive(ctx context.Context, topic string) (<-chan []Delivery, error)

	// Drain stops reading and waits until everything delivered is settled or ctx
	// ends. Then it flushes the acks, gives what is left back to the group at once,
	// so that another member can have it within a second, and closes the
	// channels. It returns an error only if acks could not be sent. A second
	// call waits for the first.
	Drain(ctx context.Context) error
}

// MaxBatch is the most messages that Receive delivers in one slice.
const MaxBatch = 100

// A Delivery is a message in hand.
type Delivery interface {
	// Message is what was published. Its own Ack and Nack mean nothing. It is the
	// holder's until it is settled.
	Message() *message.Message
	// Settle acknowledges the message, or gives it back as Nack does. The first call
	// counts; none does once the Subscriber has been closed.
	Settle(acked bool)
}

// Config configures a Subscriber. Zero fields take the defaults named.
type Config struct {
	// Group shares the work: required.
	Group string
	// InFlight is how many messages may be delivered and not yet settled, over all
	// topics of the Subscriber. Defaults to 1,000.
	InFlight int
	// Lease is how long a member may be silent before its messages are given to
	// others. It is renewed every third of that. Defaults to 30 seconds.
	Lease time.Duration
	// RedeliverAfter is the least time between a Nack and the next delivery.
	// Defaults to one second.
	RedeliverAfter time.Duration
	// MaxDeliveries is how often a message may be delivered without ever being
	// acknowledged (each of its holders died or gave it back) before it is
	// handed to Quarantine. Messages given back by Drain do not count. Defaults to 20.
	MaxDeliveries int
	// Quarantine takes what cannot be delivered: an entry that is no message, or
	// a message over MaxDeliveries. The message it gets has the raw payload, the
	// metadata that could be read and a UUID (a new one if there was none). Nil from
	// Quarantine acknowledges the entry; an error leaves it for a later try.
	// Required: nothing is thrown away silently.
	Quarantine func(ctx context.Context, topic string, m *message.Message, reason error) error
}

// Lag is what a group has still to do on a topic.
type Lag struct {
	// Waiting messages were never delivered to the group; Pending ones were
	// delivered and are not yet acknowledged.
	Waiting, Pending int64
	// Oldest is when the oldest waiting or pending message was published; zero when
	// there is none.
	Oldest time.Time
}

// Stored is a message as it lies in a topic.
type Stored struct {
	// Position orders the messages of a topic and names one for Delete.
	Position string
	// At is when it was published.
	At time.Time
	// Message has UUID, Metadata and Payload. An entry that is no message has
	// an empty UUID and the raw entry as payload.
	Message *message.Message
}
