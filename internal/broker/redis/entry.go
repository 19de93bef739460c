package redis

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

var wire redisstream.DefaultMarshallerUnmarshaller

// adding returns the command that adds a message to a stream, in the wire format. Most
// messages have no metadata: there is nothing to marshal then.
func adding(topic string, m *message.Message) ([]any, error) {
	var metadata any = ""
	if len(m.Metadata) > 0 {
		values, err := wire.Marshal(topic, m)
		if err != nil {
			return nil, fmt.Errorf("encode message %s: %w", m.UUID, err)
		}
		metadata = values["metadata"]
	}
	return []any{
		"xadd", topic, "*",
		redisstream.UUIDHeaderKey, m.UUID, "metadata", metadata, "payload", []byte(m.Payload),
	}, nil
}

// decode reads a message from the fields of an entry. Each call makes a new
// one, so what a handler did to an earlier delivery does not show in the next.
func decode(values map[string]any) (m *message.Message, err error) {
	// The decoder reads foreign bytes by reflection: a panic in it must cost one
	// entry, not the process.
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("decode entry: %v", r)
		}
	}()
	id, _ := values[redisstream.UUIDHeaderKey].(string)
	payload, whole := values["payload"].(string)
	if whole && values["metadata"] == "" {
		m = &message.Message{UUID: id, Payload: []byte(payload)} // as Unmarshal has it, without what awaits an ack
	} else if m, err = wire.Unmarshal(values); err != nil {
		return nil, fmt.Errorf("decode entry: %w", err)
	}
	if m.UUID == "" {
		return nil, errors.New("decode entry: its message UUID is empty")
	}
	if m.Metadata == nil {
		m.Metadata = make(message.Metadata)
	}
	return m, nil
}

// salvage makes a message out of an entry that is none: its payload field, or
// all its fields as a JSON object, under its UUID or a new one.
func salvage(values map[string]any) *message.Message {
	id, _ := values[redisstream.UUIDHeaderKey].(string)
	if id == "" {
		id = uuid.NewString()
	}
	return message.NewMessage(id, raw(values))
}

// raw returns the payload field, or all fields as a JSON object. A value that
// is no text becomes base64 under its name with " (base64)".
func raw(values map[string]any) []byte {
	if payload, ok := values["payload"].(string); ok {
		return []byte(payload)
	}
	object := make(map[string]any, len(values))
	for name, value := range values {
		if text, ok := value.(string); ok && !utf8.ValidString(text) {
			object[name+" (base64)"] = []byte(text)
			continue
		}
		object[name] = value
	}
	text, err := json.Marshal(object)
	if err != nil { // cannot happen: strings and bytes
		return fmt.Append(nil, values)
	}
	return text
}

// entries reads the reply of claimScript: pairs of an entry, as XCLAIM returns
// it, and its delivery count.
func entries(reply []any) ([]entry, error) {
	out := make([]entry, 0, len(reply)/2)
	for i := 0; i+1 < len(reply); i += 2 {
		e, ok := reply[i].([]any)
		if !ok || len(e) != 2 {
			return nil, fmt.Errorf("claim: unexpected reply %T", reply[i])
		}
		id, _ := e[0].(string)
		flat, _ := e[1].([]any)
		count, _ := reply[i+1].(int64)
		values := make(map[string]any, len(flat)/2)
		for j := 0; j+1 < len(flat); j += 2 {
			name, _ := flat[j].(string)
			values[name] = flat[j+1]
		}
		out = append(out, entry{XMessage: redis.XMessage{ID: id, Values: values}, deliveries: count})
	}
	return out, nil
}

// An entry of a stream that was given to us.
type entry struct {
	redis.XMessage
	deliveries int64 // this one included
	suspect    bool  // its last holder died
}

// published returns the time in an entry's ID, zero if it is not an ID.
func published(id string) time.Time {
	var ms int64
	if _, err := fmt.Sscanf(id, "%d-", &ms); err != nil || ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
