package redis

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
)

// FuzzDecode: whatever lies in a stream is either a message that can be sent on
// as it is, or salvaged with its payload.
func FuzzDecode(f *testing.F) {
	m := message.NewMessage("id", []byte("payload"))
	m.Metadata.Set("key", "value")
	good, err := adding("topic", m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("id", string(good[6].([]byte)), "payload", "other")
	f.Add("", "", "", "")
	f.Add("id", "\xc0", "", "")                     // nil
	f.Add("id", "\xdf\xff\xff\xff\xff", "", "")     // a map of 2³² entries
	f.Add("id", "\x81\xdb\xff\xff\xff\xff", "", "") // a string of 4 GB
	f.Add("id", "\x81\xa1a\x93\x01\x02\x03", "", "")
	f.Fuzz(func(t *testing.T, id, metadata, payload, other string) {
		values := map[string]any{
			redisstream.UUIDHeaderKey: id, "metadata": metadata, "payload": payload, "other": other,
		}
		m, err := decode(values)
		if err != nil {
			if s := salvage(values); s.UUID == "" || string(s.Payload) != payload {
				t.Fatalf("salvaged %q %q of %q", s.UUID, s.Payload, payload)
			}
			delete(values, "payload")
			if s := salvage(values); !bytes.HasPrefix(s.Payload, []byte("{")) {
				t.Fatalf("salvaged %q without a payload", s.Payload)
			}
			return
		}
		m.Metadata.Set("writable", "yes")
		delete(m.Metadata, "writable")
		delete(m.Metadata, redisstream.UUIDHeaderKey) // refused by the wire format
		again, err := adding("topic", m)
		if err != nil {
			t.Fatalf("encode again: %v", err)
		}
		back, err := decode(map[string]any{
			redisstream.UUIDHeaderKey: again[4], "metadata": fmt.Sprintf("%s", again[6]), "payload": string(again[8].([]byte)),
		})
		if err != nil || !back.Equals(m) {
			t.Fatalf("came back as %v, %v; want %v", back, err, m)
		}
	})
}
