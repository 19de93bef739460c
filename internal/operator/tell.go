package operator

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"catalyst/internal/store"
)

// A record is what the notes say about a cause.
//
//	       told                 posted                Clear              posted
//	(none) ────▶ pending ──────────────▶ posted ─────────────▶ clearing ────────▶ (none)
//	   └───────▶ logged, where there is no poster ──────────────────────────────────▲
type record struct {
	State state     `json:"state"`
	At    time.Time `json:"at"` // when it was told
	Alarm Alarm     `json:"alarm"`
}

// is reports whether r and other were told as one.
func (r record) is(other record) bool {
	return r.At.Equal(other.At) && r.Alarm.Rank == other.Alarm.Rank
}

// id is that of the notice of a kind about r.
func (r record) id(kind Kind) string {
	return noticeID(kind, r.Alarm.Cause+"/"+strconv.Itoa(r.Alarm.Rank), r.At)
}

type state string

const (
	logged   state = "logged"
	pending  state = "pending"
	posted   state = "posted"
	clearing state = "clearing"
)

// tell tells an alarm, unless an earlier process has, or another one.
func (o *Operator) tell(a Alarm) {
	a.Title, a.Text, a.Todo = o.setup.Redact(a.Title), o.setup.Redact(a.Text), o.setup.Redact(a.Todo)
	known, err := o.notes.read(a.Cause)
	if err == nil && known != nil && known.Alarm.Rank >= a.Rank {
		switch {
		case known.State == posted, known.State == logged && o.out == nil:
			return
		case known.State == pending && o.out != nil: // whoever told it may be gone
			o.post(*known)
			return
		}
	}
	r := record{State: logged, At: time.Now(), Alarm: a}
	if o.out != nil {
		r.State = pending
	}
	if err == nil {
		err = o.notes.write(r)
	}
	if err == nil && o.out != nil {
		err = o.notes.list(a.Cause, true)
	}
	pages.WithLabelValues().Inc()
	args := []any{"cause", a.Cause, "text", a.Text}
	if a.Todo != "" {
		args = append(args, "todo", a.Todo)
	}
	o.log.Error("operator_page", args...)
	if err != nil {
		o.log.Warn("what was told is not remembered over a restart", "cause", a.Cause, "error", err)
	}
	o.post(r)
}

// post has the page of a record posted, and noted as posted, unless somebody else
// was first.
func (o *Operator) post(r record) {
	if o.out == nil {
		return
	}
	cause := r.Alarm.Cause
	o.out.add(&entry{
		Notice: o.signed(page(r)),
		due: func() bool {
			now, err := o.notes.read(cause)
			return err != nil || now == nil || now.State != posted || !now.is(r)
		},
		posted: func() {
			o.later(func() {
				now, err := o.notes.read(cause)
				if err == nil && now != nil && now.State == pending {
					if !now.is(r) {
						return // it became worse: another page is on its way
					}
					now.State = posted
					err = o.notes.write(*now)
				}
				if err == nil {
					err = o.notes.list(cause, false)
				}
				if err != nil {
					o.log.Warn("that a page was posted is not remembered: it may be posted again", "cause", cause, "error", err)
				}
			})
		},
	})
}

// untell tells that a cause is gone since at, if it was told.
func (o *Operator) untell(cause string, at time.Time) {
	r, err := o.notes.read(cause)
	if err == nil && r != nil {
		o.log.Info("operator_clear", "cause", cause)
		if o.out == nil || r.State == logged {
			err = o.notes.forget(cause)
		} else {
			r.State = clearing
			err = o.notes.write(*r)
			o.out.add(&entry{Notice: o.signed(over(*r, at)), posted: func() {
				o.later(func() {
					now, err := o.notes.read(cause)
					if err == nil && now != nil && now.State == clearing && now.is(*r) {
						err = o.notes.forget(cause)
					}
					if err != nil {
						o.log.Warn("that a cause is gone is not remembered", "cause", cause, "error", err)
					}
				})
			}})
		}
	}
	if err != nil {
		o.log.Warn("that a cause is gone is not remembered", "cause", cause, "error", err)
	}
}

// restore posts what an earlier process could not.
func (o *Operator) restore() {
	causes, err := o.notes.listed()
	if err != nil {
		o.log.Warn("what may be left to post to the operator cannot be read", "error", err)
	}
	for _, path := range causes {
		r, err := o.notes.read(path)
		switch {
		case err != nil:
			o.log.Warn("what may be left to post to the operator cannot be read", "cause", path, "error", err)
		case r != nil && r.State == pending:
			o.mu.Lock()
			if o.causes[path] == nil {
				o.causes[path] = &cause{rank: r.Alarm.Rank}
			}
			o.mu.Unlock()
			o.post(*r)
		default: // posted, and the process died before it was taken off the list
			if err := o.notes.list(path, false); err != nil {
				o.log.Warn("what was posted to the operator is still listed", "cause", path, "error", err)
			}
		}
	}
}

// A notebook keeps records among the notes, and the list of those that are pending.
// Processes that share notes may take each other's entries off the list when they
// write at the same time: the page is then lost only if its process dies as well.
type notebook struct{ open func() (store.Notes, error) }

const (
	prefix = "operator/"
	// list is no cause: none begins with a slash.
	list = prefix + "/pending"
	// remembered is how long a cause that never clears counts as told.
	remembered = 30 * 24 * time.Hour
	noteTime   = 5 * time.Second
)

func (n notebook) get(name string) ([]byte, error) {
	notes, err := n.open()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteTime)
	defer cancel()
	values, err := notes.Notes(ctx, []string{name})
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

func (n notebook) put(name string, value []byte) error {
	notes, err := n.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteTime)
	defer cancel()
	return notes.Note(ctx, name, value, remembered)
}

// read returns what is known of a cause; nil for nothing. A note that is no record is
// the text of one that was only logged.
func (n notebook) read(cause string) (*record, error) {
	text, err := n.get(prefix + cause)
	if err != nil || text == nil {
		return nil, err
	}
	var r record
	if json.Unmarshal(text, &r) != nil || r.State == "" {
		r = record{State: logged, Alarm: Alarm{Cause: cause, Text: string(text)}}
	}
	return &r, nil
}

func (n notebook) write(r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return n.put(prefix+r.Alarm.Cause, text)
}

func (n notebook) forget(cause string) error { return n.put(prefix+cause, nil) }

// listed returns the causes that are pending.
func (n notebook) listed() (causes []string, err error) {
	text, err := n.get(list)
	if err != nil || text == nil {
		return nil, err
	}
	if json.Unmarshal(text, &causes) != nil {
		return nil, nil // nobody's
	}
	return causes, nil
}

// list puts a cause on the list, or takes it off.
func (n notebook) list(cause string, on bool) error {
	causes, err := n.listed()
	if err != nil {
		return err
	}
	at := slices.Index(causes, cause)
	switch {
	case on == (at >= 0):
		return nil
	case on:
		causes = append(causes, cause)
	default:
		causes = slices.Delete(causes, at, at+1)
	}
	if len(causes) == 0 {
		return n.put(list, nil)
	}
	text, err := json.Marshal(causes)
	if err != nil {
		return err
	}
	return n.put(list, text)
}

func noticeID(kind Kind, cause string, at time.Time) string {
	return string(kind) + "/" + cause + "/" + strconv.FormatInt(at.UnixNano(), 36)
}
