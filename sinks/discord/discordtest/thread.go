package discordtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Thread is a thread that was started from a message, and has its id.
type Thread struct {
	ID, Channel, Name string
	Archived, Locked  bool
}

type threads struct {
	byID   map[string]*Thread
	order  []*Thread
	active map[string]int // by channel
}

func newThreads() threads {
	return threads{byID: make(map[string]*Thread), active: make(map[string]int)}
}

func (t *threads) archived(id string) bool { return t.byID[id] != nil && t.byID[id].Archived }

func (t *threads) archive(id string, archived bool) {
	thread := t.byID[id]
	if thread == nil || thread.Archived == archived {
		return
	}
	thread.Archived = archived
	if archived {
		t.active[thread.Channel]--
	} else {
		t.active[thread.Channel]++
	}
}

func (t *threads) start(m *Message, name string) *Thread {
	m.Thread = true
	thread := &Thread{ID: m.ID, Channel: m.Channel, Name: name}
	t.byID[thread.ID] = thread
	t.order = append(t.order, thread)
	t.active[thread.Channel]++
	return thread
}

// StartThread starts a thread from a message, as a person would.
func (s *Server) StartThread(message, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.threads.start(s.messages[message], name)
}

// Threads returns all threads in the order of their creation.
func (s *Server) Threads() []Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Thread, 0, len(s.threads.order))
	for _, t := range s.threads.order {
		all = append(all, *t)
	}
	return all
}

// Archive archives a thread, as Discord does after a while without messages, and
// locks it if a moderator did so: then only moderators open it again.
func (s *Server) Archive(thread string, locked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.threads.archive(thread, true)
	if t := s.threads.byID[thread]; t != nil {
		t.Locked = locked
	}
}

type threadBody struct {
	Name                string `json:"name"`
	AutoArchiveDuration int    `json:"auto_archive_duration"`
	RateLimitPerUser    int    `json:"rate_limit_per_user"`
}

func (b threadBody) check(f *form) {
	f.between("name", size(b.Name), 1, 100)
	if !slices.Contains([]int{0, 60, 1440, 4320, 10080}, b.AutoArchiveDuration) {
		f.oneOf("auto_archive_duration", "60", "1440", "4320", "10080")
	}
	if b.RateLimitPerUser < 0 || b.RateLimitPerUser > 21600 {
		f.add("rate_limit_per_user", "NUMBER_TYPE_MAX", "int value should be less than or equal to 21600.")
	}
}

func (s *Server) startThread(c *call) answer {
	var in threadBody
	if refused := c.read(&in); refused.status != 0 {
		return refused
	}
	var f form
	if in.check(&f); f.bad() {
		return f.answer()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	channel := c.PathValue("channel")
	m := s.messages[c.PathValue("message")]
	switch {
	case s.threads.byID[channel] != nil:
		return refuse(50024)
	case m == nil || m.Deleted || m.Channel != channel:
		return refuse(10008)
	case m.Thread:
		return refuse(160004)
	case s.threads.active[channel] >= s.config.ActiveThreads:
		return refuse(160006)
	}
	t := s.threads.start(m, strings.TrimSpace(in.Name))
	return answer{status: http.StatusCreated, body: map[string]any{
		"id": t.ID, "type": 11, "parent_id": channel, "name": t.Name,
		"thread_metadata": map[string]any{"archived": false, "locked": false, "archive_timestamp": time.Now().UTC().Format(time.RFC3339Nano), "auto_archive_duration": max(in.AutoArchiveDuration, 1440)},
	}}
}

// postIn prepares a thread for a new message: it opens an archived one.
func (s *Server) postIn(channel string) answer {
	t := s.threads.byID[channel]
	if t == nil {
		return answer{}
	}
	if t.Locked {
		return refuse(160005)
	}
	s.threads.archive(channel, false)
	return answer{}
}

func query(c *call, name string) bool {
	v, err := strconv.ParseBool(c.URL.Query().Get(name))
	return err == nil && v
}
