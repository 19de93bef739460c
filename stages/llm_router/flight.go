package llmrouter

import (
	"context"
	"crypto/sha256"
	"sync"

	"catalyst/flows"
	"catalyst/internal/llm"
	"catalyst/internal/news"
)

// flights are the items that are being asked about, so that an equal one, as the same
// release from another feed, waits for that answer. If there is none it asks for
// itself: an error is the first one's own.
type flights struct {
	mu    sync.Mutex
	under map[fingerprint]*flight
}

type fingerprint [sha256.Size]byte

type flight struct {
	done   chan struct{}
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
	delete(f.under, print)
	f.mu.Unlock()
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
	for {
		under, leads := r.flights.join(print)
		if leads {
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
