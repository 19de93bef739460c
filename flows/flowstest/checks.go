package flowstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/news"
)

// promptly is how soon a stage whose context has ended must have returned.
const promptly = 2 * time.Second

func oneWayOut(t *testing.T, s flows.Stage, items []*news.Item) {
	process(t, s, Messages(items...))
}

func oneByOne(t *testing.T, s flows.Stage, items []*news.Item) {
	for _, m := range Messages(items...) {
		process(t, s, []*flows.Message{m})
	}
}

// secondDelivery is what follows a crash between the stage and the ack: the same
// messages, as they were published.
func secondDelivery(t *testing.T, s flows.Stage, items []*news.Item) {
	first := process(t, s, Messages(items...))
	second := process(t, s, Messages(items...))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("ways out, first delivery − second +:\n%s", diff)
	}
}

// processedAgain is what follows a requeue from a later segment: the same
// messages, with the items as the stage left them.
func processedAgain(t *testing.T, s flows.Stage, items []*news.Item) {
	messages := Messages(items...)
	first := process(t, s, messages)
	left := make([]*news.Item, len(messages))
	for i, m := range messages {
		left[i] = m.Item
	}
	second := process(t, s, Messages(left...))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("ways out, as published − as processed +:\n%s", diff)
	}
}

func concurrently(t *testing.T, s flows.Stage, items []*news.Item) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			messages := deliver("c"+strconv.Itoa(i)+"-", items)
			if _, err := waysOut(t.Context(), s, messages); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func interrupted(t *testing.T, s flows.Stage, items []*news.Item) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	messages := Messages(items...)
	start := time.Now()
	out, err := s.Process(ctx, messages)
	if took := time.Since(start); took > promptly {
		t.Errorf("Process returned %v after its context had ended, want at once", took.Round(time.Millisecond))
	}
	if err == nil {
		t.Errorf("Process returned %d messages and no error, want an error", len(out))
	}
	for _, m := range messages {
		if fate := m.Outcome().Fate; fate == flows.Dropped || fate == flows.Delivered {
			t.Errorf("message %s is %v, but the stage was interrupted", m.ID, fate)
		}
	}
	process(t, s, Messages(items...)) // they come again, and nothing was lost
}

// sharesNothing looks for what one message can see of another: an item, a
// verdict or a map that two of them hold.
func sharesNothing(t *testing.T, s flows.Stage, items []*news.Item) {
	early := Messages(items...)
	process(t, s, early)
	var before [][]byte
	for _, m := range early {
		before = append(before, encode(m.Item))
	}

	late := deliver("late", items)
	out, err := s.Process(t.Context(), late)
	if err != nil {
		t.Fatalf("Process: %v", err)
	}
	scribble(late)
	scribble(out)
	for i, m := range early {
		if after := encode(m.Item); !bytes.Equal(before[i], after) {
			t.Errorf("message %s of an earlier batch changed:\n%s\n%s", m.ID, before[i], after)
		}
	}

	holder := map[any]string{}
	for _, m := range slices.Concat(early, out) {
		for _, p := range []any{m.Item, m.Item.Analysis} {
			if p == any((*news.Analysis)(nil)) {
				continue
			}
			if other, held := holder[p]; held && other != m.ID {
				t.Errorf("messages %s and %s share a %T", other, m.ID, p)
			}
			holder[p] = m.ID
		}
	}
}

// scribble writes over what messages hold, in place.
func scribble(messages []*flows.Message) {
	for _, m := range messages {
		for i := range m.Item.Reasons {
			m.Item.Reasons[i] = "scribble"
		}
		for i := range m.Item.Tickers {
			m.Item.Tickers[i] = "scribble"
		}
		if a := m.Item.Analysis; a != nil {
			a.Reasoning = "scribble"
			for i := range a.Catalysts {
				a.Catalysts[i] = "scribble"
			}
			for i := range a.KeyFigures {
				a.KeyFigures[i] = "scribble"
			}
			if a.Cached != nil {
				a.Cached.Key = "scribble"
			}
		}
	}
}

func process(t *testing.T, s flows.Stage, batch []*flows.Message) map[string]string {
	t.Helper()
	ways, err := waysOut(t.Context(), s, batch)
	if err != nil {
		t.Fatal(err)
	}
	return ways
}

// waysOut calls Process and returns, by ID, what became of each message: "on",
// "split into n" or its fate with the reason. Whatever breaks the contract is
// in the error.
func waysOut(ctx context.Context, s flows.Stage, batch []*flows.Message) (map[string]string, error) {
	given := slices.Clone(batch)
	out, err := s.Process(ctx, batch)
	if err != nil {
		return nil, fmt.Errorf("call Process: %w", err)
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if !slices.Equal(batch, given) {
		fault("Process changed the slice it was given: the engine still counts by it")
	}
	returned := map[*flows.Message]bool{}
	for _, m := range out {
		switch {
		case m == nil:
			fault("Process returned a nil message")
			continue
		case returned[m]:
			fault("message %s is returned twice", m.ID)
		case m.Settled():
			fault("message %s is returned and settled as %v", m.ID, m.Outcome().Fate)
		}
		returned[m] = true
	}
	ways := map[string]string{}
	known := 0
	for _, m := range given {
		parts := children(m, out)
		switch o := m.Outcome(); {
		case returned[m]:
			known++
			ways[m.ID] = "on"
		case o.Fate != flows.Unsettled:
			ways[m.ID] = strings.TrimSpace(fmt.Sprint(o.Fate, " ", o.Reason))
		case len(parts) > 0:
			known += len(parts)
			ways[m.ID] = fmt.Sprint("split into ", len(parts))
			for _, part := range parts {
				part.Drop("flowstest")
			}
			if m.Outcome().Fate == flows.Unsettled {
				fault("message %s is still unsettled when all that were returned of its parts are settled", m.ID)
			}
		default:
			fault("message %s is neither returned nor settled nor split", m.ID)
		}
	}
	if known != len(returned) {
		fault("Process returned %d messages, of which %d are of this batch", len(returned), known)
	}
	return ways, errors.Join(faults...)
}

// children are the messages in out that [flows.Message.Split] made of m.
func children(m *flows.Message, out []*flows.Message) []*flows.Message {
	var parts []*flows.Message
	for _, part := range out {
		if part == nil || part == m {
			continue
		}
		number, ok := strings.CutPrefix(part.ID, m.ID+".")
		if _, err := strconv.Atoi(number); ok && err == nil {
			parts = append(parts, part)
		}
	}
	return parts
}
