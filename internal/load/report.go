package load

import (
	"math"
	"runtime"
	"time"

	"catalyst/flows"
)

// A Report is what a run measured. It is what --format json prints and --baseline reads.
type Report struct {
	Pipeline    string  `json:"pipeline"`
	Broker      string  `json:"broker"`
	Input       string  `json:"input"` // what was published
	Rate        float64 `json:"rate"`  // items a second that were asked for; 0 is full speed
	System      string  `json:"system"`
	Interrupted bool    `json:"interrupted,omitempty"`

	Items     int     `json:"items"`     // asked for
	Published int     `json:"published"` // of these
	Done      int     `json:"done"`      // dropped on purpose, or delivered by every sink
	Poisoned  int     `json:"poisoned"`
	Seconds   float64 `json:"seconds"`     // from the first item to the last fate
	PerSecond float64 `json:"items_per_s"` // of the first 99 in a hundred
	PublishPS float64 `json:"published_per_s"`

	CPUMicros float64 `json:"cpu_us_per_item"` // user and system, of this process, of the first 99 in a hundred; so are the next two
	Allocs    float64 `json:"allocs_per_item"`
	Bytes     float64 `json:"bytes_per_item"`
	PeakMB    float64 `json:"peak_mb"`

	Alert Delay `json:"alert"` // from due to shown
	End   Delay `json:"end"`   // from due to its fate

	Hops   []Hop   `json:"hops"`
	Stages []Stage `json:"stages"`

	Warm     int      `json:"warm,omitempty"` // items that went before and are counted nowhere
	OverTime []Sample `json:"over_time,omitempty"`
}

// A Delay is how long something took, in milliseconds.
type Delay struct {
	N   int64   `json:"n"`
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
}

// A Hop is a topic and the segment that reads it.
type Hop struct {
	Topic     string  `json:"topic"`
	In        int64   `json:"in"`
	Delivered int64   `json:"delivered"`
	Dropped   int64   `json:"dropped"`
	Failed    int64   `json:"failed"`
	Parked    int64   `json:"parked"`
	PerSecond float64 `json:"msgs_per_s"` // fates, of the first 99 in a hundred
}

// A Stage is what a stage did, and how long its batches took.
type Stage struct {
	Segment string           `json:"segment"`
	Name    string           `json:"stage"`
	In      int64            `json:"in"`
	Out     int64            `json:"out"`
	Dropped map[string]int64 `json:"dropped,omitempty"` // by reason
	Batch   float64          `json:"per_batch"`         // messages, on average
	Delay                    // of one batch; none for what the engine does itself
}

func (r *Run) report(plan *flows.Plan, e *flows.Engine, most uint64, interrupted bool) *Report {
	rep := &Report{
		Pipeline: plan.Name, Rate: r.options.Rate, Interrupted: interrupted,
		System: runtime.GOOS + "/" + runtime.GOARCH + " " + runtime.Version(),
		Items:  r.options.Items, Published: int(r.published.Load()), Done: int(r.done.Load()),
		Seconds: r.took.Seconds(), PeakMB: megabytes(most),
		Alert: delay(&r.alerts), End: delay(&r.ends), OverTime: r.overTime,
	}
	if n := float64(r.counted); n > 0 {
		rep.PerSecond = round(r.fates.perSecond())
		rep.CPUMicros = round(float64((r.to.cpu - r.from.cpu).Microseconds()) / n)
		rep.Allocs = round(float64(r.to.allocs-r.from.allocs) / n)
		rep.Bytes = round(float64(r.to.bytes-r.from.bytes) / n)
	}
	if s := r.publishing.Seconds(); s > 0 {
		rep.PublishPS = round(float64(rep.Published) / s)
	}
	segments, steps := e.Stats()
	for _, s := range segments {
		rep.Poisoned += int(s.Poisoned + s.Quarantined)
		hop := Hop{Topic: s.Topic, In: s.In, Delivered: s.Delivered, Dropped: s.Dropped, Failed: s.Failed, Parked: s.Parked, PerSecond: round(r.hops[s.Topic].perSecond())}
		rep.Hops = append(rep.Hops, hop)
	}
	for _, s := range steps {
		st := Stage{Segment: s.Segment, Name: s.Stage, In: s.In, Out: s.Out, Dropped: s.Dropped}
		if s.Batches > 0 {
			st.Batch = round(float64(s.In) / float64(s.Batches))
		}
		if h := r.stages[[2]string{s.Segment, s.Stage}]; h != nil {
			st.Delay = delay(h)
		}
		rep.Stages = append(rep.Stages, st)
	}
	return rep
}

func delay(h *Histogram) Delay {
	ms := func(q float64) float64 { return float64(h.Quantile(q).Round(time.Microsecond)) / 1e6 }
	return Delay{N: h.Count(), P50: ms(.5), P95: ms(.95), P99: ms(.99)}
}

// round keeps two digits behind the point: more is noise.
func round(v float64) float64 { return math.Round(v*100) / 100 }

// Lost is how many published items met no fate that is known. After an interrupt they
// are what was under way.
func (r *Report) Lost() int { return r.Published - r.Done - r.Poisoned }
