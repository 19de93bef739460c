package local

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"catalyst/internal/llm"
)

// An Inner is a provider whose server can be looked after.
type Inner interface {
	llm.Provider
	Keeper
}

// A Provider is a provider whose server is looked after, from [Provider.Start] to
// [Provider.Close]; before and after, it only passes calls on.
type Provider struct {
	inner  Inner
	config Config
	memory Memory
	log    *slog.Logger
	gate   gate
	wake   chan struct{} // has the server looked at now
	server server        // belongs to the goroutine that Start starts

	mu     sync.Mutex
	stop   context.CancelFunc // nil until Start
	ended  chan struct{}
	closed bool
	vitals llm.Vitals
	slots  int  // that the server has
	idle   bool // the model is not loaded, and a call is to have it loaded
	work   work
}

// work is what became of the calls since the model was loaded.
type work struct {
	calls    int
	failures int // in a row, by the server's fault
	refusals int // of these, those with a status of 5xx
	answered time.Time
	pace     pace
}

// New returns a provider that looks after inner's server. It connects to nothing.
func New(inner Inner, c Config, log *slog.Logger) *Provider {
	p := &Provider{
		inner:  inner,
		config: c,
		memory: NewMemory(c, inner.Address()),
		log:    log.With("provider", inner.Name(), "model", inner.Model()),
		wake:   make(chan struct{}, 1),
		vitals: llm.Vitals{Memory: -1},
	}
	p.gate.setLimit(p.Limits().Concurrency)
	return p
}

// Start begins to look after the server, in the background, until Close or the end
// of ctx. A second call, or one after Close, does nothing.
func (p *Provider) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil || p.closed || p.config.Every <= 0 {
		return nil
	}
	ctx, p.stop = context.WithCancel(ctx)
	p.ended = make(chan struct{})
	if p.config.WarmUp {
		p.shut(llm.Overloaded, "the model is being loaded", firstLoad)
	}
	go p.tend(ctx)
	return nil
}

// Close ends it and waits until it has. The model stays loaded. A second call does
// nothing.
func (p *Provider) Close() error {
	p.mu.Lock()
	stop, ended := p.stop, p.ended
	p.closed = true
	p.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
	return nil
}

// Name is the inner provider's.
func (p *Provider) Name() string { return p.inner.Name() }

// Model is the inner provider's.
func (p *Provider) Model() string { return p.inner.Model() }

// Limits are the inner provider's. Where they leave the number of calls at the same
// time open, it is how many the server says it answers.
func (p *Provider) Limits() llm.Limits {
	var limits llm.Limits
	if l, ok := p.inner.(llm.Limited); ok {
		limits = l.Limits()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	limits.Concurrency = cmp.Or(limits.Concurrency, p.slots)
	return limits
}

// Available is the inner provider's; see [llm.Prober].
func (p *Provider) Available(ctx context.Context) error {
	if prober, ok := p.inner.(llm.Prober); ok {
		return prober.Available(ctx)
	}
	return nil
}

// Ready returns nil if calls are let through; see [llm.Tended].
func (p *Provider) Ready() *llm.Error {
	if why := p.gate.why(); why != nil {
		return p.fault(why)
	}
	return nil
}

// Vitals are what was last seen; see [llm.Tended].
func (p *Provider) Vitals() llm.Vitals {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.vitals
}

// Complete passes the call on while the server can be asked, and never more calls at a
// time than it has slots. Else it returns what Ready does.
func (p *Provider) Complete(ctx context.Context, r llm.Request) (llm.Response, error) {
	p.want()
	if refusal := p.gate.enter(ctx, r.Timeout); refusal != nil {
		return llm.Response{}, p.fault(refusal)
	}
	defer p.gate.leave()
	beside := p.gate.inUse()
	response, err := p.inner.Complete(ctx, r)
	if p.gate.inUse() != beside {
		beside = 0 // its speed says nothing
	}
	p.observe(ctx, response, llm.AsError(err), beside)
	return response, err
}

// want has an idle model loaded. The call is not let in, and answered elsewhere.
func (p *Provider) want() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle {
		p.idle = false
		p.shut(llm.Overloaded, "the model is being loaded", firstLoad)
		p.lookNow()
	}
}

// observe takes note of a call's outcome. A fault of the request or of the answer's
// text says that the server works.
func (p *Provider) observe(ctx context.Context, r llm.Response, fault *llm.Error, beside int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &p.work
	w.calls++
	if n := p.config.Recycle.AfterRequests; n > 0 && w.calls == n {
		p.lookNow()
	}
	if fault == nil {
		w.failures, w.refusals, w.answered = 0, 0, time.Now()
		if w.pace.add(beside, tokensPerSecond(r)); w.pace.now > 0 {
			metricSpeed.WithLabelValues(p.Name()).Set(w.pace.now)
		}
		return
	}
	switch fault.Class {
	case llm.Canceled:
		return
	case llm.Overloaded, llm.Network, llm.Timeout, llm.FirstToken:
		w.failures++
	default:
		w.failures, w.refusals = 0, 0
		return
	}
	if fault.Class == llm.Network {
		p.lookNow()
	}
	limit := cmp.Or(p.config.Recycle.AfterErrors, Defaults.Recycle.AfterErrors)
	if fault.Class == llm.Overloaded {
		if w.refusals++; w.refusals == limit && p.stop != nil {
			p.log.WarnContext(ctx, "llm_server_overload", "errors", w.refusals, "status", fault.Status, "error", fault.Err)
		}
	}
	if w.failures == limit {
		p.lookNow()
	}
}

// lookNow has the server looked at before its time.
func (p *Provider) lookNow() {
	select {
	case p.wake <- struct{}{}:
	default: // it is about to be
	}
}

// shut has calls refused, for about so long.
func (p *Provider) shut(class llm.Class, why string, expect time.Duration) {
	p.gate.close(llm.Errorf(class, "%s", why), time.Now().Add(expect))
}

func (p *Provider) fault(e *llm.Error) *llm.Error {
	e.Provider, e.Model = p.Name(), p.Model()
	return e
}
