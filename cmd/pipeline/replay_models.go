package main

import (
	"errors"
	"io"
	"log/slog"
	"reflect"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm"
	"catalyst/internal/replay"
	"catalyst/stages/batch"
	llmrouter "catalyst/stages/llm_router"
)

// standIns puts a stand-in in the place of every provider that is enabled: a replay needs
// no keys, and which ones there are changes nothing.
func standIns(r *resources, o replayOptions, h *replay.History) {
	var reply replay.Reply = replay.Fake{Seed: o.seed, Latency: o.latency, Errors: o.errors}.Reply
	if o.llm == "recorded" {
		reply = replay.NewRecorded(h).Reply
	}
	reply = o.faults.Models(reply)
	r.waits = replay.Waited
	for i, spec := range r.providers {
		build := spec.Kind.New
		r.providers[i].Kind.New = func(b *flows.Build, c any) (llm.Provider, error) {
			// The real one is built to tell its model and limits, and asked nothing.
			real, err := build(&flows.Build{Pipeline: b.Pipeline, Name: b.Name, Logger: slog.New(slog.DiscardHandler)}, furnished(c))
			if err != nil {
				return nil, err
			}
			s := &replay.Stand{ProviderName: real.Name(), ModelName: real.Model(), Reply: reply}
			if l, ok := real.(llm.Limited); ok {
				s.Bounds = l.Limits()
			}
			if c, ok := real.(io.Closer); ok {
				err = c.Close()
			}
			return s, errors.Join(err)
		}
	}
}

// desk says what a llm_router whose models are stand-ins can do at a time. The batches before
// it are of the nearest batch stage's size.
func desk(plan *flows.Plan) func(flows.Spec[flows.Stage]) (replay.Desk, bool) {
	size := 1
	for _, segment := range plan.Segments {
		for _, spec := range segment.Stages {
			if c, ok := spec.Config.(batch.Config); ok {
				size = c.Size
			}
		}
	}
	return func(spec flows.Spec[flows.Stage]) (replay.Desk, bool) {
		c, ok := spec.Config.(llmrouter.Config)
		return replay.Desk{Calls: c.Concurrency, Batch: size, Alone: c.ItemsPerCall == 1}, ok
	}
}

// furnished returns a provider's configuration with a key and an address where it has none,
// without which there would be no provider.
func furnished(c any) any {
	v := reflect.New(reflect.TypeOf(c)).Elem()
	v.Set(reflect.ValueOf(c))
	for name, value := range map[string]any{"Key": config.Secret("replay"), "BaseURL": "http://replay.invalid"} {
		if f := v.FieldByName(name); f.IsValid() && f.IsZero() && f.Type() == reflect.TypeOf(value) {
			f.Set(reflect.ValueOf(value))
		}
	}
	return v.Interface()
}
