package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"catalyst/flows"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
)

// A Polled is what one source made of its recorded polls.
type Polled struct {
	Source      string         `json:"source"`
	Polls       int            `json:"polls"`
	Answers     int            `json:"answers"`      // that were given again
	NotModified int            `json:"not_modified"` // of them
	Items       int            `json:"items"`        // published
	Most        int            `json:"most_items"`   // in one poll
	Results     map[string]int `json:"results"`      // of polls, in a word: see source_polls_total
	Failed      int            `json:"failed"`       // of polls, or in part
	Malformed   int            `json:"malformed"`    // of them, by answers that could not be read
	Fault       string         `json:"fault,omitempty"`
	Unrecorded  int            `json:"unrecorded,omitempty"` // requests of which there is no answer
	Unknown     string         `json:"unknown,omitempty"`    // the first of them
}

// A question is what a source asked.
type question struct{ source, path string }

// known notes what the poll was told, where it was told all.
func (l *Look) known(last map[question]*answer) {
	for _, a := range l.answers {
		if a.whole() {
			last[question{l.Source, a.path}] = a
		}
	}
}

// A player gives the sources of a plan the answers that were recorded.
type player struct {
	redact  func(string) string
	bodies  *bodies
	last    map[question]*answer // documents, by what was asked
	sources map[string]intake.Pollable
	closers []func() error
	polled  map[string]*Polled
	order   []string // of the file
}

func newPlayer(h *History, redact func(string) string) *player {
	p := &player{
		redact: redact, bodies: &h.bodies, last: map[question]*answer{},
		sources: map[string]intake.Pollable{}, polled: map[string]*Polled{},
	}
	if p.redact == nil {
		p.redact = func(s string) string { return s }
	}
	for q, a := range h.before {
		p.last[q] = a
	}
	for _, l := range h.Looks {
		if p.polled[l.Source] == nil {
			p.polled[l.Source] = &Polled{Source: l.Source, Results: map[string]int{}}
		}
	}
	return p
}

// build makes those sources of a plan that have polls. b is of the source of the replay.
func (p *player) build(b *flows.Build, specs []flows.Spec[flows.Source]) error {
	for _, spec := range specs {
		if p.polled[spec.Name] == nil {
			continue
		}
		own := *b
		own.Name, own.Logger = spec.Name, b.Logger.With("component", spec.Name)
		s, err := spec.Kind.New(&own, spec.Config)
		if err != nil {
			return fmt.Errorf("build %s: %w", spec.Name, err)
		}
		if c, ok := s.(flows.Closer); ok {
			p.closers = append(p.closers, c.Close)
		}
		polls, ok := s.(intake.Pollable)
		if !ok {
			return fmt.Errorf("%s has recorded polls, and a source of this kind (%s) does not poll: --polls=false replays what was recorded of its items", spec.Name, spec.Kind.Name)
		}
		p.sources[spec.Name], p.order = polls, append(p.order, spec.Name)
	}
	return nil
}

func (p *player) close() error {
	var faults []error
	for _, c := range p.closers {
		faults = append(faults, c())
	}
	return errors.Join(faults...)
}

// play has a source look again. An error is that of publish: whatever else goes wrong went
// wrong then.
func (p *player) play(ctx context.Context, l *Look, publish flows.Publish) error {
	seen, source := p.polled[l.Source], p.sources[l.Source]
	if source == nil {
		return fmt.Errorf("there is no source %q to replay its polls", l.Source)
	}
	items := 0
	var failed error
	left := append([]*answer(nil), l.answers...)
	ctx = fetch.Answer(ctx, func(req *http.Request) (*http.Response, error) {
		a := p.take(&left, l.Source, req)
		if a == nil {
			if seen.Unrecorded++; seen.Unknown == "" {
				seen.Unknown = pathOf(addressOf(req.URL.String(), p.redact))
			}
			return nil, errors.New("the recording has no answer to this")
		}
		if seen.Answers++; a.status == http.StatusNotModified {
			seen.NotModified++
		}
		return a.responseTo(req, p.bodies)
	})
	result, err := source.PollFor(ctx, l.Task, func(ctx context.Context, messages ...*flows.Message) error {
		if failed = publish(ctx, messages...); failed == nil {
			items += len(messages)
		}
		return failed
	})
	l.known(p.last)
	if failed != nil || ctx.Err() != nil {
		return cmp.Or(ctx.Err(), failed)
	}
	seen.Polls++
	seen.Results[result]++
	seen.Items += items
	seen.Most = max(seen.Most, items)
	if err != nil && result != "not_modified" { // which EDGAR's calls an error
		seen.Failed++
		if result == "malformed" {
			seen.Malformed++
		}
		if seen.Fault == "" || result == "malformed" && seen.Malformed == 1 {
			seen.Fault = clip(err.Error(), 300)
		}
	}
	return nil
}

// take returns the answer to a request, and takes it from those that are left: the next one
// of that address, whatever its host is now; one without an address, which was written by
// hand, is of any. Who is told that nothing has changed, and does not know since what, gets the
// document.
func (p *player) take(left *[]*answer, source string, req *http.Request) *answer {
	path := pathOf(addressOf(req.URL.String(), p.redact))
	for i, a := range *left {
		if a.path != path && a.path != "" {
			continue
		}
		*left = append((*left)[:i], (*left)[i+1:]...)
		if a.status == http.StatusNotModified && req.Header.Get("If-None-Match")+req.Header.Get("If-Modified-Since") == "" {
			return cmp.Or(p.last[question{source, a.path}], a)
		}
		return a
	}
	return nil
}

// report is what sources made of their polls, in the order of the file.
func (p *player) report() (all []Polled) {
	for _, name := range p.order {
		all = append(all, *p.polled[name])
	}
	return all
}
