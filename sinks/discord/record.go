package discord

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"catalyst/internal/alert"
	"catalyst/internal/store"
)

// A record is what the ledger notes about an alert, beside the id of its message.
type record struct {
	// Mark is the [alert.Mark] of what the message shows; it may also be in one of the
	// states below.
	Mark string `json:"-"`
	// Channel is where it was posted, if that is not the sink's own place.
	Channel string `json:"channel,omitempty"`
	// Posted is when, in seconds since 1970.
	Posted int64 `json:"posted,omitempty"`
	// Group is the ledger's key of the plan of a message with several alerts, Place its
	// place among them and Size their number.
	Group string `json:"group,omitempty"`
	Place int    `json:"place,omitempty"`
	Size  int    `json:"size,omitempty"`
	// Embed is what is to be shown: for others that edit the same message, and for the
	// sweep.
	Embed *kept `json:"embed,omitempty"`
}

// A kept is an embed as the ledger has it. It is made into one only for those that ask for
// it: few do, and records are read for every alert, several times.
type kept struct{ text json.RawMessage }

func keep(e *discordgo.MessageEmbed) *kept {
	text, _ := json.Marshal(e) // text and numbers only
	return &kept{text}
}

// embed returns the embed; nil if there is none, or it is damaged.
func (k *kept) embed() *discordgo.MessageEmbed {
	var e *discordgo.MessageEmbed
	if k == nil || json.Unmarshal(k.text, &e) != nil {
		return nil
	}
	return e
}

func (k *kept) MarshalJSON() ([]byte, error) { return k.text, nil }

func (k *kept) UnmarshalJSON(text []byte) error {
	k.text = bytes.Clone(text)
	return nil
}

// States of a record that no card has.
const (
	statePlanned    alert.State = "planned"    // to be posted, as the plan says, or posted already
	stateSuppressed alert.State = "suppressed" // by the limit of its ticker: never posted
	stateGone       alert.State = "gone"       // the message can no longer be edited
)

func bareMark(s alert.State) string { return string(s) + ":" }

func (r record) state() alert.State { return alert.Marked(r.Mark) }

// shown is the state of the card that is shown; empty if there is none.
func (r record) shown() alert.State {
	if r.state() == statePlanned {
		return ""
	}
	return r.state()
}

// read returns the record of an effect. A damaged one is read as far as it can be.
func read(e store.Effect) (r record) {
	mark, details, found := strings.Cut(e.State, "\n")
	if found {
		json.Unmarshal([]byte(details), &r)
	}
	r.Mark = mark
	return r
}

// effect returns r for the ledger. What is still to change is pending there.
func (r record) effect(key, id string) store.Effect {
	if !r.keeps(id) {
		r.Embed = nil
	}
	e := store.Effect{Key: key, ID: id, State: r.Mark, Pending: r.pending(id)}
	mark := r.Mark
	r.Mark = ""
	if r != (record{}) {
		details, _ := json.Marshal(r) // text and numbers only
		e.State = mark + "\n" + string(details)
	}
	return e
}

// pending reports whether the alert that is shown in message id is still to change.
func (r record) pending(id string) bool {
	return id != "" && (r.state() == alert.StatePending || r.state() == alert.StateParked)
}

// keeps reports whether somebody may need the embed.
func (r record) keeps(id string) bool { return r.Size > 1 || r.pending(id) }

// age is how long ago a message was posted; what an earlier version noted no time of is
// known by its id, a snowflake.
func (r record) age(id string) time.Duration {
	if r.Posted != 0 {
		return time.Since(time.Unix(r.Posted, 0))
	}
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0
	}
	const epoch = 1420070400000 // 2015, in milliseconds
	return time.Since(time.UnixMilli(int64(n>>22) + epoch))
}
