package discord

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/internal/store"
)

// A change is what an alert is to show from now on. Only the latest counts.
type change struct {
	key   string
	id    string // of the message
	state alert.State
	card  alert.Card              // to be rendered for the room there is in the message, or
	embed *discordgo.MessageEmbed // as it is
	mark  string
	since time.Time
	ended func(error) // not nil where somebody waits: called once, with nil when it is shown or was given up
}

func (c *change) end(err error) {
	if c.ended != nil {
		c.ended(err)
		c.ended = nil
	}
}

// follow lets whoever waits for other wait for c.
func (c *change) follow(other *change) {
	first, second := c.ended, other.ended
	other.ended = nil
	switch {
	case first == nil:
		c.ended = second
	case second != nil:
		c.ended = func(err error) { first(err); second(err) }
	}
}

// A sheet is one edit of a message: the latest changes of all its alerts.
type sheet struct {
	id      string
	changes map[string]*change // by key
	aside   []*change          // of a refused edit: to be shown after this one
	tries   int
	rounds  int // edits that others' changes came in between
}

// desk holds the edits that wait in a room. It is the work of a lane.
type desk struct {
	room *room

	mu    sync.Mutex
	queue []*sheet          // the longest waiting first
	open  map[string]*sheet // the same, by message
	busy  map[string]bool   // messages whose edit is under way: the next has to wait
}

// add has c shown, as soon as the lane is kicked. If the alert has another change
// waiting, the one that says more remains.
func (d *desk) add(c *change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.open[c.id]
	if s == nil {
		s = &sheet{id: c.id, changes: make(map[string]*change)}
		d.open[c.id] = s
		d.queue = append(d.queue, s)
	}
	s.add(c)
}

func (s *sheet) add(c *change) {
	switch old := s.changes[c.key]; {
	case old == nil:
		s.changes[c.key] = c
	case c.state.Replaces(old.state):
		c.follow(old)
		s.changes[c.key] = c
	default:
		old.follow(c)
	}
}

// again puts a sheet back whose edit is to be repeated; what came since is newer.
func (d *desk) again(s *sheet) {
	d.mu.Lock()
	if newer := d.open[s.id]; newer != nil {
		for _, c := range newer.changes {
			s.add(c)
		}
		d.queue = slices.DeleteFunc(d.queue, func(q *sheet) bool { return q == newer })
	}
	d.open[s.id] = s
	d.queue = append([]*sheet{s}, d.queue...)
	delete(d.busy, s.id)
	d.mu.Unlock()
	d.room.edits.kick()
}

func (d *desk) has(key, id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.open[id]
	return d.busy[id] || s != nil && s.changes[key] != nil
}

func (d *desk) waiting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.queue, func(s *sheet) bool { return !d.busy[s.id] })
}

func (d *desk) depart() {}

func (d *desk) send(p permit) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.queue, func(s *sheet) bool { return !d.busy[s.id] })
	if i < 0 {
		return false
	}
	s := d.queue[i]
	d.queue = slices.Delete(d.queue, i, i+1)
	delete(d.open, s.id)
	d.busy[s.id] = true
	for _, c := range s.changes {
		if !c.since.IsZero() && s.tries == 0 {
			waited.WithLabelValues(routeEdit).Observe(time.Since(c.since).Seconds())
		}
	}
	go d.room.edit(p, s)
	return true
}

// cannot implements [work]. Whoever waits looks after its time itself: the change
// stays, as it is still right.
func (d *desk) cannot(until time.Time, err error) {
	if until != forever {
		return
	}
	d.mu.Lock()
	queue := d.queue
	d.queue = nil
	clear(d.open)
	d.mu.Unlock()
	err = d.room.notSent("edit message", err)
	for _, s := range queue {
		s.end(err)
		for _, c := range s.aside {
			c.end(err)
		}
	}
}

func (s *sheet) end(err error) {
	for _, c := range s.changes {
		c.end(err)
	}
}

// edit brings a message to what its sheet says, or gives it up. Other processes may
// edit the same message for other alerts in it. So that the last edit has everything:
// each records what it wants to be shown, then reads what all want, edits, and
// reads again; it edits again if that has changed meanwhile.
func (r *room) edit(p permit, s *sheet) {
	used, repeat := false, false
	var err error
	defer func() {
		if v := recover(); v != nil {
			err, repeat = fmt.Errorf("edit alert: panic: %v", v), false
		}
		if !used {
			r.sink.bot.giveBack(r.edits, p)
		}
		if repeat {
			r.changes.again(s)
			return
		}
		s.end(err)
		r.changes.done(s)
	}()
	ctx := r.sink.ctx
	records, err := r.due(ctx, s)
	if err != nil || len(s.changes) == 0 {
		return
	}
	before := maps.Clone(records)
	shown, err := r.compose(ctx, s, records)
	if err != nil {
		return
	}
	used = true
	s.tries++
	a := r.try(r.edits, p, s.tries, http.MethodPatch, r.place.edit(s.id), editBody{Embeds: shown, AllowedMentions: nobody})
	if repeat, err = a.retry, a.err; repeat || err != nil {
		if flows.IsPermanent(err) {
			r.withdraw(ctx, s, before)
			repeat = s.refused(before, a.reply, err)
		}
		return
	}
	if a.decide() == giveUp {
		err = r.giveUp(ctx, s, records, "refused")
		return
	}
	if len(shown) > 1 {
		now, e := r.others(ctx, s, records)
		if e == nil && !equal(now, shown) && s.rounds < maxRounds {
			s.rounds, s.tries, repeat = s.rounds+1, 0, true
			return
		}
	}
	var effects []store.Effect
	for key, c := range s.changes {
		rec := records[key]
		rec.Mark = c.mark
		effects = append(effects, rec.effect(key, s.id))
	}
	edited.WithLabelValues().Inc()
	r.sink.log.Debug("alert_edited", "message", s.id, "alerts", len(effects))
	err = r.sink.guard.Record(ctx, effects...)
}

// withdraw takes back what others were told that this sheet wants: Discord will not have
// it, and would refuse their edits for it.
func (r *room) withdraw(ctx context.Context, s *sheet, before map[string]record) {
	var effects []store.Effect
	for key, rec := range before {
		if rec.Size > 1 {
			effects = append(effects, rec.effect(key, s.id))
		}
	}
	if len(effects) > 0 {
		r.sink.guard.Record(ctx, effects...) // what is not stored now is stored later
	}
}

// maxRounds bounds the edits of a message that others keep changing: each of them
// edits after its own change too.
const maxRounds = 5

func (d *desk) done(s *sheet) {
	for _, c := range s.aside {
		d.add(c)
	}
	d.mu.Lock()
	delete(d.busy, s.id)
	d.mu.Unlock()
	d.room.edits.kick()
}

// due leaves those changes in s that are still to be made, and returns what the ledger
// has about them.
func (r *room) due(ctx context.Context, s *sheet) (map[string]record, error) {
	var keys []string
	for key := range s.changes {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	effects, err := r.sink.guard.Effects(ctx, keys...)
	if err != nil {
		return nil, err
	}
	records := make(map[string]record)
	for i, key := range keys {
		c, rec := s.changes[key], read(effects[i])
		c.render(rec)
		if s.rounds == 0 && rec.shows(c.state, c.mark) || effects[i].ID != s.id {
			c.end(nil)
			delete(s.changes, key)
			continue
		}
		records[key] = rec
	}
	for _, rec := range records {
		if rec.age(s.id) > r.sink.config.EditLimit { // and so are the others
			return nil, r.giveUp(ctx, s, records, "old")
		}
	}
	return records, nil
}

// shows reports whether a change to state would change nothing, or not for the better.
func (r record) shows(state alert.State, mark string) bool {
	shown := r.shown()
	return r.Mark == mark || shown == stateGone || shown == stateSuppressed || !state.Replaces(shown)
}

// render gives the change the form it has in its message: with several, each has its
// share of the room and a link of its own.
func (c *change) render(rec record) {
	if c.embed == nil {
		c.embed = render(c.card, maxEmbeds/max(rec.Size, 1))
		if rec.Size > 1 {
			if e := rec.Embed.embed(); e != nil {
				c.embed.URL = e.URL
			}
		}
	}
	c.mark = mark(c.state, c.embed)
}

// compose returns everything the message is to show, after it has told others what
// this sheet wants.
func (r *room) compose(ctx context.Context, s *sheet, records map[string]record) ([]*discordgo.MessageEmbed, error) {
	var wanted []store.Effect
	for key, c := range s.changes {
		rec := records[key]
		if rec.Size < 2 {
			return []*discordgo.MessageEmbed{c.embed}, nil
		}
		rec.Embed = keep(c.embed)
		records[key] = rec
		wanted = append(wanted, rec.effect(key, s.id))
	}
	if err := r.sink.guard.Record(ctx, wanted...); err != nil {
		return nil, err
	}
	return r.others(ctx, s, records)
}

// others returns the embeds that all alerts of a message are to have, by the ledger.
func (r *room) others(ctx context.Context, s *sheet, records map[string]record) ([]*discordgo.MessageEmbed, error) {
	var group string
	for _, rec := range records {
		group = rec.Group
	}
	members, err := r.sink.members(ctx, group)
	if err != nil {
		return nil, err
	}
	if members == nil {
		return nil, fmt.Errorf("the ledger does not know any more what message %s holds", s.id)
	}
	var keys []string
	for _, m := range members {
		keys = append(keys, m.Key)
	}
	effects, err := r.sink.guard.Effects(ctx, keys...)
	if err != nil {
		return nil, err
	}
	var all []*discordgo.MessageEmbed
	for i, m := range members {
		e := m.Embed
		if own := read(effects[i]).Embed.embed(); own != nil && effects[i].ID == s.id {
			e = own
		}
		if c := s.changes[m.Key]; c != nil {
			e = c.embed
		}
		all = append(all, e)
	}
	return all, nil
}

func equal(a, b []*discordgo.MessageEmbed) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// giveUp notes that a message cannot be edited any more: somebody deleted it, or it is
// too old. That is an answer, and no reason to post again.
func (r *room) giveUp(ctx context.Context, s *sheet, records map[string]record, why string) error {
	var effects []store.Effect
	for key := range s.changes {
		rec := records[key]
		rec.Mark = bareMark(stateGone)
		effects = append(effects, rec.effect(key, s.id))
	}
	givenUp.WithLabelValues(why).Add(float64(len(effects)))
	r.sink.log.Debug("alert_gone", "message", s.id, "why", why)
	err := r.sink.guard.Record(ctx, effects...)
	s.end(err)
	clear(s.changes)
	return err
}
