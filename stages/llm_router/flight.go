package llmrouter

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/likeness"
	"catalyst/internal/llm"
	"catalyst/internal/news"
)

// flights are the items that are being asked about, so that an equal one, as the same
// release from another feed, waits for that answer. If there is none it asks for
// itself: an error is the first one's own.
//
// Items that semantic_cache has marked as one group are equal, too. What landed for
// a group is kept for a while: between not finding it in the cache and coming here a
// message may have waited longer than the first one took.
type flights struct {
	now    func() time.Time
	mu     sync.Mutex
	under  map[fingerprint]*flight
	landed []landed // the oldest first
}

type landed struct {
	print fingerprint
	at    time.Time
}

// keepLanded is how long the answer of a group is kept.
const keepLanded = 2 * time.Minute

type fingerprint [sha256.Size]byte

type flight struct {
	done   chan struct{}
	key    string         // of the item that leads
	group  bool           // of like items, not of equal ones
	answer *news.Analysis // nil if it failed; set before done is closed
}

// join returns the flight of what has this fingerprint, and whether the caller leads
// it: then it must land it.
func (f *flights) join(print fingerprint) (_ *flight, leads bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if under, ok := f.under[print]; ok {
		return under, false
	}
	if f.under == nil {
		f.under = make(map[fingerprint]*flight)
	}
	own := &flight{done: make(chan struct{})}
	f.under[print] = own
	return own, true
}

func (f *flights) land(print fingerprint, own *flight, answer *news.Analysis) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if own.group && answer != nil {
		f.landed = append(f.landed, landed{print, now})
	} else {
		delete(f.under, print)
	}
	for len(f.landed) > 0 && now.Sub(f.landed[0].at) > keepLanded {
		delete(f.under, f.landed[0].print)
		f.landed = f.landed[1:]
	}
	own.answer = answer
	close(own.done)
}

// fingerprintOf tells apart whatever could be answered differently. Source, address
// and time could not.
func fingerprintOf(item *news.Item, prompt llm.Prompt) (print fingerprint) {
	h := sha256.New()
	write := func(texts ...string) {
		for _, text := range texts {
			h.Write([]byte(text))
			h.Write([]byte{0xff}) // in no text
		}
		h.Write([]byte{0xfe})
	}
	write(prompt.ID, item.Form, item.Title, item.Summary, item.Body)
	write(item.Tickers...)
	write(item.Items...)
	h.Sum(print[:0])
	return print
}

// share has one message analysed, or waits for the answer about an equal one.
func (r *Router) share(ctx context.Context, m *flows.Message) error {
	prompt := r.prompts.Of(m.Item)
	print := fingerprintOf(m.Item, prompt)
	group, similarity := likeness.Group(m.Meta)
	if group != "" {
		print = sha256.Sum256([]byte(prompt.ID + "\xff" + group)) // \xff is in no ID
	}
	for {
		under, leads := r.flights.join(print)
		if leads {
			under.key, under.group = m.Item.Key, group != ""
			return r.lead(ctx, m, prompt, print, under)
		}
		select {
		case <-under.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if under.answer != nil {
			answer := *under.answer
			answer.Attempts, answer.NanoDollars, answer.Reason = 0, 0, "the same item was being asked about"
			if under.group && under.key != m.Item.Key {
				answer.Cached = &news.Cached{Key: under.key, Similarity: similarity, At: answer.At}
			}
			m.Item.Analysis = &answer
			shared.WithLabelValues().Inc()
			return nil
		}
	}
}

func (r *Router) lead(ctx context.Context, m *flows.Message, prompt llm.Prompt, print fingerprint, own *flight) error {
	var answer *news.Analysis
	defer func() { // also after a panic
		if !answer.Done() {
			answer = nil
		}
		r.flights.land(print, own, answer)
	}()
	var err error
	if answer, err = r.route(ctx, m.ID, m.Item, prompt); err != nil {
		return err
	}
	m.Item.Analysis = answer
	return nil
}
