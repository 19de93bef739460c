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
)

// standIns puts a stand-in in the place of every provider that is enabled: a replay needs
// no keys, and which ones there are changes nothing.
func standIns(r *resources, o replayOptions, h *replay.History) {
	var reply replay.Reply = replay.Fake{Seed: o.seed, Latency: o.latency, Errors: o.errors}.Reply
	if o.llm == "recorded" {
		reply = replay.NewRecorded(h).Reply
	}
	reply = o.faults.Models(reply)
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
