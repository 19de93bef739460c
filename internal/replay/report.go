package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"catalyst/flows"
	"catalyst/internal/store"
)

// A Report is what a replay found out. Outcomes, and with made-up or recorded models all
// that is counted, are the same each time; what is measured is not.
type Report struct {
	File        string    `json:"file"`
	Pipeline    string    `json:"pipeline"`
	From        time.Time `json:"from"` // of the history
	To          time.Time `json:"to"`
	Speed       float64   `json:"speed"` // 0 is as fast as can be
	Seed        uint64    `json:"seed"`
	Models      string    `json:"models"` // real, fake, recorded
	Sinks       string    `json:"sinks"`  // real, record, drop
	Interrupted bool      `json:"interrupted,omitempty"`
	Notes       []string  `json:"notes,omitempty"`

	Figures   Figures   `json:"figures"`
	Polls     []Polled  `json:"polls,omitempty"` // by source
	Stages    []Stage   `json:"stages"`
	Providers []Use     `json:"providers"`
	Hits      []Hit     `json:"cache_hits"`
	Slices    []Slice   `json:"over_time"`
	Load      []Load    `json:"load"`
	Outcomes  []Outcome `json:"outcomes"`
}

// Figures are what --fail-if can ask about.
type Figures struct {
	Items          int `json:"items" expr:"items"`                     // of the history, and of its polls
	In             int `json:"published" expr:"published"`             // published
	Rejected       int `json:"rejected" expr:"rejected"`               // lines of the history that were none
	Polls          int `json:"polls" expr:"polls"`                     // of sources, that were recorded
	PollsUnchanged int `json:"polls_unchanged" expr:"polls_unchanged"` // of them, that were told that nothing has changed
	PollsFailed    int `json:"polls_failed" expr:"polls_failed"`       // of them, that failed at least in part
	PollsMalformed int `json:"polls_malformed" expr:"polls_malformed"` // of these, because the answer could not be read

	Delivered   int     `json:"delivered" expr:"delivered"`   // to the end
	Dropped     int     `json:"dropped" expr:"dropped"`       // for a reason
	Duplicates  int     `json:"duplicates" expr:"duplicates"` // of the dropped
	Poisoned    int     `json:"poisoned" expr:"poisoned"`     // kept failing
	Parked      int     `json:"parked" expr:"parked"`         // at the end
	Lost        int     `json:"lost" expr:"lost"`             // nobody knows where they are
	Alerted     int     `json:"alerted" expr:"alerted"`
	Analysed    int     `json:"analysed" expr:"analysed"` // by a model
	Cached      int     `json:"cached" expr:"cached"`
	Unavailable int     `json:"unavailable" expr:"unavailable"`
	Calls       int     `json:"llm_calls" expr:"llm_calls"`
	CallsFailed int     `json:"llm_failed" expr:"llm_failed"`
	TokensIn    int     `json:"tokens_in" expr:"tokens_in"`
	TokensOut   int     `json:"tokens_out" expr:"tokens_out"`
	Cost        float64 `json:"cost" expr:"cost"` // dollars
	AlertP50    float64 `json:"p50_alert_ms" expr:"p50_alert_ms"`
	AlertP95    float64 `json:"p95_alert_ms" expr:"p95_alert_ms"`
	AlertP99    float64 `json:"p99_alert_ms" expr:"p99_alert_ms"`
	AlertMax    float64 `json:"max_alert_ms" expr:"max_alert_ms"`
	VerdictP50  float64 `json:"p50_verdict_ms" expr:"p50_verdict_ms"`
	VerdictP95  float64 `json:"p95_verdict_ms" expr:"p95_verdict_ms"`
	VerdictP99  float64 `json:"p99_verdict_ms" expr:"p99_verdict_ms"`
	VerdictMax  float64 `json:"max_verdict_ms" expr:"max_verdict_ms"`
	Depth       int     `json:"max_depth" expr:"max_depth"` // of the queues
	Age         float64 `json:"max_age_ms" expr:"max_age_ms"`
	Seconds     float64 `json:"seconds" expr:"seconds"`
	Rate        float64 `json:"items_per_second" expr:"items_per_second"`
	CPU         float64 `json:"cpu_seconds" expr:"cpu_seconds"`
	Memory      float64 `json:"max_mem_mb" expr:"max_mem_mb"`
	Slowest     string  `json:"slowest_stage" expr:"slowest_stage"`
	Changed     int     `json:"changed" expr:"changed"` // by the other pipeline, with --compare

	// Of the replay's time alone, so that they are the same each time.
	AlertWait   float64 `json:"max_alert_wait_ms" expr:"max_alert_wait_ms"`
	VerdictWait float64 `json:"max_verdict_wait_ms" expr:"max_verdict_wait_ms"`
	ToldWait    float64 `json:"max_told_wait_ms" expr:"max_told_wait_ms"`

	Told     int            `json:"told" expr:"told"`         // items of which sinks were told that no analysis comes, or not yet
	Pages    int            `json:"pages" expr:"pages"`       // what the operator was told to mend
	Asked    map[string]int `json:"asked" expr:"asked"`       // calls by provider
	Failed   map[string]int `json:"failed" expr:"failed"`     // of them, that gave no answer of use
	Unpriced int            `json:"unpriced" expr:"unpriced"` // of them, whose price nobody knows

	// Of --sinks stand.
	Posts    int `json:"posts" expr:"posts"`               // messages created
	Edits    int `json:"edits" expr:"edits"`               // and edited
	Twice    int `json:"posted_twice" expr:"posted_twice"` // alerts that were shown a second time
	Refused  int `json:"posts_refused" expr:"posts_refused"`
	Troubled int `json:"discord_troubles" expr:"discord_troubles"` // requests that the script answered
}

// A Stage is what one stage, boundary or sink did.
type Stage struct {
	Segment string           `json:"segment"`
	Name    string           `json:"stage"`
	Kind    string           `json:"kind"`
	In      int64            `json:"in"`
	Out     int64            `json:"out"`
	Added   int64            `json:"added,omitempty"`
	Dropped map[string]int64 `json:"dropped,omitempty"` // by reason
	Failed  int64            `json:"failed,omitempty"`
	Parked  int64            `json:"parked,omitempty"`
	Passed  int64            `json:"passed,omitempty"` // though they failed
	Batches int64            `json:"batches"`
	BusyMS  float64          `json:"busy_ms"` // of all batches together
	MeanMS  float64          `json:"mean_ms"` // of a batch
}

// A Hit is an item that got the verdict of another.
type Hit struct {
	N          int     `json:"n"`
	Title      string  `json:"title"`
	From       string  `json:"from"`
	Similarity float64 `json:"similarity"`
}

// Report sums the run up; calls is where its costs were booked.
func (r *Run) Report(calls *Calls) *Report {
	rep := &Report{Speed: r.options.Speed, Interrupted: r.interrupted, Load: r.load}
	rep.From, rep.To = r.history.Span()
	f := &rep.Figures
	f.Items, f.In, f.Rejected = len(r.history.Events), r.published, r.history.Rejected
	rep.Polls = r.player.report()
	for _, p := range rep.Polls {
		f.Items += p.Items
		f.Polls += p.Polls
		f.PollsFailed += p.Failed
		f.PollsMalformed += p.Malformed
		f.PollsUnchanged += p.Results["not_modified"]
	}
	rep.Stages = stages(r.steps)
	f.Slowest = slowest(rep.Stages)

	r.tracker.mu.Lock()
	defer r.tracker.mu.Unlock()
	duplicates := kindsOf(r.steps, "dedupe")
	for _, t := range r.tracker.tracks {
		if r.interrupted && t.Fate == Lost {
			t.Fate = Unfinished
		}
		f.count(t, duplicates)
		if t.CachedFrom != "" {
			rep.Hits = append(rep.Hits, Hit{t.N, t.Title, t.CachedFrom, t.Similarity})
		}
		rep.Outcomes = append(rep.Outcomes, t.Outcome)
	}
	alert, verdict := r.series.fill(r.tracker.tracks)
	f.AlertP50, f.AlertP95, f.AlertP99, f.AlertMax = alert.P50, alert.P95, alert.P99, alert.Max
	f.VerdictP50, f.VerdictP95, f.VerdictP99, f.VerdictMax = verdict.P50, verdict.P95, verdict.P99, verdict.Max
	rep.Slices = r.series.slices
	f.Asked, f.Failed = map[string]int{}, map[string]int{}
	f.Depth, f.Age = r.series.depth, milliseconds(r.series.age)

	rep.Providers = calls.use(func(store.Call) bool { return true })
	var nano int64
	for _, u := range rep.Providers {
		f.Calls += u.Calls
		f.Asked[u.Name] += u.Calls
		f.Unpriced += u.Unpriced
		f.Failed[u.Name] += u.Calls - u.OK
		f.CallsFailed += u.Calls - u.OK
		f.TokensIn += int(u.TokensIn)
		f.TokensOut += int(u.TokensOut)
		nano += u.NanoDollars
	}
	f.Cost = float64(nano) / 1e9
	f.Seconds = math.Round(r.took.Seconds()*1e3) / 1e3
	if r.took > 0 {
		f.Rate = math.Round(float64(r.published) / r.took.Seconds())
	}
	for _, l := range r.load {
		f.Memory = max(f.Memory, math.Round(l.MemMB*10)/10)
	}
	if n := len(r.load); n > 0 {
		f.CPU = math.Round((r.load[n-1].cpu-r.load[0].cpu)*1e3) / 1e3
	}
	return rep
}

func (f *Figures) count(t *track, dedupes map[string]bool) {
	switch t.Fate {
	case Delivered:
		f.Delivered++
	case Dropped:
		f.Dropped++
		if dedupes[t.Stage] {
			f.Duplicates++
		}
	case Poisoned:
		f.Poisoned++
	case Parked:
		f.Parked++
	case Unfinished:
	default:
		f.Lost++
	}
	if t.Alerted {
		f.Alerted++
		f.AlertWait = max(f.AlertWait, float64(t.AlertMS))
	}
	if t.waiting {
		f.Told++
		f.ToldWait = max(f.ToldWait, milliseconds(t.waitingFor))
	}
	f.VerdictWait = max(f.VerdictWait, float64(t.VerdictMS))
	switch {
	case t.CachedFrom != "":
		f.Cached++
	case t.Verdict == "unavailable":
		f.Unavailable++
	case t.Verdict != "":
		f.Analysed++
	}
}

// kindsOf returns the names of the stages of a kind.
func kindsOf(steps []flows.StepCount, kind string) map[string]bool {
	names := map[string]bool{}
	for _, s := range steps {
		if s.Kind == kind {
			names[s.Stage] = true
		}
	}
	return names
}

func stages(steps []flows.StepCount) (all []Stage) {
	for _, s := range steps {
		st := Stage{
			Segment: s.Segment, Name: s.Stage, Kind: s.Kind, In: s.In, Out: s.Out, Added: s.Added, Dropped: s.Dropped,
			Failed: s.Failed, Parked: s.Parked, Passed: s.Forgiven, Batches: s.Batches, BusyMS: math.Round(milliseconds(s.Busy)*1e3) / 1e3,
		}
		if s.Batches > 0 {
			st.MeanMS = math.Round(st.BusyMS/float64(s.Batches)*1e3) / 1e3
		}
		all = append(all, st)
	}
	return all
}

// slowest names the stage that worked longest altogether.
func slowest(all []Stage) string {
	if len(all) == 0 {
		return ""
	}
	return slices.MaxFunc(all, func(a, b Stage) int { return cmp.Compare(a.BusyMS, b.BusyMS) }).Name
}

// A Drop is why a stage dropped so many.
type Drop struct {
	Stage, Reason string
	N             int64
}

// Drops lists the reasons, the most frequent first.
func (r *Report) Drops() (all []Drop) {
	for _, s := range r.Stages {
		for _, reason := range slices.Sorted(maps.Keys(s.Dropped)) {
			all = append(all, Drop{s.Name, reason, s.Dropped[reason]})
		}
	}
	slices.SortStableFunc(all, func(a, b Drop) int { return cmp.Compare(b.N, a.N) })
	return all
}

// WriteJSON writes the report whole.
func WriteJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
