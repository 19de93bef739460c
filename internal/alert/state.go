package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// A State is what a card says about the analysis of its item.
type State string

const (
	StatePending     State = "pending"
	StateBullish     State = "bullish"
	StateBearish     State = "bearish"
	StateNeutral     State = "neutral"
	StateUnavailable State = "unavailable"
	StateParked      State = "parked"
	StateFailed      State = "failed"
	StateTimeout     State = "timeout"
)

func (s State) verdict() bool {
	return s == StateBullish || s == StateBearish || s == StateNeutral
}

// Replaces reports whether a card in state s may take the place of one in state
// shown (empty: nothing is shown). A verdict is never taken back by a card
// that has none, whatever order messages come in, and pending only comes first.
func (s State) Replaces(shown State) bool {
	switch {
	case s == StatePending:
		return shown == ""
	case s.verdict():
		return true
	}
	return !shown.verdict()
}

// Mark notes what was shown, for a ledger: the state, and a hash of the content
// as it was rendered. Equal marks mean that showing it again changes nothing.
func Mark(s State, rendered []byte) string {
	sum := sha256.Sum256(rendered)
	return string(s) + ":" + hex.EncodeToString(sum[:8])
}

// Marked returns the state in a mark; empty for what is no mark.
func Marked(mark string) State {
	state, _, found := strings.Cut(mark, ":")
	if !found {
		return ""
	}
	return State(state)
}
