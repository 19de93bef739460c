package memory

import (
	"container/list"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
)

// A topic keeps entries in the order of their positions.
type topic struct {
	entries []*entry
	last    uint64 // position given
	groups  map[string]*group
}

type entry struct {
	position uint64
	at       time.Time
	message  *message.Message
	open     int // groups that have not acknowledged it
}

// A group has a delivery of each entry that it has not acknowledged.
type group struct {
	topic   *topic
	owed    *list.List    // of *delivery, as published
	ready   []*delivery   // to be handed out, in this order
	waiting int           // of owed: never handed out
	more    chan struct{} // closed when something is ready
}

type delivery struct {
	*entry
	group   *group
	element *list.Element // in owed; nil once acknowledged
	count   int           // how often it was handed out
}

// topic returns a topic by name. s.mu is held.
func (s *Server) topic(name string) *topic {
	t := s.topics[name]
	if t == nil {
		t = &topic{groups: make(map[string]*group)}
		s.topics[name] = t
	}
	return t
}

// join returns a group of a topic, made with all that the topic holds if it is new.
func (s *Server) join(name, member string) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topic(name)
	g := t.groups[member]
	if g == nil {
		g = &group{topic: t, owed: list.New(), more: make(chan struct{})}
		t.groups[member] = g
		for _, e := range t.entries {
			s.owe(g, e)
		}
	}
	return g
}

// owe makes a delivery of e for g. s.mu is held.
func (s *Server) owe(g *group, e *entry) {
	d := &delivery{entry: e, group: g}
	d.element = g.owed.PushBack(d)
	g.waiting++
	e.open++
	s.owed++
	s.epoch++
	g.ready = append(g.ready, d)
	g.wake()
}

// wake tells members that something is ready. The server's lock is held.
func (g *group) wake() {
	close(g.more)
	g.more = make(chan struct{})
}

func (s *Server) publish(name string, messages []*message.Message) {
	at := s.now()
	s.mu.Lock()
	t := s.topic(name)
	for _, m := range messages {
		t.last++
		e := &entry{position: t.last, at: at, message: m.Copy()}
		t.entries = append(t.entries, e)
		for _, g := range t.groups {
			s.owe(g, e)
		}
	}
	s.mu.Unlock()
	s.changed()
}

// take hands out the next delivery of g; nil, and a channel that is closed when there
// may be one, if nothing is ready.
func (s *Server) take(g *group) (*delivery, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(g.ready) == 0 {
		return nil, g.more
	}
	d := g.ready[0]
	g.ready[0] = nil
	g.ready = g.ready[1:]
	if d.count == 0 {
		g.waiting--
	}
	d.count++
	return d, nil
}

// anyReady returns nil if something is ready, else a channel as take does.
func (s *Server) anyReady(g *group) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(g.ready) > 0 {
		return nil
	}
	return g.more
}

// settle acknowledges d for its group. A second call does nothing.
func (s *Server) settle(d *delivery) {
	s.mu.Lock()
	if d.element != nil {
		s.forget(d)
		d.group.topic.trim()
	}
	s.mu.Unlock()
	s.changed()
}

// forget takes d off what its group is owed. s.mu is held.
func (s *Server) forget(d *delivery) {
	d.group.owed.Remove(d.element)
	d.element = nil
	if d.count == 0 {
		d.group.waiting--
	}
	d.open--
	s.owed--
	s.epoch++
}

// trim removes what every group has acknowledged from the front. A topic without
// groups keeps everything.
func (t *topic) trim() {
	n := 0
	for n < len(t.entries) && t.entries[n].open == 0 {
		t.entries[n] = nil
		n++
	}
	t.entries = t.entries[n:]
}

// again makes d ready, behind the others: it failed, and they did not.
func (s *Server) again(d *delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.element != nil {
		d.group.ready = append(d.group.ready, d)
		d.group.wake()
	}
}

// giveBack makes deliveries of g ready, before the others and in their order, as if
// they had not been handed out.
func (s *Server) giveBack(g *group, ds ...*delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ds = slices.DeleteFunc(ds, func(d *delivery) bool { return d.element == nil })
	slices.SortFunc(ds, func(a, b *delivery) int { return int(a.position) - int(b.position) })
	for _, d := range ds {
		if d.count--; d.count == 0 {
			g.waiting++
		}
	}
	if len(ds) > 0 {
		g.ready = append(slices.Clone(ds), g.ready...)
		g.wake()
	}
}

func (s *Server) lag(name, member string) broker.Lag {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[name]
	if t == nil || len(t.entries) == 0 {
		return broker.Lag{}
	}
	g := t.groups[member]
	if g == nil {
		return broker.Lag{Waiting: int64(len(t.entries)), Oldest: t.entries[0].at}
	}
	if g.owed.Len() == 0 {
		return broker.Lag{}
	}
	return broker.Lag{
		Waiting: int64(g.waiting), Pending: int64(g.owed.Len() - g.waiting),
		Oldest: g.owed.Front().Value.(*delivery).at,
	}
}

func (s *Server) length(name string) (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.topics[name]; t != nil {
		n = int64(len(t.entries))
	}
	return n
}

// after returns the index of the first entry behind a position.
func (t *topic) after(position uint64) int {
	i, found := slices.BinarySearchFunc(t.entries, position, func(e *entry, p uint64) int {
		return int(e.position) - int(p)
	})
	if found {
		i++
	}
	return i
}

func (s *Server) browse(name, after string, limit int) ([]broker.Stored, error) {
	var position uint64
	if after != "" {
		var err error
		if position, err = strconv.ParseUint(after, 10, 63); err != nil {
			return nil, fmt.Errorf("browse %s: %q is no position", name, after)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[name]
	if t == nil {
		return nil, nil
	}
	var found []broker.Stored
	for _, e := range t.entries[t.after(position):] {
		if len(found) >= limit {
			break
		}
		found = append(found, broker.Stored{Position: strconv.FormatUint(e.position, 10), At: e.at, Message: e.message.Copy()})
	}
	return found, nil
}

func (s *Server) delete(name string, positions []string) (removed int, _ error) {
	s.mu.Lock()
	defer s.changed()
	defer s.mu.Unlock()
	t := s.topics[name]
	if t == nil {
		return 0, nil
	}
	for _, text := range positions {
		position, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return removed, fmt.Errorf("delete from %s: %q is no position", name, text)
		}
		i, found := slices.BinarySearchFunc(t.entries, position, func(e *entry, p uint64) int { return int(e.position) - int(p) })
		if !found {
			continue
		}
		t.entries = slices.Delete(t.entries, i, i+1)
		for _, g := range t.groups {
			s.unowe(g, position)
		}
		removed++
	}
	return removed, nil
}

// unowe takes the delivery of a deleted entry from a group, in hand or not. s.mu is held.
func (s *Server) unowe(g *group, position uint64) {
	for e := g.owed.Front(); e != nil; e = e.Next() {
		if d := e.Value.(*delivery); d.position == position {
			s.forget(d)
			g.ready = slices.DeleteFunc(g.ready, func(o *delivery) bool { return o == d })
			return
		}
	}
}
