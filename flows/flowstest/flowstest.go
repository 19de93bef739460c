// Package flowstest is the conformance suite of stages. Every package under
// stages/ runs it on what it builds:
//
//	flowstest.Stage(t, func() flows.Stage { return build(t) }, items)
//
// It checks what [flows.Stage] promises the engine, whatever the stage does:
// that every message has exactly one way out, that a second delivery and
// concurrent calls do no harm, that an interruption is never taken for an answer,
// and that a stage touches nothing but the messages it was given.
package flowstest

import (
	"encoding/json"
	"strconv"
	"testing"

	"catalyst/flows"
	"catalyst/internal/news"
)

// Messages returns a message for each item, with the IDs m0, m1 and so on.
// Two calls with the same items are two deliveries of the same messages, but
// the items are copies: what a stage does to one leaves the other alone.
func Messages(items ...*news.Item) []*flows.Message {
	return deliver("m", items)
}

// deliver is Messages with IDs of another prefix: other messages with the same news.
func deliver(prefix string, items []*news.Item) []*flows.Message {
	messages := make([]*flows.Message, len(items))
	for i, item := range items {
		messages[i] = flows.NewMessage(prefix+strconv.Itoa(i), clone(item))
	}
	return messages
}

// clone copies an item as a topic does, by way of JSON.
func clone(item *news.Item) *news.Item {
	out := new(news.Item)
	if err := json.Unmarshal(encode(item), out); err != nil {
		panic("flowstest: " + err.Error())
	}
	return out
}

// encode panics on an item without a JSON form (a score that is no number): no
// topic could carry it.
func encode(item *news.Item) []byte {
	data, err := json.Marshal(item)
	if err != nil {
		panic("flowstest: " + err.Error())
	}
	return data
}

// Stage runs the suite. stage returns a new stage, with nothing remembered from
// the ones before and with dependencies that work. items are what it is fed with: at
// least two, a mixture of those it lets pass, changes and drops.
func Stage(t *testing.T, stage func() flows.Stage, items []*news.Item) {
	t.Helper()
	if len(items) < 2 {
		t.Fatal("flowstest.Stage needs at least two items")
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, flows.Stage, []*news.Item)
	}{
		{"every message has one way out", oneWayOut},
		{"one message at a time", oneByOne},
		{"a second delivery comes to the same", secondDelivery},
		{"what was processed may be processed again", processedAgain},
		{"concurrent calls", concurrently},
		{"an ended context is an error and no drop", interrupted},
		{"messages share nothing", sharesNothing},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, stage(), items) })
	}
}
