package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"catalyst/flows"
	"catalyst/internal/operator"
	"catalyst/internal/replay"
	"catalyst/internal/store"
	"catalyst/sinks/discord"
)

// suits reports whether the script can have its way with the other flags.
func (o *replayOptions) suits() error {
	var faults []error
	if o.llm == "real" && o.script.AsksModels() {
		faults = append(faults, errors.New("--fault: trouble with models is made up, so it wants --llm fake or recorded"))
	}
	if o.sinks != "stand" && o.script.Discord() {
		faults = append(faults, errors.New("--fault: trouble with Discord is made up, so it wants --sinks stand"))
	}
	if len(faults) > 0 {
		return usageError{errors.Join(faults...)}
	}
	return nil
}

// knows reports what the script names and the pipeline does not have.
func (o *replayOptions) knows(plan *flows.Plan, r *resources) error {
	if o.script == nil {
		return nil
	}
	var providers, sinks []string
	for _, p := range r.providers {
		providers = append(providers, p.Name)
	}
	for _, s := range plan.Sinks {
		sinks = append(sinks, s.Name)
	}
	if err := o.script.Unknown(providers, sinks); err != nil {
		return usageError{err}
	}
	return nil
}

// A discordStand is one of a replay; nil is none.
type discordStand struct{ *replay.DiscordStand }

func (s *discordStand) close() error {
	if s == nil {
		return nil
	}
	return s.Close()
}

func (s *discordStand) fill(f *replay.Figures) {
	if s != nil {
		s.Fill(f)
	}
}

// sinksOf says which sinks do what they do, and stands in for Discord if that is wanted.
func (o *replayOptions) sinksOf() (func(*flows.Spec[flows.Sink]) bool, *discordStand, error) {
	switch o.sinks {
	case "real":
		return func(*flows.Spec[flows.Sink]) bool { return true }, nil, nil
	case "stand":
		s, err := replay.Stands(o.faults)
		if err != nil {
			return nil, nil, err
		}
		return func(spec *flows.Spec[flows.Sink]) bool { return standsIn(spec, s.URL()) }, &discordStand{s}, nil
	}
	return nil, nil, nil
}

// standsIn has a discord sink post to a stand-in. Its limits count in the time of day, in
// which a replay may do the work of a day in a minute: they are lifted.
func standsIn(spec *flows.Spec[flows.Sink], url string) bool {
	c, ok := spec.Config.(discord.Config)
	if !ok {
		return false
	}
	c.Token, c.Webhook, c.BaseURL, c.Channel = "stand", "", url, "1"
	c.Creates, c.Edits, c.Window, c.PerTicker = 1000, 1000, time.Second, 0
	c.PerSecond = 10_000
	spec.Config = c
	return true
}

// A pageCounter is told what an operator would have been.
type pageCounter struct{ pages *atomic.Int64 }

func (p pageCounter) Post(_ context.Context, n operator.Notice) error {
	if n.Kind == operator.Page {
		p.pages.Add(1)
	}
	return nil
}

// lossyBeside loses the connection to what lives beside the broker, if a script says so.
func (r *resources) lossyBeside(s beside) beside {
	if r.lost == nil {
		return s
	}
	return lossyBeside{s, func() error { return r.lost(replay.Beside) }}
}

// lossyRecords is lossyBeside for what lives in the store.
func (r *resources) lossyRecords(s records) records {
	if r.lost == nil {
		return s
	}
	return lossyRecords{s, func() error { return r.lost(replay.Stored) }}
}

type lossyBeside struct {
	beside
	lost func() error
}

// unless does something, unless the connection is lost.
func unless[T any](lost func() error, do func() (T, error)) (none T, _ error) {
	if err := lost(); err != nil {
		return none, err
	}
	return do()
}

func (l lossyBeside) Join(ctx context.Context, a []store.Arrival, k store.Keep) ([]store.Joined, error) {
	return unless(l.lost, func() ([]store.Joined, error) { return l.beside.Join(ctx, a, k) })
}

func (l lossyBeside) Yield(ctx context.Context, y []store.Yield, k store.Keep) error {
	if err := l.lost(); err != nil {
		return err
	}
	return l.beside.Yield(ctx, y, k)
}

func (l lossyBeside) Sightings(ctx context.Context, ids []string) ([][]store.Sighting, error) {
	return unless(l.lost, func() ([][]store.Sighting, error) { return l.beside.Sightings(ctx, ids) })
}

func (l lossyBeside) Effects(ctx context.Context, keys []string) ([]store.Effect, error) {
	return unless(l.lost, func() ([]store.Effect, error) { return l.beside.Effects(ctx, keys) })
}

func (l lossyBeside) Record(ctx context.Context, effects []store.Effect, keep time.Duration) error {
	if err := l.lost(); err != nil {
		return err
	}
	return l.beside.Record(ctx, effects, keep)
}

func (l lossyBeside) Pending(ctx context.Context, prefix string, before time.Time, limit int) ([]store.Effect, error) {
	return unless(l.lost, func() ([]store.Effect, error) { return l.beside.Pending(ctx, prefix, before, limit) })
}

func (l lossyBeside) Vectors(ctx context.Context, space string, hashes []string) ([][]float32, error) {
	return unless(l.lost, func() ([][]float32, error) { return l.beside.Vectors(ctx, space, hashes) })
}

func (l lossyBeside) Keep(ctx context.Context, space string, vectors map[string][]float32, ttl time.Duration) error {
	if err := l.lost(); err != nil {
		return err
	}
	return l.beside.Keep(ctx, space, vectors, ttl)
}

func (l lossyBeside) Take(ctx context.Context, m []store.Meter) (store.Taken, error) {
	return unless(l.lost, func() (store.Taken, error) { return l.beside.Take(ctx, m) })
}

func (l lossyBeside) Add(ctx context.Context, m []store.Meter) error {
	if err := l.lost(); err != nil {
		return err
	}
	return l.beside.Add(ctx, m)
}

func (l lossyBeside) Used(ctx context.Context, counters []string) ([]int64, error) {
	return unless(l.lost, func() ([]int64, error) { return l.beside.Used(ctx, counters) })
}

func (l lossyBeside) Notes(ctx context.Context, names []string) ([][]byte, error) {
	return unless(l.lost, func() ([][]byte, error) { return l.beside.Notes(ctx, names) })
}

func (l lossyBeside) Note(ctx context.Context, name string, value []byte, keep time.Duration) error {
	if err := l.lost(); err != nil {
		return err
	}
	return l.beside.Note(ctx, name, value, keep)
}

type lossyRecords struct {
	records
	lost func() error
}

func (l lossyRecords) Nearest(ctx context.Context, q []store.Query) ([]store.Match, error) {
	return unless(l.lost, func() ([]store.Match, error) { return l.records.Nearest(ctx, q) })
}

func (l lossyRecords) Remember(ctx context.Context, a []store.Answer) error {
	if err := l.lost(); err != nil {
		return err
	}
	return l.records.Remember(ctx, a)
}

func (l lossyRecords) Expire(ctx context.Context, limit int) (int, error) {
	return unless(l.lost, func() (int, error) { return l.records.Expire(ctx, limit) })
}
