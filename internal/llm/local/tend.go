package local

import (
	"context"
	"errors"
	"time"

	"catalyst/internal/llm"
)

const (
	lookTimeout = 5 * time.Second
	firstLoad   = 15 * time.Second // expected, before one was seen
	loadingLook = time.Second      // between looks at a server that is loading
	loadBackoff = 5 * time.Minute  // at most, between tries to load
)

// A server is what is known of one. Only the goroutine that tends it has it.
type server struct {
	up     bool   // it answers and the model was seen to work, or is not to be loaded
	state  State  // last seen
	usage  Usage  // last seen
	reason string // for which it is down, as last logged

	loaded   time.Time     // when the model was; zero if we have not seen that
	loading  time.Duration // it took last time
	failures int           // to load, in a row

	rested  time.Time // no recycle before
	useless int       // recycles in a row that did not help
	kept    bool      // the last did not free the memory
	fixed   bool      // the server cannot unload
	blind   bool      // the memory could not be read
	whole   bool      // the model was once all in GPU memory
}

func (p *Provider) tend(ctx context.Context) {
	defer close(p.ended)
	defer p.gate.open()
	defer p.setIdle(false)
	for {
		timer := time.NewTimer(p.look(ctx))
		select {
		case <-timer.C:
		case <-p.wake:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// look brings what is known of the server up to date, does what follows from it, and
// returns when to look again.
func (p *Provider) look(ctx context.Context) time.Duration {
	s := &p.server
	var absent *llm.NotConfiguredError
	if errors.As(p.Available(ctx), &absent) {
		s.up = false
		p.gate.close(&llm.Error{Class: llm.Network, Err: absent}, time.Now().Add(p.config.Every))
		return p.config.Every
	}
	before := s.state
	state, err := p.inspect(ctx)
	switch {
	case ctx.Err() != nil:
		return p.config.Every
	case err != nil && p.onlySlow(err):
		return p.config.Every
	case err != nil:
		return p.down(err)
	case state.Loading && !state.Loaded:
		p.shut(llm.Overloaded, "the model is being loaded", s.expect())
		s.up = false
		return loadingLook
	}
	if !s.up || p.gate.why() != nil {
		return p.ready(ctx)
	}
	p.compare(before, state)
	p.read(ctx)
	if reason := p.due(); reason != "" {
		return p.recycle(ctx, reason)
	}
	return p.config.Every
}

// compare follows a model that is loaded and unloaded by others. One that is gone is
// loaded when a call wants it, and not before: its owner may want the GPU, and two
// models that push each other out would never come to rest.
func (p *Provider) compare(before, now State) {
	switch {
	case now.Loaded && !before.Loaded:
		metricLoads.WithLabelValues(p.Name()).Inc()
		p.setIdle(false)
	case before.Loaded && !now.Loaded:
		if before.Expires.IsZero() || time.Now().Before(before.Expires) {
			p.crashed()
			p.log.Warn("llm_local_model_lost")
		}
		p.setIdle(p.config.WarmUp)
	}
}

// inspect asks the server how it is.
func (p *Provider) inspect(ctx context.Context) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	state, err := p.inner.Inspect(ctx)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = &llm.Error{Class: llm.Timeout, Err: errSlow}
		}
		return state, err
	}
	s := &p.server
	s.state = state
	s.whole = s.whole || state.SizeVRAM > 0 && state.SizeVRAM >= state.Size
	p.mu.Lock()
	p.slots = state.Slots
	p.mu.Unlock()
	p.gate.setLimit(p.Limits().Concurrency)
	return state, nil
}

var errSlow = errors.New("the server does not answer")

// onlySlow reports whether a server that did not answer in time has answered a call
// meanwhile: it is busy.
func (p *Provider) onlySlow(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.server.up && errors.Is(err, errSlow) && time.Since(p.work.answered) < p.config.Every+lookTimeout
}

// ready makes a server that answers one that can be asked, and returns when to look
// again.
func (p *Provider) ready(ctx context.Context) time.Duration {
	s := &p.server
	if p.config.WarmUp {
		return p.load(ctx)
	}
	s.up, s.loaded = true, time.Now()
	p.fresh()
	return p.config.Every
}

// load warms the model up and looks whether that was of use.
func (p *Provider) load(ctx context.Context) time.Duration {
	s := &p.server
	p.shut(llm.Overloaded, "the model is being loaded", s.expect())
	start, cold := time.Now(), !s.state.Loaded
	err := p.inner.Warm(ctx)
	if err == nil {
		_, err = p.inspect(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return p.config.Every
	case err != nil:
		wait := min(p.config.Every<<min(s.failures, 10), max(loadBackoff, p.config.Every))
		s.failures++
		p.down(err)
		p.gate.close(unready(err), time.Now().Add(wait))
		return wait
	}
	s.up, s.failures, s.loaded, s.loading = true, 0, time.Now(), time.Since(start)
	if cold {
		metricLoads.WithLabelValues(p.Name()).Inc()
	}
	p.log.Info("gpu_warmup_success", "duration", s.loading.Round(time.Millisecond), "size", s.state.Size, "size_vram", s.state.SizeVRAM)
	p.read(ctx)
	s.useless = 0
	if p.full() != "" {
		s.useless = 1
		s.rested = time.Now().Add(p.config.Recycle.CoolDown)
	}
	p.fresh()
	return p.config.Every
}

// fresh begins to count anew and lets calls through.
func (p *Provider) fresh() {
	p.mu.Lock()
	p.work = work{answered: p.work.answered}
	p.mu.Unlock()
	p.server.reason = ""
	p.setIdle(false)
	p.gate.open()
}

// down has calls refused until the server is well again. It says so once.
func (p *Provider) down(err error) time.Duration {
	s := &p.server
	fault := unready(err)
	if s.up {
		p.crashed()
	}
	if reason := string(fault.Class); s.reason != reason {
		s.reason = reason
		p.log.Warn("llm_local_down", "error", fault)
	}
	s.up, s.state = false, State{}
	p.setIdle(false)
	p.gate.close(fault, time.Now().Add(p.config.Every))
	return p.config.Every
}

// unready is why calls are refused after err: never because of a mistake of theirs.
func unready(err error) *llm.Error {
	e := *llm.AsError(err)
	if policy := e.Class.Policy(); !policy.Outage {
		e.Class = llm.Overloaded
	}
	return &e
}

func (p *Provider) crashed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.vitals.Crashed = time.Now()
}

func (p *Provider) setIdle(idle bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = idle
}

// expect is how long loading is expected to take.
func (s *server) expect() time.Duration {
	if s.loading > 0 {
		return s.loading
	}
	return firstLoad
}

// read reads the GPU's memory.
func (p *Provider) read(ctx context.Context) Usage {
	s := &p.server
	usage, err := p.memory.Read(ctx, s.state)
	if ctx.Err() != nil {
		return s.usage
	}
	if err != nil && !s.blind {
		p.log.Warn("llm_local_memory_unknown", "gpu", p.config.GPU, "error", err)
	}
	s.blind, s.usage = err != nil, usage
	p.mu.Lock()
	p.vitals.Memory = usage.Share()
	p.mu.Unlock()
	metricShare.WithLabelValues(p.Name()).Set(usage.Share())
	if usage.Source != "" {
		metricBytes.WithLabelValues(p.Name(), usage.Source).Set(float64(usage.Used))
	}
	return usage
}
