package main

import (
	"fmt"
	"time"

	"catalyst/flows"
)

// A sourceState is how a source fares, as /sources tells it.
type sourceState struct {
	Answered  *time.Time `json:"answered,omitempty"` // when it was last answered
	Newest    *time.Time `json:"newest,omitempty"`   // when the newest entry was published
	Silent    *time.Time `json:"silent_since,omitempty"`
	Empty     string     `json:"empty,omitempty"` // the part that has no entries, where others have
	Entries   int        `json:"entries"`
	Unchanged float64    `json:"unchanged_ratio"` // share of answers that nothing has changed
	Fault     string     `json:"fault,omitempty"`
}

func stateOf(h flows.Health, redact func(string) string) sourceState {
	s := sourceState{Answered: known(h.Answered), Newest: known(h.Newest), Silent: known(h.Silent()), Empty: h.EmptyPart, Entries: h.Entries, Unchanged: h.Unsaid()}
	if h.Fault != nil {
		s.Fault = redact(h.Fault.Error())
	}
	return s
}

func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

func (s sourceState) String() string {
	text := fmt.Sprintf("%d entries, %.0f %% of answers unchanged", s.Entries, 100*s.Unchanged)
	if s.Answered != nil {
		text += ", answered " + since(*s.Answered) + " ago"
	}
	if s.Newest != nil {
		text += ", the newest " + since(*s.Newest) + " old"
	}
	if s.Silent != nil {
		text += ", silent for " + since(*s.Silent)
	}
	if s.Empty != "" {
		text += " (" + s.Empty + ")"
	}
	return text
}
