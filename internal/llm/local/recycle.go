package local

import (
	"context"
	"errors"
	"time"

	"catalyst/internal/llm"
)

const (
	drainLimit  = 30 * time.Second
	unloadLimit = 30 * time.Second
	freeLimit   = 30 * time.Second
	freeLook    = 250 * time.Millisecond
	maxUseless  = 6 // doublings of the cool-down: ten minutes become ten hours
)

// The reasons for a recycle, as the metric has them.
const (
	byErrors   = "errors"
	bySpill    = "spill"
	byMemory   = "memory"
	bySpeed    = "drift"
	byRequests = "requests"
	byAge      = "interval"
)

// due returns why the model has to be loaded afresh now, or nothing.
func (p *Provider) due() string {
	s, c := &p.server, p.config.Recycle
	if s.fixed || !s.up || time.Now().Before(s.rested) {
		return ""
	}
	p.mu.Lock()
	calls, failures, slow := p.work.calls, p.work.failures, p.work.pace.below(c.SpeedBelow)
	p.mu.Unlock()
	switch full := p.full(); {
	case c.AfterErrors > 0 && failures >= c.AfterErrors:
		return byErrors
	case !s.state.Loaded:
		return ""
	case full != "":
		return full
	case slow:
		return bySpeed
	case c.AfterRequests > 0 && calls >= c.AfterRequests:
		return byRequests
	case c.After > 0 && time.Since(s.loaded) >= c.After:
		return byAge
	}
	return ""
}

// full returns which of the two signs of too little memory there is, or nothing. A
// model that never was in GPU memory has not spilled: there is no GPU.
func (p *Provider) full() string {
	s, limit := &p.server, p.config.Recycle.MemoryAbove
	switch {
	case limit == 0 || !s.state.Loaded:
		return ""
	case s.state.SizeVRAM < s.state.Size && (s.state.SizeVRAM > 0 || s.whole):
		return bySpill
	case s.usage.Share() > limit:
		return byMemory
	}
	return ""
}

// recycle unloads the model and loads it again, while calls are refused. It returns
// when to look again.
func (p *Provider) recycle(ctx context.Context, reason string) time.Duration {
	s := &p.server
	start, before, useless := time.Now(), s.usage, s.useless
	p.shut(llm.Overloaded, "the model is being recycled", s.expect()+freeLimit/3)
	drained := p.gate.drained(ctx, drainLimit)

	err := p.unload(ctx)
	if ctx.Err() != nil {
		return p.config.Every
	}
	if errors.Is(err, errors.ErrUnsupported) {
		s.fixed = true
		p.log.Warn("llm_local_recycle_unsupported", "reason", reason)
		p.gate.open()
		return p.config.Every
	}
	freed := err == nil && p.freed(ctx, before)
	if ctx.Err() != nil {
		return p.config.Every
	}
	metricRecycles.WithLabelValues(p.Name(), reason).Inc()
	// The names are those of the program that this one follows: what was taken
	// before, and what is still held.
	p.log.Info("gpu_cleanup_done", "allocated", before.Used, "reserved", s.usage.Used, "reason", reason,
		"drained", drained, "duration", time.Since(start).Round(time.Millisecond))
	if !freed && !s.kept {
		p.log.Warn("llm_local_memory_not_freed", "allocated", before.Used, "reserved", s.usage.Used, "unload", err)
	}
	s.kept = !freed

	wait := p.load(ctx)
	if freed && s.useless == 0 {
		useless = 0
	} else {
		useless = min(useless+1, maxUseless)
	}
	s.useless = useless
	s.rested = time.Now().Add(p.config.Recycle.CoolDown << useless)
	return wait
}

func (p *Provider) unload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, unloadLimit)
	defer cancel()
	return p.inner.Unload(ctx)
}

// freed waits until the model is gone and what it had in GPU memory as well. Others
// use the GPU too: it is enough that half of what the model had is free.
func (p *Provider) freed(ctx context.Context, before Usage) bool {
	held := p.server.state.SizeVRAM
	limit := time.NewTimer(freeLimit)
	defer limit.Stop()
	for {
		state, err := p.inspect(ctx)
		if err == nil && !state.Loaded {
			now := p.read(ctx)
			if now.Used == 0 || before.Used == 0 || now.Used <= before.Used-max(held/2, 1) {
				return true
			}
		}
		timer := time.NewTimer(freeLook)
		select {
		case <-timer.C:
		case <-limit.C:
			timer.Stop()
			return false
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}
