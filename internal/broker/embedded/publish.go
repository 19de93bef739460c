package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/sqlite"
)

// Publisher returns a publisher. Publish returns when the messages are on the disk.
func (b *Broker) Publisher() message.Publisher { return publisher{b} }

type publisher struct{ *Broker }

// Close does nothing: the file is the Broker's.
func (publisher) Close() error { return nil }

// Publish stores all messages or, if it returns an error, none of them.
func (p publisher) Publish(topic string, messages ...*message.Message) error {
	if err := p.open(); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	if len(messages) == 0 {
		return nil
	}
	for _, m := range messages {
		if m.UUID == "" {
			return fmt.Errorf("publish to %s: %w", topic, errNoUUID)
		}
	}
	at := time.Now().UnixMicro()
	// A message's context is that of the work that made it, which may be over.
	err := p.db.Write(context.Background(), func(tx *sqlite.Tx) error {
		tx.Announce()
		for _, m := range messages {
			payload := m.Payload
			if payload == nil {
				payload = []byte{}
			}
			_, err := tx.Exec(
				`INSERT INTO messages (topic, uuid, metadata, payload, at) VALUES (?, ?, ?, ?, ?)`,
				topic, m.UUID, encodeMetadata(m.Metadata), []byte(payload), at)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("publish to "+topic, err)
}

var errNoUUID = errors.New("a message has no UUID")

// encodeMetadata writes metadata as the query of a URL: any byte survives, and it
// can be read and edited with the sqlite3 program.
func encodeMetadata(metadata message.Metadata) string {
	if len(metadata) == 0 {
		return ""
	}
	values := make(url.Values, len(metadata))
	for k, v := range metadata {
		values.Set(k, v)
	}
	return values.Encode()
}

// decodeMetadata reads what encodeMetadata writes. With an error it returns what
// could be read.
func decodeMetadata(text string) (message.Metadata, error) {
	values, err := url.ParseQuery(text)
	metadata := make(message.Metadata, len(values))
	for k := range values {
		metadata[k] = values.Get(k)
	}
	return metadata, wrap("metadata", err)
}
