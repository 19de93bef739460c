package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"catalyst/flows"
)

// A collector shows an engine's counters and topics to Prometheus, read when asked.
type collector struct {
	engine *flows.Engine
	topics func(context.Context) []topicState
}

type topicState struct {
	topic            string
	waiting, pending int64
	oldest           time.Duration
}

// descs are all that a collector shows.
var descs []*prometheus.Desc

func desc(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc("pipeline_"+name, help, labels, nil)
	descs = append(descs, d)
	return d
}

var (
	stageIn       = desc("stage_in_total", "Messages a stage was given.", "segment", "stage")
	stageOut      = desc("stage_out_total", "Messages that went on from a stage.", "segment", "stage")
	stageAdded    = desc("stage_added_total", "Messages made by splitting, less those they replace.", "segment", "stage")
	stageDropped  = desc("stage_dropped_total", "Messages dropped on purpose.", "segment", "stage", "reason")
	stageFailed   = desc("stage_failed_total", "Failures of messages in a stage; a retry that fails counts again.", "segment", "stage")
	stageParked   = desc("stage_parked_total", "Messages parked because a dependency of the stage was down.", "segment", "stage")
	stageForgiven = desc("stage_forgiven_total", "Failures that on_error: pass let through.", "segment", "stage")
	stageBugs     = desc("stage_bugs_total", "Messages a stage lost or made up. Always 0, unless the stage has a bug.", "segment", "stage")
	stageSeconds  = desc("stage_seconds", "Time a stage took for a batch.", "segment", "stage")

	segmentIn       = desc("messages_in_total", "Messages that entered a segment; a retry enters again.", "segment")
	segmentFate     = desc("messages_total", "Messages by fate. in = Σ fates + in flight.", "segment", "fate")
	segmentInFlight = desc("messages_in_flight", "Messages in a segment that have no fate yet.", "segment")
	segmentPoisoned = desc("poisoned_total", "Messages published to the poison topic.", "segment")
	quarantined     = desc("quarantined_total", "Entries that were no messages, published to the poison topic.", "segment")
	paused          = desc("paused", "1 while a segment takes in nothing because a dependency is down.", "segment", "dependency")

	topicWaiting = desc("topic_waiting", "Messages not yet delivered to this pipeline; for the poison topic, all it holds.", "topic")
	topicPending = desc("topic_pending", "Messages delivered and not yet acknowledged, in all processes.", "topic")
	topicOldest  = desc("topic_oldest_seconds", "Age of the oldest message waiting or pending.", "topic")
)

// Describe says the same at any time: a registry knows a collector again by it.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descs {
		ch <- d
	}
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	segments, steps := c.engine.Stats()
	for _, s := range steps {
		at := []string{s.Segment, s.Stage}
		count(stageIn, s.In, at...)
		count(stageOut, s.Out, at...)
		count(stageAdded, s.Added, at...)
		count(stageFailed, s.Failed, at...)
		count(stageParked, s.Parked, at...)
		count(stageForgiven, s.Forgiven, at...)
		count(stageBugs, s.Bugs, at...)
		for reason, n := range s.Dropped {
			count(stageDropped, n, append(at, reason)...)
		}
		ch <- prometheus.MustNewConstHistogram(stageSeconds, uint64(s.Batches), s.Busy.Seconds(), s.Buckets, at...)
	}
	for _, s := range segments {
		count(segmentIn, s.In, s.Topic)
		for fate, n := range map[flows.Fate]int64{
			flows.Delivered: s.Delivered, flows.Dropped: s.Dropped, flows.Parked: s.Parked, flows.Failed: s.Failed,
		} {
			count(segmentFate, n, s.Topic, fate.String())
		}
		count(segmentFate, s.Interrupted, s.Topic, "interrupted")
		gauge(segmentInFlight, float64(s.InFlight), s.Topic)
		count(segmentPoisoned, s.Poisoned, s.Topic)
		count(quarantined, s.Quarantined, s.Topic)
	}
	for topic, o := range c.engine.Outages() {
		gauge(paused, 1, topic, o.Dependency)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, t := range c.topics(ctx) {
		gauge(topicWaiting, float64(t.waiting), t.topic)
		gauge(topicPending, float64(t.pending), t.topic)
		gauge(topicOldest, t.oldest.Seconds(), t.topic)
	}
}

// topics reads the state of every topic of the plan. One that cannot be read is left
// out: a scrape says what is known.
func (r *resources) topics(ctx context.Context) []topicState {
	b, err := r.Broker()
	if err != nil {
		return nil
	}
	var states []topicState
	for _, s := range r.plan.Segments {
		lag, err := b.Lag(ctx, s.Topic, r.plan.Name)
		if err != nil {
			continue
		}
		state := topicState{topic: s.Topic, waiting: lag.Waiting, pending: lag.Pending}
		if !lag.Oldest.IsZero() {
			state.oldest = max(0, time.Since(lag.Oldest))
		}
		states = append(states, state)
	}
	if n, err := b.Len(ctx, r.plan.Poison); err == nil {
		states = append(states, topicState{topic: r.plan.Poison, waiting: n})
	}
	return states
}
