package discordtest

import (
	"fmt"
	"slices"
	"strings"
)

// AcceptOnly makes token the only one that is accepted, as when it was reset after
// a leak: who has another one gets 401. Empty accepts any.
func (s *Server) AcceptOnly(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// Refuse has all requests to a channel answered with one of Discord's errors:
// 10003 after it was deleted, 50001 or 50013 without permissions. Code 0 ends it.
func (s *Server) Refuse(channel string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[channel] = code
}

// admit checks who asks and for what.
func (s *Server) admit(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasPrefix(c.Header.Get("User-Agent"), "DiscordBot (") && !c.route.webhook {
		return refuse(40333)
	}
	for _, name := range []string{"channel", "message", "webhook"} {
		if id := c.PathValue(name); id != "" && !isSnowflake(id) {
			return formError(name+"_id", "NUMBER_TYPE_COERCE", fmt.Sprintf("Value %q is not snowflake.", id))
		}
	}
	if c.route.webhook {
		return s.admitWebhook(c)
	}
	token, isBot := strings.CutPrefix(c.Header.Get("Authorization"), "Bot ")
	if !isBot || token == "" || s.token != "" && token != s.token {
		return unauthorized()
	}
	if channel := c.PathValue("channel"); channel != "" && !s.exists(channel) {
		return refuse(10003)
	}
	return answer{}
}

func (s *Server) exists(channel string) bool {
	return len(s.config.Channels) == 0 || slices.Contains(s.config.Channels, channel) || s.threads.byID[channel] != nil
}

// closed checks whether the channel of c is open to it.
func (s *Server) closed(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	channel := s.place(c)
	if code := s.refused[channel]; code != 0 {
		return refuse(code)
	}
	if c.route.name == "create" || c.route.name == "execute" {
		return s.postIn(channel)
	}
	return answer{}
}
