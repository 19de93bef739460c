package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"catalyst/bench/contest"
	"catalyst/internal/load"
)

// idleMemory is of a program that reads a feed without anything new each second.
func (l *life) idleMemory(ctx context.Context) error {
	for _, embedded := range []bool{false, true} {
		name := map[bool]string{false: "Redis and PostgreSQL", true: "one file"}[embedded]
		err := l.in(ctx, embedded, func(p *place) error {
			process, err := p.run(ctx)
			if err != nil {
				return err
			}
			defer process.Stop()
			m, err := watched(ctx, process, l.idle)
			if err != nil {
				return err
			}
			l.judge(m.Resident < 60, "resident when idle, "+name, "< 60 MB", "%.0f MB: %.0f its own, %.0f pages of the program", m.Resident, m.Own, m.Resident-m.Own)
			_, err = process.Terminate(10 * time.Second)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// backlog is of a program that works at full speed with many items behind.
func (l *life) backlog(ctx context.Context) error {
	return l.in(ctx, false, func(p *place) error {
		fmt.Fprintf(os.Stderr, "publishing %d items\n", l.waiting)
		if err := p.put(ctx, l.waiting, load.DefaultMix.Item); err != nil {
			return err
		}
		process, err := p.run(ctx)
		if err != nil {
			return err
		}
		defer process.Stop()
		m, err := watched(ctx, process, l.work)
		if err != nil {
			return err
		}
		at, err := p.left(ctx)
		if err != nil {
			return err
		}
		l.judge(m.Peak < 250, fmt.Sprintf("resident with %d items waiting", l.waiting), "< 250 MB",
			"%.0f MB at most in %v of work, after which %d waited", m.Peak, l.work, at.waiting)
		_, err = process.Terminate(10 * time.Second)
		return err
	})
}

// in runs measure in a place and leaves it.
func (l *life) in(ctx context.Context, embedded bool, measure func(*place) error) error {
	p, err := l.enter(ctx, embedded)
	if err != nil {
		return err
	}
	return errors.Join(measure(p), p.leave())
}

// watched is the memory of a process after a time, if it lives so long.
func watched(ctx context.Context, p *contest.Process, lasts time.Duration) (contest.Memory, error) {
	end := time.Now().Add(lasts)
	err := p.Until(2*lasts, func() (bool, error) { return time.Now().After(end), ctx.Err() })
	return p.Memory(), err
}

// soak has items come for a long time. The items are made, and sinks and models stand in,
// in the process that is measured: `pipeline bench --for`.
func (l *life) soak(ctx context.Context) error {
	page, err := filepath.Abs(l.html)
	if err != nil {
		return err
	}
	reports, err := l.bench(ctx, "--rate", fmt.Sprint(l.rate), "--for", l.lasts.String(), "--html", page)
	if err != nil {
		return err
	}
	r := reports[0]
	second, last := r.Drift()
	l.judge(r.Done == r.Items && r.Lost() == 0 && r.Poisoned == 0, "soak: items without their fate", "0",
		"%d of %d, %d poisoned", r.Lost(), r.Items, r.Poisoned)
	l.judge(last <= 1.1*second, fmt.Sprintf("soak: memory over %v at %g items/s", l.lasts, l.rate), "flat: ≤ 1.10×",
		"%.0f MB in the second fifth of the time, %.0f MB in the last: %.2f×; %.0f MB at most", second, last, last/second, r.PeakMB)
	kept := r.Hops[0].PerSecond / l.rate
	l.judge(kept > .98, "soak: the first topic keeps up", "> 98 %", "%.0f %%; see %s", 100*kept, l.html)
	return nil
}

// bench runs `pipeline bench` on the default pipeline.
func (l *life) bench(ctx context.Context, args ...string) ([]*load.Report, error) {
	args = append([]string{"bench", "--env-file", "none", "-f", "pipeline.yaml", "--format", "json"}, args...)
	fmt.Fprintf(os.Stderr, "pipeline %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, l.program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it tidies up
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("pipeline bench: %w", err)
	}
	var file struct{ Reports []*load.Report }
	if err := json.Unmarshal(out, &file); err != nil || len(file.Reports) == 0 {
		return nil, errors.Join(errors.New("pipeline bench: no report"), err)
	}
	return file.Reports, nil
}
