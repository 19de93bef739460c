package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"catalyst/flows"
	"catalyst/internal/metrics"
	"catalyst/internal/operator"
	"catalyst/internal/store"
)

// facts reads what the operator may be told of, each where it happens.
func (r *resources) facts(ctx context.Context, e *flows.Engine) operator.Facts {
	f := engineFacts(e)
	outages := e.Outages()
	states := map[string]topicState{}
	for _, s := range r.topics(ctx) {
		states[s.topic] = s
	}
	for _, p := range r.plan.Segments {
		s := operator.Segment{Topic: p.Topic, Waiting: operator.Unknown, Oldest: operator.Unknown}
		if state, known := states[p.Topic]; known {
			s.Waiting, s.Oldest = state.waiting+state.pending, state.oldest
		}
		if o, out := outages[p.Topic]; out {
			s.Paused = &o
		}
		f.Segments = append(f.Segments, s)
	}
	if poison, known := states[r.plan.Poison]; known {
		f.Poison = poison.waiting
	}
	health := e.Health()
	for _, name := range slices.Sorted(maps.Keys(health)) {
		f.Sources = append(f.Sources, operator.Source{Name: name, Health: health[name]})
	}
	if q, open := r.models.quota.peek(); open {
		f.Budget.Level, f.Budget.Limit = q.Level().String(), int64(r.models.config.Budget.Day)
	}
	return f
}

// engineFacts reads what this process counts itself.
func engineFacts(e *flows.Engine) operator.Facts {
	f := operator.Facts{Poison: operator.Unknown, Budget: operator.Budget{Spent: operator.Unknown}, Analyses: map[string]int64{}}
	segments, steps := e.Stats()
	if len(segments) > 0 {
		s := segments[0] // what fails comes again and is counted again
		f.Items = s.Delivered + s.Dropped + s.InFlight + s.Poisoned
	}
	var announces bool
	var delivered int64
	for _, s := range steps {
		f.Failures += s.Failed
		var dropped int64
		for _, n := range s.Dropped {
			dropped += n
		}
		switch s.Kind {
		case "dedupe":
			f.Duplicates += dropped
		case "freshness", "prescale", "filter":
			f.Filtered += dropped
		case "announce":
			announces = true
			f.Alerts += s.Out
		case "sink":
			delivered = max(delivered, s.Out)
		}
	}
	if !announces {
		f.Alerts = delivered // posted once, when complete
	}
	for _, s := range metrics.Read("llm_routed_total") {
		f.Analyses[s.Labels["provider"]] += int64(s.Value)
	}
	for _, s := range metrics.Read("llm_cache_requests_total") {
		if s.Labels["result"] == "hit" {
			f.Analyses["cached"] += int64(s.Value)
		}
	}
	for _, s := range metrics.Read("llm_breaker_state") {
		f.Models = append(f.Models, operator.Model{Provider: s.Labels["provider"], Name: s.Labels["model"], Away: s.Value != 0})
	}
	return f
}

// spentToday adds up what all processes spent on models since midnight UTC.
func (r *resources) spentToday(ctx context.Context) int64 {
	costs, err := r.Costs()
	if err != nil {
		return operator.Unknown
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	now := time.Now().UTC()
	lines, err := costs.Spent(ctx, now.Truncate(24*time.Hour), now, store.ByProvider)
	if err != nil {
		return operator.Unknown
	}
	var sum int64
	for _, l := range lines {
		sum += l.NanoDollars
	}
	return sum
}
