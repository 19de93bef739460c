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

// The answer of a group is kept for so long, but no more than so many: at full speed two
// minutes of them were half a gigabyte, and far fewer messages wait between the cache and
// here in any segment.
const (
	keepLanded = 2 * time.Minute
	mostLanded = 10_000
)

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
	for len(f.landed) > 0 && (len(f.landed) > mostLanded || now.Sub(f.landed[0].at) > keepLanded) {
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

// A passenger is a message with what tells whose answer will do for it.
type passenger struct {
	*flows.Message
	prompt     llm.Prompt
	provider   string // that its rule wants, where several are asked about together
	print      fingerprint
	group      bool    // of like items
	similarity float64 // to the first of the group
	own        *flight // that it leads; nil otherwise
}

func (r *Router) passenger(m *flows.Message) *passenger {
	p := &passenger{Message: m, prompt: r.prompts.Of(m.Item)}
	group, similarity := likeness.Group(m.Meta)
	if p.group, p.similarity = group != "", similarity; p.group {
		p.print = sha256.Sum256([]byte(p.prompt.ID + "\xff" + group)) // \xff is in no ID
	} else {
		p.print = fingerprintOf(m.Item, p.prompt)
	}
	if r.config.ItemsPerCall > 1 {
		if wanted, _ := r.first(question{items: []*news.Item{m.Item}}); wanted != nil {
			p.provider = wanted.name
		}
	}
	return p
}

// board returns the flight that p waits for, or nil where p leads its own: then it must
// be landed.
func (r *Router) board(p *passenger) (under *flight) {
	under, leads := r.flights.join(p.print)
	if !leads {
		return under
	}
	p.own, under.key, under.group = under, p.Item.Key, p.group
	return nil
}

// share has one message analysed, or waits for the answer about an equal one.
func (r *Router) share(ctx context.Context, p *passenger) error {
	for {
		under := r.board(p)
		if under == nil {
			return r.lead(ctx, p)
		}
		select {
		case <-under.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if under.answer != nil {
			answer := *under.answer
			answer.Attempts, answer.NanoDollars, answer.Reason = 0, 0, "the same item was being asked about"
			if under.group && under.key != p.Item.Key {
				answer.Cached = &news.Cached{Key: under.key, Similarity: p.similarity, At: answer.At}
			}
			p.Item.Analysis = &answer
			shared.WithLabelValues().Inc()
			return nil
		}
	}
}

// lead has the message of a flight analysed, and lands it.
func (r *Router) lead(ctx context.Context, p *passenger) error {
	var answer *news.Analysis
	defer func() { r.land(p, answer) }() // also after a panic
	var err error
	if answer, err = r.route(ctx, p.ID, p.Item, p.prompt); err != nil {
		return err
	}
	p.Item.Analysis = answer
	return nil
}

// land ends the flight that p leads. What is no verdict will do for nobody else.
func (r *Router) land(p *passenger, answer *news.Analysis) {
	if !answer.Done() {
		answer = nil
	}
	r.flights.land(p.print, p.own, answer)
}
