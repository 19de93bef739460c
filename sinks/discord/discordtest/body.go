package discordtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"regexp"
	"strconv"
	"strings"
)

// message is the body of a create, an edit or the execution of a webhook. What
// is nil was not sent: an edit leaves it as it is.
type message struct {
	Content         *string          `json:"content"`
	Embeds          *[]Embed         `json:"embeds"`
	Components      *[]Component     `json:"components"`
	AllowedMentions *allowedMentions `json:"allowed_mentions"`
	Flags           *int             `json:"flags"`
	createOnly
	webhookOnly
}

type createOnly struct {
	Nonce        *string    `json:"nonce"`
	EnforceNonce *bool      `json:"enforce_nonce"`
	Reference    *reference `json:"message_reference"`
}

type webhookOnly struct {
	Username  *string `json:"username"`
	AvatarURL *string `json:"avatar_url"`
}

type reference struct {
	Type            int    `json:"type"`
	MessageID       string `json:"message_id"`
	ChannelID       string `json:"channel_id"`
	GuildID         string `json:"guild_id"`
	FailIfNotExists *bool  `json:"fail_if_not_exists"`
}

// read decodes the body of c into v; the answer's status is 0 if it could.
func (c *call) read(v any) answer {
	if len(c.body) > maxBody {
		return refuse(40005)
	}
	media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return formError("_misc", "CONTENT_TYPE_INVALID", "Expected \"Content-Type\" header to be one of {'application/json'}.")
	}
	if !json.Valid(c.body) {
		return refuse(50109)
	}
	if at := nullAt(c.body); at != "" {
		return formError(at, "BASE_TYPE_REQUIRED", "null is no documented value here.")
	}
	decoder := json.NewDecoder(bytes.NewReader(c.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return formError("_misc", "DICT_TYPE_CONVERT", err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return refuse(50109)
	}
	return answer{}
}

// nullAt returns the path of the first null in a JSON text; empty without one.
func nullAt(body []byte) string {
	if !bytes.Contains(body, []byte("null")) {
		return ""
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	var walk func(path string, v any) string
	walk = func(path string, v any) string {
		switch v := v.(type) {
		case nil:
			return strings.TrimPrefix(path, ".")
		case map[string]any:
			for k, e := range v {
				if at := walk(path+"."+k, e); at != "" {
					return at
				}
			}
		case []any:
			for i, e := range v {
				if at := walk(path+"."+strconv.Itoa(i), e); at != "" {
					return at
				}
			}
		}
		return ""
	}
	return walk("", v)
}

// readMessage reads and checks what does not depend on what is there already.
func (s *Server) readMessage(c *call) (message, answer) {
	var m message
	if a := c.read(&m); a.status != 0 {
		return m, a
	}
	var f form
	m.checkPlace(&f, c)
	if m.AllowedMentions == nil && !s.config.AnyMentions {
		f.required("allowed_mentions")
	}
	m.AllowedMentions.check(&f, s.config.AnyMentions)
	if m.Content != nil {
		f.atMost("content", size(*m.Content), 2000)
	}
	if m.Embeds != nil {
		checkEmbeds(&f, *m.Embeds)
	}
	if m.Components != nil {
		checkComponents(&f, *m.Components)
	}
	if m.Nonce != nil {
		f.atMost("nonce", size(*m.Nonce), 25)
	}
	if m.Flags != nil && *m.Flags&^(suppressEmbeds|suppressNotifications) != 0 {
		f.add("flags", "BASE_TYPE_CHOICES", "Only SUPPRESS_EMBEDS and SUPPRESS_NOTIFICATIONS are modelled.")
	}
	if f.bad() {
		return m, f.answer()
	}
	return m, answer{}
}

const (
	suppressEmbeds        = 1 << 2
	suppressNotifications = 1 << 12
)

// checkPlace refuses fields that belong to another route.
func (m *message) checkPlace(f *form, c *call) {
	const unknown = "This field is not documented here."
	if c.route.name != "create" && m.createOnly != (createOnly{}) {
		f.add("nonce", "DICT_TYPE_CONVERT", "nonce, enforce_nonce, message_reference: "+unknown)
	}
	if c.route.name != "execute" && m.webhookOnly != (webhookOnly{}) {
		f.add("username", "DICT_TYPE_CONVERT", "username, avatar_url: "+unknown)
	}
	if m.Username != nil {
		f.between("username", size(*m.Username), 1, 80)
		if name := strings.ToLower(*m.Username); strings.Contains(name, "clyde") || strings.Contains(name, "discord") {
			f.add("username", "USERNAME_INVALID_CONTAINS", "Username cannot contain \"clyde\" or \"discord\"")
		}
	}
	if m.AvatarURL != nil {
		checkURL(f, "avatar_url", *m.AvatarURL)
	}
}

// over returns the version that v becomes with m.
func (m *message) over(v Version) Version {
	if m.Content != nil {
		v.Content = *m.Content
	}
	if m.Embeds != nil {
		v.Embeds = *m.Embeds
	}
	if m.Components != nil {
		v.Components = *m.Components
	}
	if m.Flags != nil {
		v.Flags = *m.Flags
	}
	return v
}

// acceptable checks what a message would show.
func (s *Server) acceptable(v Version) answer {
	empty := strings.TrimSpace(v.Content) == "" && len(v.Components) == 0
	for _, e := range v.Embeds {
		empty = empty && e.empty()
	}
	if empty {
		return refuse(50006)
	}
	switch {
	case v.matches(s.config.Automod):
		return refuse(200000)
	case v.matches(s.config.Harmful):
		return refuse(240000)
	}
	return answer{}
}

func (v Version) matches(pattern *regexp.Regexp) bool {
	if pattern == nil {
		return false
	}
	text, _ := json.Marshal(v.Embeds)
	return pattern.MatchString(v.Content) || pattern.Match(text)
}
