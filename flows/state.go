package flows

import (
	"context"
	"errors"
)

// Stats reads all counters, in the order of the plan.
func (e *Engine) Stats() (segments []SegmentCount, steps []StepCount) {
	for i, s := range e.segments {
		segments = append(segments, s.stats.read(s.topic))
		for k, st := range s.steps {
			c := st.stats.read()
			c.Segment, c.Stage = s.topic, st.name
			c.Kind = "sink"
			switch stages := e.plan.Segments[i].Stages; {
			case k < len(stages):
				c.Kind = stages[k].Kind.Name
			case e.plan.Segments[i].Next != "":
				c.Kind = "topic"
			}
			steps = append(steps, c)
		}
	}
	return segments, steps
}

// Outages returns the outages because of which segments take in nothing, by
// topic; empty when all is well.
func (e *Engine) Outages() map[string]Outage {
	outages := map[string]Outage{}
	for _, s := range e.segments {
		if o := s.gate.outage(); o != nil {
			outages[s.topic] = *o
		}
	}
	return outages
}

// Check asks the broker and every component that can tell whether what it depends
// on answers, and returns the errors by component name. A stage that does not
// return is at fault too, and so is the pipeline until everything has started: no
// component is asked while its Start runs.
func (e *Engine) Check(ctx context.Context) map[string]error {
	faults := map[string]error{}
	check := func(name string, it any) {
		if c, ok := it.(Checker); ok {
			if err := c.Check(ctx); err != nil {
				faults[name] = err
			}
		}
	}
	if err := e.broker.Ping(ctx); err != nil {
		faults["broker"] = err
	}
	if !e.started.Load() {
		faults["pipeline"] = errors.New("it is starting")
		return faults
	}
	for _, s := range e.sources {
		check(s.Name, s.it)
	}
	for _, stages := range e.stages {
		for _, s := range stages {
			check(s.Name, s.it)
		}
	}
	for _, s := range e.sinks {
		check(s.Name, s.it)
	}
	for _, s := range e.segments {
		for _, step := range s.steps {
			check(step.name, step)
		}
	}
	return faults
}
