package replay

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/news"
)

// An Outcome is what became of one item. All of it is the same each time.
type Outcome struct {
	N       int       `json:"n" expr:"n"` // of the history, from 0
	At      time.Time `json:"at" expr:"at"`
	Source  string    `json:"source,omitempty" expr:"source"`
	Key     string    `json:"key,omitempty" expr:"key"`
	Title   string    `json:"title,omitempty" expr:"title"`
	Tickers []string  `json:"tickers,omitempty" expr:"tickers"`

	Fate   string `json:"fate" expr:"fate"`               // delivered, dropped, poisoned, parked, lost
	Stage  string `json:"stage,omitempty" expr:"stage"`   // that decided; none of what was delivered
	Reason string `json:"reason,omitempty" expr:"reason"` // of what was delivered: why there is no verdict

	Alerted     bool    `json:"alerted" expr:"alerted"`
	Verdict     string  `json:"verdict,omitempty" expr:"verdict"` // bullish, bearish, neutral, unavailable
	Score       float64 `json:"score,omitempty" expr:"score"`
	Confidence  float64 `json:"confidence,omitempty" expr:"confidence"`
	Provider    string  `json:"provider,omitempty" expr:"provider"`
	Model       string  `json:"model,omitempty" expr:"model"`
	CachedFrom  string  `json:"cached_from,omitempty" expr:"cached_from"` // key of the item that was analysed
	Similarity  float64 `json:"similarity,omitempty" expr:"similarity"`
	TokensIn    int     `json:"tokens_in,omitempty" expr:"tokens_in"`
	TokensOut   int     `json:"tokens_out,omitempty" expr:"tokens_out"`
	NanoDollars int64   `json:"nano_dollars,omitempty" expr:"nano_dollars"`

	// From its arrival, in the time of the replay: what it waited for a batch, and what
	// the model took.
	AlertMS   int64 `json:"alert_ms,omitempty" expr:"alert_ms"`
	VerdictMS int64 `json:"verdict_ms,omitempty" expr:"verdict_ms"`
}

// The fates of an item.
const (
	Delivered = "delivered"
	Dropped   = "dropped"
	Poisoned  = "poisoned"
	Parked    = "parked" // until a dependency returns, which it had not at the end
	// Unfinished is what was given back when the replay was interrupted.
	Unfinished = "unfinished"
	Lost       = "lost" // none of these: never, it is hoped
)

// A track is an Outcome in the making, with what was measured.
type track struct {
	Outcome
	began      time.Time // in the time of day
	arrived    time.Time // in the time of the replay
	alertOwn   time.Duration
	verdictOwn time.Duration
	judged     bool
	missing    string        // why there is no verdict
	waiting    bool          // sinks were told that its analysis is not there yet, or will not come
	waitingFor time.Duration // after it had arrived
	answer     time.Time     // when its answer would have come, if the replay has ended before
}

// A Tracker follows items through a pipeline. Its methods may be called concurrently.
type Tracker struct {
	clock *Clock
	final string // topic of the last segment

	mu     sync.Mutex
	tracks []*track
}

const idPrefix = "replay-"

// begin returns the ID under which an item is published that came at a time; its delays
// count from when it arrived.
func (t *Tracker) begin(item *news.Item, at, arrived time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.tracks)
	t.tracks = append(t.tracks, &track{
		Outcome: Outcome{
			N: n, At: at, Source: item.Source, Key: item.Key, Title: clip(item.Title, 120), Tickers: item.Tickers, Fate: Lost,
		},
		began: time.Now(), arrived: arrived,
	})
	return idPrefix + strconv.Itoa(n)
}

// of returns the track of a message, which may be a part of the item published. t.mu is held.
func (t *Tracker) of(id string) *track {
	number, ours := strings.CutPrefix(id, idPrefix)
	number, _, _ = strings.Cut(number, ".")
	n, err := strconv.Atoi(number)
	if !ours || err != nil || n < 0 || n >= len(t.tracks) {
		return nil
	}
	return t.tracks[n]
}

// settled books what became of a message in a segment: see [flows.Plan].
func (t *Tracker) settled(topic string, m *flows.Message, o flows.Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tr := t.of(m.ID)
	if tr == nil {
		return
	}
	tr.Key = cmp.Or(tr.Key, m.Item.Key)
	tr.Tickers = m.Item.Tickers
	switch {
	case o.Fate == flows.Dropped:
		tr.end(Dropped, o.Stage, o.Reason)
	case o.Fate == flows.Delivered && topic == t.final:
		tr.judge(t, m.Item.Analysis)
		tr.end(Delivered, "", tr.missing) // no stage decided, and of several sinks the last to take it is not always the same
	case o.Fate == flows.Parked:
		tr.end(Parked, o.Stage, text(o.Err))
	}
}

// end sets the fate, unless a part of the item fared better before.
func (tr *track) end(fate, stage, reason string) {
	if tr.Fate == Delivered && fate == Dropped {
		return
	}
	tr.Fate, tr.Stage, tr.Reason = fate, stage, clip(reason, 200)
}

// shown books that a sink was given a message, to announce or to complete it.
func (t *Tracker) shown(m *flows.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tr := t.of(m.ID)
	if tr == nil {
		return
	}
	if !tr.Alerted {
		tr.Alerted = true
		tr.AlertMS = t.clock.Steady().Sub(tr.arrived).Milliseconds()
		tr.alertOwn = t.own(tr)
	}
	tr.judge(t, m.Item.Analysis)
}

// told books that sinks were told of a message without an analysis.
func (t *Tracker) told(m *flows.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tr := t.of(m.ID); tr != nil && !tr.waiting {
		tr.waiting, tr.waitingFor = true, t.clock.Steady().Sub(tr.arrived)
	}
}

// judge books a verdict, once.
func (tr *track) judge(t *Tracker, a *news.Analysis) {
	if a == nil || tr.judged {
		return
	}
	tr.judged = true
	tr.verdictOwn = t.own(tr)
	tr.Verdict = cmp.Or(string(a.Direction), "unavailable")
	if !a.Done() {
		tr.missing = a.Unavailable
		return
	}
	tr.Score, tr.Confidence = a.Score, a.Confidence
	tr.Provider, tr.Model = a.Provider, a.Model
	if a.Cached != nil {
		tr.CachedFrom, tr.Similarity = a.Cached.Key, math.Round(a.Cached.Similarity*1e4)/1e4
	} else {
		tr.TokensIn, tr.TokensOut, tr.NanoDollars = a.TokensIn, a.TokensOut, a.NanoDollars
	}
	at := t.clock.Steady()
	if tr.answer.After(at) {
		at = tr.answer
	}
	tr.VerdictMS = at.Sub(tr.arrived).Milliseconds()
}

// own is how long the program itself has worked on an item: what it waited for the clock
// is counted by that, at whatever speed it goes.
func (t *Tracker) own(tr *track) time.Duration {
	began := t.clock.Turned()
	if began.Before(tr.began) {
		began = tr.began
	}
	return time.Since(began)
}

// answerIn books when the answer about an item will come, which the replay does not wait for.
func (t *Tracker) answerIn(id string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tr := t.of(id); tr != nil {
		tr.answer = at
	}
}

// poisoned books what lies in the poison topic.
func (t *Tracker) poisoned(id, stage, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tr := t.of(id); tr != nil {
		tr.end(Poisoned, stage, reason)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// clip cuts s to at most n characters.
func clip(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}
