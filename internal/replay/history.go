package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"catalyst/internal/news"
)

// A Record is one line of a recording. A line that is an item and nothing else is
// history too.
type Record struct {
	Kind   string    `json:"record"` // item, answer, poll or note
	At     time.Time `json:"at"`
	Source string    `json:"source,omitempty"` // name of the component that published the item, or polled

	// Of an item.
	Topic string            `json:"topic,omitempty"`
	ID    string            `json:"id,omitempty"`
	Meta  map[string]string `json:"meta,omitempty"`
	Item  json.RawMessage   `json:"item,omitempty"`

	*Answer

	// Of a poll.
	Fetched *Fetched `json:"poll,omitempty"`

	Note *Note `json:"note,omitempty"`
}

// A Note is what a source had noted before it was recorded: how far it had read.
type Note struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The kinds of records.
const (
	KindItem   = "item"
	KindAnswer = "answer"
	KindPoll   = "poll"
	KindNote   = "note"
)

// An Event is an item and when it came.
type Event struct {
	At      time.Time
	source  string // that published it, or else that of the item
	payload []byte // JSON: a million items should fit into memory
	poll    int    // events of one poll come at once; 0 comes alone
}

// Item returns the item as its source had it: what stages add is theirs to add again.
func (e Event) Item() (*news.Item, error) {
	item, err := news.Decode(e.payload)
	if err != nil {
		return nil, err
	}
	item.Score, item.Reasons, item.Analysis, item.Seen = 0, nil, nil, nil
	item.Received = e.At
	return item, nil
}

// History is what is replayed.
type History struct {
	Events   []Event
	Looks    []*Look
	Answers  []Record // of models, in the order recorded
	Notes    []Note   // of sources, from before their first poll
	Rejected int      // lines that are none of these
	Why      error    // of the first of them

	looks  map[lookKey]*Look
	bodies bodies
	before map[question]*answer // what was last fetched before all Looks
}

// Empty reports whether there is nothing to replay.
func (h *History) Empty() bool { return len(h.Events)+len(h.Looks) == 0 }

// Span is the time of the first and of the last that is replayed. The history must be
// sorted; of one that is empty it is 1970.
func (h *History) Span() (first, last time.Time) {
	var times []time.Time
	if n := len(h.Events); n > 0 {
		times = append(times, h.Events[0].At, h.Events[n-1].At)
	}
	if n := len(h.Looks); n > 0 {
		times = append(times, h.Looks[0].At, h.Looks[n-1].At)
	}
	if len(times) == 0 {
		return time.Unix(0, 0), time.Unix(0, 0)
	}
	return slices.MinFunc(times, time.Time.Compare), slices.MaxFunc(times, time.Time.Compare)
}

// maxLine bounds a line: a message has at most a megabyte, and a record a little more.
const maxLine = 4 << 20

// Read adds what a file of JSON lines holds: items, or records of `pipeline record`.
// name is for errors. A line that is neither is counted, and passed over: the last
// one of a file is often only half there.
func (h *History) Read(r io.Reader, name string) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, tooLong, err := readLine(lines)
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if text := bytes.TrimSpace(line); len(text) > 0 || tooLong {
			fault := h.line(text)
			if tooLong {
				fault = fmt.Errorf("longer than %d bytes", maxLine)
			}
			if fault != nil {
				h.Reject(fmt.Errorf("%s:%d: %w", name, n, fault))
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
}

// Reject counts what is no item, and keeps the first reason.
func (h *History) Reject(err error) {
	if h.Rejected++; h.Why == nil {
		h.Why = err
	}
}

// readLine returns a line of its own memory; of one that is too long, nothing.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if !tooLong {
			line = append(line, part...)
		}
		if len(line) > maxLine {
			line, tooLong = nil, true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

func (h *History) line(text []byte) error {
	var r Record
	if err := json.Unmarshal(text, &r); err != nil || r.Kind == "" {
		return h.Add(time.Time{}, time.Time{}, text) // not of ours; whether it is an item is known there
	}
	switch r.Kind {
	case KindItem:
		if err := h.Add(r.At, time.Time{}, r.Item); err != nil {
			return err
		}
		e := &h.Events[len(h.Events)-1]
		e.source = cmp.Or(r.Source, e.source)
		return nil
	case KindPoll:
		return h.look(r)
	case KindNote:
		if r.Note == nil || r.Note.Name == "" {
			return errors.New("the note has no name")
		}
		if !slices.ContainsFunc(h.Notes, func(n Note) bool { return n.Name == r.Note.Name }) { // the next one is of a later start
			h.Notes = append(h.Notes, *r.Note)
		}
		return nil
	case KindAnswer:
		if r.Answer == nil || r.Answer.Prompt == "" {
			return errors.New("the answer has no prompt")
		}
		h.Answers = append(h.Answers, r)
		return nil
	}
	return fmt.Errorf("a record of kind %q is unknown to this version", r.Kind)
}

// Add adds an item that came at a time. Where that is zero, it is when the item was
// received, else otherwise, else when the item was published, else with the item before it.
func (h *History) Add(at, otherwise time.Time, payload []byte) error {
	item, err := news.Decode(payload)
	if err != nil {
		return err
	}
	for _, t := range []time.Time{item.Received, otherwise, item.Published} {
		if at.IsZero() {
			at = t
		}
	}
	if at.IsZero() && len(h.Events) > 0 {
		at = h.Events[len(h.Events)-1].At
	}
	if !at.IsZero() && (at.Before(earliest) || at.After(latest)) {
		return fmt.Errorf("came at %v, which no news did", at)
	}
	h.Events = append(h.Events, Event{At: at.UTC(), source: item.Source, payload: payload})
	return nil
}

// When items can have come. One that is centuries off, by a slip of its feed, would stretch
// the time of all others beyond what durations and JSON can say.
var (
	earliest = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Sort puts the events in the order of time, those of one time as they were read, and
// gives those before any time is known the first that is.
func (h *History) Sort() {
	for i := range h.Events {
		if h.Events[i].At.IsZero() {
			h.Events[i].At = h.firstTime()
		}
	}
	slices.SortStableFunc(h.Events, func(a, b Event) int { return a.At.Compare(b.At) })
	slices.SortStableFunc(h.Looks, func(a, b *Look) int { return a.At.Compare(b.At) })
}

func (h *History) firstTime() time.Time {
	for _, e := range h.Events {
		if !e.At.IsZero() {
			return e.At
		}
	}
	return time.Unix(0, 0).UTC()
}

// Between leaves only what came in [from, to), of a history that is sorted; a zero time is no
// bound.
func (h *History) Between(from, to time.Time) {
	outside := func(at time.Time) bool {
		return !from.IsZero() && at.Before(from) || !to.IsZero() && !at.Before(to)
	}
	h.Events = slices.DeleteFunc(h.Events, func(e Event) bool { return outside(e.At) })
	h.before = map[question]*answer{}
	h.Looks = slices.DeleteFunc(h.Looks, func(l *Look) bool {
		if l.At.Before(from) {
			l.known(h.before)
			h.Notes = nil // they are of a beginning that is left out
		}
		return outside(l.At)
	})
}
