package discordtest

import (
	"net/http"
	"slices"
	"time"
)

// A Message is a message with everything it has shown.
type Message struct {
	ID       string
	Channel  string
	Author   string // id of the bot, the webhook or of somebody else
	Webhook  bool   // posted by one
	Nonce    string
	ReplyTo  string // id of the message it refers to
	Thread   bool   // a thread was started from it, with its id
	Deleted  bool
	Versions []Version // the first as it was created, then one for each edit
}

// Last returns what the message shows now.
func (m Message) Last() Version { return m.Versions[len(m.Versions)-1] }

// A Version is what a message showed from a time on.
type Version struct {
	At         time.Time
	Content    string
	Embeds     []Embed
	Components []Component
	Flags      int
	Pings      []string // kinds of mention that were allowed: empty is harmless
}

// Shown returns the embeds that people see: of several with one URL only the first.
func (v Version) Shown() []Embed {
	if v.Flags&suppressEmbeds != 0 {
		return nil
	}
	seen := make(map[string]bool)
	var shown []Embed
	for _, e := range v.Embeds {
		if e.URL == "" || !seen[e.URL] {
			shown = append(shown, e)
		}
		seen[e.URL] = true
	}
	return shown
}

// somebodyElse is the author of messages that are not the bot's.
const somebodyElse = "80351110224678912"

// Post adds a message of somebody else, and returns its id.
func (s *Server) Post(channel, content string) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(&Message{Channel: channel, Author: somebodyElse, Versions: []Version{{At: time.Now(), Content: content}}}).ID
}

// Delete removes a message, as a moderator would.
func (s *Server) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.messages[id]; m != nil {
		m.Deleted = true
	}
}

// Messages returns every message, deleted ones too, in the order of their creation.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Message, 0, len(s.order))
	for _, id := range s.order {
		m := *s.messages[id]
		m.Versions = slices.Clone(m.Versions)
		all = append(all, m)
	}
	return all
}

func (s *Server) add(m *Message) *Message {
	m.ID = s.snowflakes.next(m.Versions[0].At)
	s.messages[m.ID] = m
	s.order = append(s.order, m.ID)
	return m
}

type nonced struct {
	id string
	at time.Time
}

func (s *Server) create(c *call) answer {
	in, refused := s.readMessage(c)
	if refused.status != 0 {
		return refused
	}
	now := time.Now()
	v := in.over(Version{At: now, Pings: in.AllowedMentions.pings(false)})
	if refused := s.acceptable(v); refused.status != 0 {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	channel := c.PathValue("channel")
	reply, refused := s.reply(channel, in.Reference)
	if refused.status != 0 {
		return refused
	}
	m := &Message{Channel: channel, Author: c.author, ReplyTo: reply, Versions: []Version{v}}
	if in.Nonce == nil || *in.Nonce == "" {
		s.add(m)
	} else if first := s.once(m, *in.Nonce, in.EnforceNonce != nil && *in.EnforceNonce, now); first != nil {
		return ok(first.wire())
	}
	s.blamePings(c, v)
	return ok(m.wire())
}

// once adds m, or returns the message that its author created with the nonce a
// little earlier.
func (s *Server) once(m *Message, nonce string, enforce bool, now time.Time) *Message {
	key := m.Author + " " + nonce
	if first, found := s.nonces[key]; enforce && found && now.Sub(first.at) < s.config.NonceWindow {
		return s.messages[first.id]
	}
	m.Nonce = nonce
	s.nonces[key] = nonced{s.add(m).ID, now}
	return nil
}

// reply finds the message that a new one refers to.
func (s *Server) reply(channel string, r *reference) (id string, refused answer) {
	if r == nil {
		return "", answer{}
	}
	if r.Type != 0 {
		return "", formError("message_reference.type", "BASE_TYPE_CHOICES", "Forwards are not modelled.")
	}
	m := s.messages[r.MessageID]
	switch {
	case m != nil && !m.Deleted && m.Channel == channel:
		return m.ID, answer{}
	case m != nil && !m.Deleted:
		return "", formError("message_reference", "REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL", "Cannot reply to a message in a different channel")
	case r.FailIfNotExists != nil && !*r.FailIfNotExists:
		return "", answer{}
	}
	return "", formError("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
}

func (s *Server) edit(c *call) answer {
	s.mu.Lock()
	m, refused := s.own(c)
	s.mu.Unlock()
	if refused.status != 0 {
		return refused
	}
	in, refused := s.readMessage(c)
	if refused.status != 0 {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	v := in.over(m.Last())
	v.At, v.Pings = now, in.AllowedMentions.pings(c.route.webhook)
	if refused := s.acceptable(v); refused.status != 0 {
		return refused
	}
	if refused := s.tooOften(m, now); refused.status != 0 {
		return refused
	}
	m.Versions = append(m.Versions, v)
	s.blamePings(c, v)
	return ok(m.wire())
}

// own returns the message that c names if its author may change it.
func (s *Server) own(c *call) (*Message, answer) {
	m := s.messages[c.PathValue("message")]
	switch {
	case m == nil || m.Deleted || m.Channel != s.place(c):
		return nil, refuse(10008)
	case m.Author != c.author && c.route.webhook:
		return nil, refuse(10008)
	case m.Author != c.author:
		return nil, refuse(50005)
	case s.threads.archived(m.Channel):
		return nil, refuse(50083)
	}
	return m, answer{}
}

func (s *Server) remove(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, refused := s.own(c)
	if refused.code == 50005 {
		return refuse(50013) // needs Manage Messages
	}
	if refused.status != 0 {
		return refused
	}
	m.Deleted = true
	return answer{status: http.StatusNoContent}
}

func (s *Server) read(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages[c.PathValue("message")]
	if m == nil || m.Deleted || m.Channel != c.PathValue("channel") {
		return refuse(10008)
	}
	return ok(m.wire())
}

func (s *Server) get(c *call) answer {
	return ok(s.channel(c.PathValue("channel")))
}

func (s *Server) me(c *call) answer {
	return ok(map[string]any{"id": c.author, "username": "catalyst", "bot": true, "public_flags": "0"})
}

// wire is the message as Discord returns it, as far as anybody may rely on it.
func (m *Message) wire() map[string]any {
	v := m.Last()
	out := map[string]any{
		"id":               m.ID,
		"type":             0,
		"channel_id":       m.Channel,
		"content":          v.Content,
		"embeds":           append([]Embed{}, v.Embeds...),
		"components":       append([]Component{}, v.Components...),
		"flags":            v.Flags,
		"timestamp":        m.Versions[0].At.UTC().Format(time.RFC3339Nano),
		"edited_timestamp": nil,
		"author":           map[string]any{"id": m.Author, "username": "catalyst", "bot": true, "public_flags": "0"},
	}
	if m.Webhook {
		out["webhook_id"] = m.Author
	}
	if m.ReplyTo != "" {
		out["type"] = 19
		out["message_reference"] = map[string]any{"channel_id": m.Channel, "message_id": m.ReplyTo}
	}
	if m.Nonce != "" {
		out["nonce"] = m.Nonce
	}
	if len(m.Versions) > 1 {
		out["edited_timestamp"] = v.At.UTC().Format(time.RFC3339Nano)
	}
	return out
}
