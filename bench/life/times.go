package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"catalyst/internal/news"
)

// worth makes the item with a number: every second one deserves an alert of its own.
func worth(n int) *news.Item {
	title := fmt.Sprintf("Company %05d to present at the winter conference", n)
	if n%2 == 0 {
		title = fmt.Sprintf("Company %05d receives FDA approval for its product %d", n, n)
	}
	return &news.Item{
		Source: "wire", GUID: fmt.Sprint("life-", n), URL: address(n), Title: title,
		Summary: fmt.Sprintf("What number %d has to say of it came after a record trial.", n),
	}
}

func address(n int) string { return fmt.Sprintf("https://news.example.com/life/%d", n) }

// start measures how long it takes from the process's start to its first alert, of an
// item that waits.
func (l *life) start(ctx context.Context) error {
	return l.in(ctx, false, func(p *place) error {
		var took []time.Duration
		for round := range l.rounds + 1 {
			if err := p.put(ctx, 1, func(int) *news.Item { return worth(2 * round) }); err != nil {
				return err
			}
			began := time.Now()
			process, err := p.run(ctx)
			if err != nil {
				return err
			}
			defer process.Stop()
			if err := process.Until(10*time.Second, func() (bool, error) {
				return l.fakes.Counts().Posts > round, ctx.Err()
			}); err != nil {
				return err
			}
			took = append(took, time.Since(began))
			if _, err := process.Terminate(10 * time.Second); err != nil {
				return err
			}
		}
		first, again := took[0], median(took[1:])
		l.judge(again < 300*time.Millisecond, "start to the first alert", "< 300 ms", "%d ms, median of %d (%d ms where all tables had to be made)",
			again.Milliseconds(), l.rounds, first.Milliseconds())
		return nil
	})
}

// loaded is how many items are there for the stop.
const loaded = 8000

// stop measures how long the program takes to end while it works at full speed, and what
// it leaves to the next one.
func (l *life) stop(ctx context.Context) error {
	var took []time.Duration
	var wrong []string
	var sum left
	for range l.rounds {
		err := l.in(ctx, false, func(p *place) error {
			lasted, behind, faults, err := p.stopped(ctx)
			took, wrong = append(took, lasted), append(wrong, faults...)
			sum = left{waiting: sum.waiting + behind.waiting, pending: sum.pending + behind.pending, returned: sum.returned + behind.returned}
			return err
		})
		if err != nil {
			return err
		}
	}
	l.judge(median(took) < time.Second, "stop under load", "< 1 s", "%d ms, median of %d (%d at most), with %d of %d items waiting",
		median(took).Milliseconds(), l.rounds, slices.Max(took).Milliseconds(), sum.waiting/int64(l.rounds), loaded)
	l.judge(sum.pending == 0, "pending under its name then (XPENDING)", "0", "%d; %d that it had read ahead were given back each time", sum.pending, sum.returned/int64(l.rounds))
	summary := "every alert once, with its verdict"
	if len(wrong) > 0 {
		summary = fmt.Sprint(wrong)
	}
	l.judge(len(wrong) == 0, "fates, after the next process did the rest", "one each", "%s", summary)
	return nil
}

// stopped stops one process under load, has another one do the rest, and says what came
// out wrong.
func (p *place) stopped(ctx context.Context) (took time.Duration, behind left, wrong []string, err error) {
	if err := p.put(ctx, loaded, worth); err != nil {
		return 0, left{}, nil, err
	}
	first, err := p.run(ctx)
	if err != nil {
		return 0, left{}, nil, err
	}
	defer first.Stop()
	if err := first.Until(time.Minute, func() (bool, error) {
		return len(p.fakes.Counts().Alerts) >= loaded/8, ctx.Err()
	}); err != nil {
		return 0, left{}, nil, err
	}
	if took, err = first.Terminate(20 * time.Second); err != nil {
		return 0, left{}, nil, err
	}
	if behind, err = p.left(ctx); err != nil {
		return 0, left{}, nil, err
	}
	if behind.waiting == 0 {
		wrong = append(wrong, "the first process had nothing left to do: the stop shows nothing")
	}
	second, err := p.run(ctx)
	if err != nil {
		return 0, left{}, nil, err
	}
	defer second.Stop()
	if err := second.Until(2*time.Minute, func() (bool, error) {
		time.Sleep(20 * time.Millisecond) // a question costs those asked, too
		l, err := p.left(ctx)
		return l.nothing(), err
	}); err != nil {
		return 0, left{}, nil, err
	}
	if _, err := second.Terminate(20 * time.Second); err != nil {
		return 0, left{}, nil, err
	}
	faults, err := p.faults(ctx)
	return took, behind, append(wrong, faults...), err
}

// faults says which items have another fate than the one they should have.
func (p *place) faults(ctx context.Context) (faults []string, err error) {
	got := p.fakes.Counts()
	missing, doubled := 0, 0
	for n := 0; n < loaded; n += 2 {
		switch got.Alerts[address(n)] {
		case 0:
			missing++
		case 1:
		default:
			doubled++
		}
	}
	add := func(n int64, what string) {
		if n != 0 {
			faults = append(faults, fmt.Sprint(n, " ", what))
		}
	}
	end, err := p.left(ctx)
	if err != nil {
		return nil, err
	}
	poisoned, err := p.client.XLen(ctx, p.name+".poison").Result()
	if err != nil {
		return nil, err
	}
	add(int64(missing), "alerts missing")
	add(int64(doubled), "alerts doubled")
	add(int64(len(got.Alerts)-loaded/2+missing), "alerts that should not be")
	add(int64(got.Posts-got.Judged), "messages without a verdict")
	add(end.waiting, "waiting")
	add(end.pending+end.returned, "pending")
	add(end.analysed-loaded/2, "more to analyse than alerts")
	add(poisoned, "poisoned")
	return faults, nil
}

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
