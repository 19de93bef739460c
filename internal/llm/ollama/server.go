package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"catalyst/internal/llm"
)

const (
	probeEvery   = time.Minute
	probeTimeout = 500 * time.Millisecond // on loopback; a closed port on Windows takes seconds
)

// Available reports whether a server that nobody named is there and has the model;
// until it is, it looks at most once a minute. From then on, and where base_url
// names a server, it counts as there: if it is down, that is an outage.
func (p *Provider) Available(ctx context.Context) error {
	if p.config.BaseURL != "" {
		return nil
	}
	p.probeMu.Lock()
	defer p.probeMu.Unlock()
	if p.probed.IsZero() || p.probeErr != nil && time.Since(p.probed) >= probeEvery {
		err := p.probe(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.probeErr, p.probed = err, time.Now()
	}
	return p.probeErr
}

func (p *Provider) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	absent := &llm.NotConfiguredError{Provider: p.name, Variable: Variable}
	models, err := p.list(ctx, "/api/tags")
	if err != nil {
		absent.Reason = "nothing answers at " + DefaultURL
		return absent
	}
	for _, m := range models {
		if p.isOurs(m.Name) {
			return nil
		}
	}
	absent.Reason = "the server at " + DefaultURL + " has no model " + p.config.Model +
		" (ollama pull " + p.config.Model + ")"
	return absent
}

type model struct {
	Name string `json:"name"`
	// Of one that is loaded; older servers say less.
	ContextLength int    `json:"context_length"`
	Size          int64  `json:"size"`
	SizeVRAM      int64  `json:"size_vram"`
	ExpiresAt     string `json:"expires_at"`
}

func (p *Provider) list(ctx context.Context, path string) ([]model, error) {
	response, err := p.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var list struct {
		Models []model `json:"models"`
	}
	err = json.NewDecoder(response.Body).Decode(&list)
	return list.Models, err
}

func (p *Provider) isOurs(name string) bool {
	return name == p.config.Model || name == p.config.Model+":latest"
}

// isLoadedAs reports whether a model that is loaded is ours, with our context.
func (p *Provider) isLoadedAs(m model) bool {
	return p.isOurs(m.Name) && (m.ContextLength == 0 || m.ContextLength == p.config.NumCtx)
}

// load makes sure that the model is in memory with our context. That takes from
// seconds to a minute, and a server whose client leaves meanwhile gives the
// load up: under the limits of a call, a cold model would never be loaded.
// One caller loads, the others wait for it.
func (p *Provider) load(ctx context.Context) error {
	if p.isLoaded() {
		return nil
	}
	select {
	case p.loading <- struct{}{}:
		defer func() { <-p.loading }()
	case <-ctx.Done():
		return &llm.Error{Class: llm.Canceled, Err: context.Cause(ctx)}
	}
	if p.isLoaded() {
		return nil
	}
	load, cancel := context.WithTimeout(ctx, p.config.LoadTimeout)
	defer cancel()
	err := p.loadNow(load)
	switch {
	case err == nil:
		p.used()
		return nil
	case ctx.Err() != nil:
		return &llm.Error{Class: llm.Canceled, Err: context.Cause(ctx)}
	case errors.Is(load.Err(), context.DeadlineExceeded):
		return llm.Errorf(llm.Timeout, "the model was not loaded in %v", p.config.LoadTimeout)
	}
	return err
}

func (p *Provider) loadNow(ctx context.Context) error {
	running, err := p.list(ctx, "/api/ps")
	if err != nil {
		return err
	}
	for _, m := range running {
		if p.isLoadedAs(m) {
			return nil
		}
	}
	// An empty chat loads the model and answers when it is there.
	response, err := p.do(ctx, http.MethodPost, "/api/chat", chatRequest{
		Model:     p.config.Model,
		Messages:  []chatMessage{},
		Options:   chatOptions{NumCtx: p.config.NumCtx},
		KeepAlive: p.keepAlive(),
	})
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (p *Provider) used() {
	p.useMu.Lock()
	p.lastUse = time.Now()
	p.useMu.Unlock()
}

func (p *Provider) unused() {
	p.useMu.Lock()
	p.lastUse = time.Time{}
	p.useMu.Unlock()
}

// isLoaded goes by the last use. A wrong guess costs a call that loads under its
// own limits, and at worst fails over.
func (p *Provider) isLoaded() bool {
	p.useMu.Lock()
	defer p.useMu.Unlock()
	keep := p.keepFor()
	return !p.lastUse.IsZero() && (keep < 0 || time.Since(p.lastUse) < keep)
}

// keepFor is keep_alive as a duration, five minutes (the server's own default) if
// it is left out; below zero is for ever.
func (p *Provider) keepFor() time.Duration {
	text := strings.TrimSpace(p.config.KeepAlive)
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	return 5 * time.Minute
}
