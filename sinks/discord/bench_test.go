package discord

import (
	"fmt"
	"testing"

	"catalyst/flows"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

// BenchmarkAnnounce is the sink's own share of an alert's way, with a Discord
// and a ledger that take no time.
func BenchmarkAnnounce(b *testing.B) {
	server := discordtest.New(discordtest.Config{})
	c := testConfig()
	c.Creates = 1 << 40
	sink := newSinkOf(b, unlimited(), c, server.Transport(), new(sinktest.Ledger).Open, nil)
	item := hostileItem()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		copied := *item
		copied.Key = fmt.Sprint(i)
		if err := sink.Announce(b.Context(), []*flows.Message{sinktest.Message(copied.Key, &copied)}); err != nil {
			b.Fatal(err)
		}
	}
}

// unlimited is a bot without the limit of all its requests together.
func unlimited() *bot {
	b := newBot(1 << 20)
	return b
}
