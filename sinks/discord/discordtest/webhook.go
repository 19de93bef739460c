package discordtest

import (
	"net/http"
	"time"
)

// A Webhook posts to a channel for whoever knows its token.
type Webhook struct{ ID, Token, Channel string }

// Path is where the webhook is called, as in the URL that people paste.
func (w Webhook) Path() string { return "/api/webhooks/" + w.ID + "/" + w.Token }

// DeleteWebhook removes a webhook, as an administrator would.
func (s *Server) DeleteWebhook(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.webhooks, id)
}

// place is the channel that c is about.
func (s *Server) place(c *call) string {
	if !c.route.webhook {
		return c.PathValue("channel")
	}
	if thread := c.URL.Query().Get("thread_id"); thread != "" {
		return thread
	}
	return s.webhooks[c.PathValue("webhook")].Channel
}

// admitWebhook checks the webhook that c calls.
func (s *Server) admitWebhook(c *call) answer {
	hook, known := s.webhooks[c.PathValue("webhook")]
	switch {
	case !known:
		return refuse(10015)
	case hook.Token != c.PathValue("token"):
		return refuse(50027)
	}
	thread := c.URL.Query().Get("thread_id")
	if t := s.threads.byID[thread]; thread != "" && (t == nil || t.Channel != hook.Channel) {
		return refuse(10003)
	}
	return answer{}
}

func (s *Server) execute(c *call) answer {
	in, refused := s.readMessage(c)
	if refused.status != 0 {
		return refused
	}
	if !query(c, "with_components") {
		in.Components = nil // ignored, says the documentation
	}
	v := in.over(Version{At: time.Now(), Pings: in.AllowedMentions.pings(true)})
	if refused := s.acceptable(v); refused.status != 0 {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.add(&Message{Channel: s.place(c), Author: c.author, Webhook: true, Versions: []Version{v}})
	s.blamePings(c, v)
	if !query(c, "wait") {
		return answer{status: http.StatusNoContent}
	}
	return ok(m.wire())
}

func (s *Server) getWebhook(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.webhooks[c.PathValue("webhook")]
	return ok(map[string]any{"id": w.ID, "type": 1, "channel_id": w.Channel, "name": "alerts", "token": w.Token})
}
