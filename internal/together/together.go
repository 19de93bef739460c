// Package together makes one question of those that are asked while another is under way, so that
// a burst shares its round trips and a single caller waits for nobody.
package together

import (
	"context"
	"sync"
	"time"
)

// Calls are questions to one place. There is no goroutine: the first caller asks, and passes
// the duty on to one of those who came meanwhile. Set the fields before the first use.
type Calls[Q, A any] struct {
	// Ask answers questions in their order, or none of them: then each caller's are asked again
	// alone, if there were several, as what is wrong with one is not the others' fault. Where
	// asking twice does harm, the answers themselves have to say what went wrong. There may be
	// nothing to answer.
	Ask func(context.Context, []Q) ([]A, error)
	// Timeout bounds each time it is asked.
	Timeout time.Duration

	mu      sync.Mutex
	busy    bool
	waiting []*caller[Q, A]
}

type caller[Q, A any] struct {
	questions []Q
	answers   []A
	err       error
	wake      chan bool // true: it is your turn to ask; false: you have been answered
}

// Most is how many questions are asked at once, unless a single caller has more.
const Most = 1000

// Do returns the answers to questions. It does not end with anybody's context, as others may
// wait for the same answer.
func (t *Calls[Q, A]) Do(questions []Q) ([]A, error) {
	mine := &caller[Q, A]{questions: questions, wake: make(chan bool, 1)}
	t.mu.Lock()
	t.waiting = append(t.waiting, mine)
	if t.busy {
		t.mu.Unlock()
		if lead := <-mine.wake; !lead {
			return mine.answers, mine.err
		}
		t.mu.Lock()
	}
	t.busy = true
	batch := t.take()
	t.mu.Unlock()

	t.answer(batch)

	t.mu.Lock()
	if t.busy = len(t.waiting) > 0; t.busy {
		t.waiting[0].wake <- true
	}
	t.mu.Unlock()
	for _, other := range batch {
		if other != mine {
			other.wake <- false
		}
	}
	return mine.answers, mine.err
}

// take removes the callers of the next question from the queue. Whoever asks is the first
// of them.
func (t *Calls[Q, A]) take() []*caller[Q, A] {
	n, size := 0, 0
	for n < len(t.waiting) && (n == 0 || size+len(t.waiting[n].questions) <= Most) {
		size += len(t.waiting[n].questions)
		n++
	}
	batch := t.waiting[:n:n]
	t.waiting = t.waiting[n:]
	return batch
}

// answer asks for all of batch, and if that fails for each: what is wrong with one
// question is not the others' fault.
func (t *Calls[Q, A]) answer(batch []*caller[Q, A]) {
	all := batch[0].questions
	if len(batch) > 1 {
		all = nil
		for _, c := range batch {
			all = append(all, c.questions...)
		}
	}
	answers, err := t.one(all)
	if err == nil {
		for _, c := range batch {
			n := min(len(c.questions), len(answers)) // there may be nothing to answer
			c.answers, answers = answers[:n:n], answers[n:]
		}
		return
	}
	if len(batch) == 1 {
		batch[0].err = err
		return
	}
	var wg sync.WaitGroup
	for _, c := range batch {
		wg.Go(func() { c.answers, c.err = t.one(c.questions) })
	}
	wg.Wait()
}

func (t *Calls[Q, A]) one(questions []Q) ([]A, error) {
	ctx, cancel := context.WithTimeout(context.Background(), t.Timeout)
	defer cancel()
	return t.Ask(ctx, questions)
}
