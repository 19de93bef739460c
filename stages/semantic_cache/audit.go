package semanticcache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/eval"
	"catalyst/internal/likeness"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
	"catalyst/internal/operator"
	"catalyst/internal/outage"
	"catalyst/internal/store"
)

var (
	auditVerdicts = metrics.Counter("llm_cache_audits_total",
		"Remembered verdicts compared with fresh ones: zone is audit, shadow or gray; verdict is agree, drift (one is neutral) or contradict.", "zone", "verdict")
	auditBound = metrics.Gauge("llm_cache_audit_bound",
		"Upper end of the 95 % interval of the share of the last audits that differ.")
	serving = metrics.Gauge("llm_cache_serving",
		"Whether the semantic cache gives the verdicts it finds: 0 in modes off and shadow, and while its bound is broken.")
)

// chosen decides whether a hit on an item is audited, the same way at every delivery.
func chosen(key string, share float64) bool {
	sum := sha256.Sum256([]byte("audit\x00" + key))
	return float64(binary.BigEndian.Uint64(sum[:]))/math.MaxUint64 < share
}

// metaCompare is where a message carries the verdict that it was not given.
const metaCompare = "cache_compare"

// A comparison is to be made when the fresh verdict is there.
type comparison struct {
	Zone       string         `json:"zone"`
	Key        string         `json:"key"` // of the item that was analysed
	Similarity float64        `json:"similarity"`
	Direction  news.Direction `json:"direction"`
}

func compareLater(m *flows.Message, zone string, match store.Match, verdict *news.Analysis) {
	data, err := json.Marshal(comparison{zone, match.Key, match.Similarity, verdict.Direction})
	if err == nil { // as it always is
		m.SetMeta(metaCompare, string(data))
	}
}

// unmark takes away what an earlier delivery of the message has noted.
func unmark(m *flows.Message) {
	delete(m.Meta, metaCompare)
	likeness.Unmark(m.Meta)
}

// compared returns the comparison that a message has to make, and how it ends. A message
// makes it once.
func compared(m *flows.Message) (c comparison, verdict string, ok bool) {
	note, waits := m.Meta[metaCompare]
	fresh := m.Item.Analysis
	if !waits || !fresh.Done() || fresh.Cached != nil {
		return c, "", false
	}
	delete(m.Meta, metaCompare)
	if json.Unmarshal([]byte(note), &c) != nil || c.Direction == "" || c.Zone != gray && c.Zone != shadow && c.Zone != audited {
		return c, "", false
	}
	switch {
	case fresh.Direction == c.Direction:
		return c, "agree", true
	case fresh.Direction == news.Neutral || c.Direction == news.Neutral:
		return c, "drift", true
	}
	return c, "contradict", true
}

const (
	// auditsKept is how many of the last audits are judged, auditsLeast from how many on.
	auditsKept  = 200
	auditsLeast = 50
	// noteEvery is how often the book is read again, and what was counted written.
	noteEvery = 30 * time.Second
	noteKeep  = 90 * 24 * time.Hour
	// noteName begins the name of the book among the notes.
	noteName = "semantic_cache/"
	// cause is what the operator knows a broken bound by.
	cause = "semantic_cache/"
)

// A Book is what a cache knows of itself over restarts and processes.
type Book struct {
	// Setting is what the audits are of: with another embedder or threshold they begin anew.
	Setting string `json:"setting"`
	// Audits are the last verdicts, the oldest first: + for agreement, - for anything else.
	Audits string `json:"audits,omitempty"`
	// Broken is when too many had differed; zero while all is well.
	Broken time.Time `json:"broken,omitzero"`
	// Asked and Hits count lookups since Since, roughly: processes that write at the same
	// moment lose each other's last half-minute.
	Asked int64     `json:"asked"`
	Hits  int64     `json:"hits"`
	Since time.Time `json:"since,omitzero"`
}

// Differing is the share of the audits that differ.
func (b Book) Differing() eval.Share {
	return eval.Share{Hits: strings.Count(b.Audits, "-"), Of: len(b.Audits)}
}

// add notes an audit, and changes Broken where the bound demands it.
func (b *Book) add(agrees bool, bound float64, now time.Time) {
	b.Audits += map[bool]string{true: "+", false: "-"}[agrees]
	b.Audits = b.Audits[max(0, len(b.Audits)-auditsKept):]
	_, high := b.Differing().Bounds()
	switch {
	case b.Broken.IsZero() && len(b.Audits) >= auditsLeast && high > bound:
		b.Broken, b.Audits = now, "" // it must earn its trust anew
	case !b.Broken.IsZero() && len(b.Audits) >= auditsKept && high <= bound:
		b.Broken = time.Time{}
	}
}

// NoteOf is the name of the note that holds the [Book] of the cache with this name in
// pipeline.yaml.
func NoteOf(name string) string { return noteName + name }

// audits keeps the book. Its store may be down: it then judges by what it knows.
type audits struct {
	notes   func() (store.Notes, error)
	tell    func() (*operator.Operator, error)
	stage   *stage
	name    string
	setting string
	outage  outage.Guard

	mu          sync.Mutex
	book        Book
	read        time.Time
	asked, hits int64 // not yet in the book
}

func (a *audits) init(s *stage, name string) {
	a.stage, a.name, a.notes, a.tell = s, name, s.Notes, s.Operator
	a.setting = fmt.Sprintf("%s similarity %v", s.embedder.ID(), s.Similarity)
	a.book.Setting = a.setting
	a.outage = outage.Guard{Patience: storePatience, Rest: rest}
	a.show()
}

func (a *audits) broken() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stage.AuditBound < 1 && !a.book.Broken.IsZero()
}

func (a *audits) count(asked, hits int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked, a.hits = a.asked+int64(asked), a.hits+int64(hits)
}

// refresh reads, now and then, what other processes have found, and writes what was
// counted here.
func (a *audits) refresh(ctx context.Context) {
	a.mu.Lock()
	due := time.Since(a.read) >= noteEvery
	a.mu.Unlock()
	if due {
		a.update(ctx, nil)
	}
}

// update brings the book up to date with verdicts. Two processes that do so at the same
// moment lose one of them, which is rare and harms nobody.
func (a *audits) update(ctx context.Context, agreements []bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := !a.book.Broken.IsZero()
	began, err := a.outage.Do(ctx, func(ctx context.Context) error {
		notes, err := a.notes()
		if err != nil {
			return err
		}
		if err := a.load(ctx, notes); err != nil {
			return err
		}
		if len(agreements) == 0 && a.asked == 0 {
			return nil
		}
		a.enter(agreements)
		agreements = nil
		data, err := json.Marshal(a.book)
		if err != nil {
			return err
		}
		return notes.Note(ctx, NoteOf(a.name), data, noteKeep)
	})
	if err != nil {
		a.enter(agreements)
	}
	if began {
		a.stage.log.WarnContext(ctx, "audits of the semantic cache are not kept", "error", err)
	}
	a.read = time.Now()
	if after := !a.book.Broken.IsZero(); before != after && a.stage.AuditBound < 1 {
		a.say(ctx, after)
	}
	a.show()
}

// load reads the book, if it is about the same setting.
func (a *audits) load(ctx context.Context, notes store.Notes) error {
	found, err := notes.Notes(ctx, []string{NoteOf(a.name)})
	if err != nil || len(found) != 1 || found[0] == nil {
		return err
	}
	var b Book
	if json.Unmarshal(found[0], &b) == nil && b.Setting == a.setting {
		b.Audits = b.Audits[max(0, len(b.Audits)-auditsKept):]
		a.book = b
	}
	return nil
}

// enter writes into the book what is not there yet.
func (a *audits) enter(agreements []bool) {
	now := time.Now().UTC()
	for _, agrees := range agreements {
		a.book.add(agrees, a.stage.AuditBound, now)
	}
	if a.book.Since.IsZero() {
		a.book.Since = now
	}
	a.book.Asked, a.book.Hits = a.book.Asked+a.asked, a.book.Hits+a.hits
	a.asked, a.hits = 0, 0
}

func (a *audits) show() {
	_, high := a.book.Differing().Bounds()
	auditBound.WithLabelValues().Set(high)
	on := 0.0
	if a.stage.Mode == Serve && (a.book.Broken.IsZero() || a.stage.AuditBound >= 1) {
		on = 1
	}
	serving.WithLabelValues().Set(on)
}

// say tells the log and the operator that trust was lost, or is back.
func (a *audits) say(ctx context.Context, broken bool) {
	if !broken {
		a.stage.log.InfoContext(ctx, "semantic cache serves again: its audits agree")
	} else {
		a.stage.log.ErrorContext(ctx, "semantic cache stops serving: too many audits differ", "bound", a.stage.AuditBound)
	}
	o, err := a.tell()
	switch {
	case err != nil:
	case !broken:
		o.Clear(cause + a.name)
	default:
		o.Raise(operator.Alarm{
			Cause: cause + a.name, Level: operator.Warning, Since: a.book.Broken,
			Title: "Remembered verdicts are no longer given",
			Text:  fmt.Sprintf("Fresh verdicts on items that %s took for the same story differ more often than its audit_bound of %g allows. It asks the models each time and goes on comparing; it serves again when the last %d agree.", a.name, a.stage.AuditBound, auditsKept),
			Todo:  "raise similarity of semantic_cache, as `pipeline eval cache` proposes it",
		})
	}
}
