package embedded

import (
	"maps"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Somebody may edit the file with another program: whatever stands there is
// metadata or an error, and what we write comes back as it was.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{"", "a=b", "a=b&c=%ff%00", "=", "%zz", "a;b", "a=1&a=2", "\x00", "🚀=%F0%9F%9A%80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		metadata, err := decodeMetadata(text)
		if metadata == nil {
			t.Fatal("no metadata, not even empty")
		}
		if err != nil {
			return
		}
		again, err := decodeMetadata(encodeMetadata(metadata))
		if err != nil || !maps.Equal(metadata, again) {
			t.Errorf("%v is written and read as %v, error %v", metadata, again, err)
		}
		hostile := message.Metadata{text: text}
		if got, err := decodeMetadata(encodeMetadata(hostile)); err != nil || !maps.Equal(got, hostile) {
			t.Errorf("%q is written and read as %v, error %v", text, got, err)
		}
	})
}
