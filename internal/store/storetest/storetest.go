// Package storetest holds the conformance suites of the store contracts. Every
// implementation runs the same ones:
//
//	func TestLedger(t *testing.T) {
//		storetest.Ledger(t, func(tb testing.TB) store.Ledger { return open(tb) })
//	}
//
// Each case opens a store of its own, which must be empty, shares nothing with
// the others and is closed by tb.Cleanup.
package storetest

import (
	"context"
	"strings"
	"testing"
	"time"
)

// patience bounds how long a case waits for something that happens in its own
// time, such as expiry on a server.
const patience = 10 * time.Second

// many is the size of a batch that is large without being unreasonable.
const many = 5000

// hostile are strings that feeds and people do send. They are all different, and
// a store must tell them apart and give them back byte for byte.
var hostile = []string{
	"",
	" ",
	"plain",
	"Plain",
	"plain ",
	"colon:colon",
	"colon::colon",
	"{tag}",
	"%s %d $1 ? * [a-z]",
	"quote ' \" ` \\ ; --",
	"line\r\nbreak\ttab",
	"nul\x00",
	"nul\x00nul",
	"\x00",
	"café",
	"cafe\u0301",
	"株式会社 🚀 \u202e\u200b",
	"not utf-8 \xff",
	"not utf-8 \xfe",
	strings.Repeat("long", 2500),
	strings.Repeat("long", 2500) + "er",
}

// eventually polls until ok says so.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatalf("after %v still not: %s", patience, what)
		}
		<-poll.C
	}
}

// cancelled returns a context that is over.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
