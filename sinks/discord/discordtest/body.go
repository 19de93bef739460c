package discordtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// An Embed as it was received.
type Embed struct {
	Type        string  `json:"type,omitempty"`
	Title       string  `json:"title,omitempty"`
	URL         string  `json:"url,omitempty"`
	Description string  `json:"description,omitempty"`
	Timestamp   string  `json:"timestamp,omitempty"`
	Color       int     `json:"color,omitempty"`
	Footer      *Footer `json:"footer,omitempty"`
	Author      *Author `json:"author,omitempty"`
	Fields      []Field `json:"fields,omitempty"`
}

// Parts of an Embed.
type (
	Footer struct {
		Text string `json:"text"`
	}
	Author struct {
		Name string `json:"name"`
		URL  string `json:"url,omitempty"`
	}
	Field struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Inline bool   `json:"inline,omitempty"`
	}
)

// Field returns the value of a field by name; empty if there is none.
func (e Embed) Field(name string) string {
	for _, f := range e.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// message is the body of a create or an edit.
type message struct {
	Content         string           `json:"content"`
	Embeds          []Embed          `json:"embeds"`
	AllowedMentions *allowedMentions `json:"allowed_mentions"`
	Nonce           string           `json:"nonce"`
	EnforceNonce    bool             `json:"enforce_nonce"`
	Flags           int              `json:"flags"`
}

type allowedMentions struct {
	Parse       []string `json:"parse"`
	Roles       []string `json:"roles"`
	Users       []string `json:"users"`
	RepliedUser bool     `json:"replied_user"`
}

func (m *message) version(at time.Time) Version {
	pings := append(append(m.AllowedMentions.Parse, m.AllowedMentions.Roles...), m.AllowedMentions.Users...)
	return Version{At: at, Content: m.Content, Embeds: m.Embeds, Pings: pings}
}

// errorBody is Discord's form of an error.
type errorBody struct {
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Errors  map[string]any `json:"errors,omitempty"`
}

func (b errorBody) write(w http.ResponseWriter, status int) {
	answer{status: status, body: b}.write(w)
}

func apiError(code int, message string) errorBody { return errorBody{Code: code, Message: message} }

// formError is the body that names the fault of one field by its path.
func formError(path, code, message string) errorBody {
	leaf := map[string]any{"_errors": []any{map[string]string{"code": code, "message": message}}}
	parts := strings.Split(path, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		leaf = map[string]any{parts[i]: leaf}
	}
	return errorBody{Code: 50035, Message: "Invalid Form Body", Errors: leaf}
}

// decode reads a body, or says what is wrong with it.
func decode(r *http.Request, body []byte) (*message, *errorBody) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, fault("_", "CONTENT_TYPE_INVALID", "Expected application/json.")
	}
	if at := nullAt(body); at != "" {
		return nil, fault(at, "BASE_TYPE_REQUIRED", "null is no documented value here.")
	}
	var m message
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return nil, fault("_", "DICT_TYPE_CONVERT", err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fault("_", "DICT_TYPE_CONVERT", "There is something after the body.")
	}
	if broken := m.check(r.Method == http.MethodPost); broken != nil {
		return nil, broken
	}
	return &m, nil
}

func fault(path, code, message string) *errorBody {
	b := formError(path, code, message)
	return &b
}

// nullAt returns the path of the first null in a JSON text; empty without one.
func nullAt(body []byte) string {
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

// check enforces the limits in Discord's documentation of messages and embeds.
func (m *message) check(create bool) *errorBody {
	switch {
	case size(m.Content) > 2000:
		return tooLong("content", 2000)
	case len(m.Embeds) > 10:
		return tooLong("embeds", 10)
	case m.AllowedMentions == nil:
		return fault("allowed_mentions", "BASE_TYPE_REQUIRED", "This field is required")
	case m.AllowedMentions.Parse == nil:
		return fault("allowed_mentions.parse", "BASE_TYPE_REQUIRED", "This field is required")
	case size(m.Nonce) > 25:
		return tooLong("nonce", 25)
	case !create && (m.Nonce != "" || m.EnforceNonce):
		return fault("nonce", "DICT_TYPE_CONVERT", "An edit has no nonce.")
	}
	total, empty := 0, strings.TrimSpace(m.Content) == ""
	for i, e := range m.Embeds {
		n, broken := e.check("embeds." + strconv.Itoa(i))
		if broken != nil {
			return broken
		}
		total += n
		empty = empty && n == 0
	}
	if total > 6000 {
		return fault("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
	}
	if empty {
		b := apiError(50006, "Cannot send an empty message")
		return &b
	}
	return nil
}

// check returns the embed's characters, or its first fault.
func (e *Embed) check(path string) (characters int, broken *errorBody) {
	text := func(field, value string, limit int, required bool) {
		n := size(value)
		characters += n
		switch {
		case broken != nil:
		case n > limit:
			broken = tooLong(path+"."+field, limit)
		case required && n == 0:
			broken = fault(path+"."+field, "BASE_TYPE_REQUIRED", "This field is required")
		}
	}
	text("title", e.Title, 256, false)
	text("description", e.Description, 4096, false)
	if e.Footer != nil {
		text("footer.text", e.Footer.Text, 2048, true)
	}
	if e.Author != nil {
		text("author.name", e.Author.Name, 256, true)
	}
	for i, f := range e.Fields {
		at := "fields." + strconv.Itoa(i)
		text(at+".name", f.Name, 256, true)
		text(at+".value", f.Value, 1024, true)
	}
	switch {
	case broken != nil:
	case len(e.Fields) > 25:
		broken = tooLong(path+".fields", 25)
	case e.URL != "" && !wellFormed(e.URL):
		broken = fault(path+".url", "URL_TYPE_INVALID_URL", "Not a well formed URL.")
	case e.Color < 0 || e.Color > 0xFFFFFF:
		broken = fault(path+".color", "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
	case e.Timestamp != "" && !isTime(e.Timestamp):
		broken = fault(path+".timestamp", "DATE_TIME_TYPE_PARSE", "Could not parse "+e.Timestamp)
	case e.Type != "" && e.Type != "rich":
		broken = fault(path+".type", "BASE_TYPE_CHOICES", "Value must be one of ('rich',).")
	}
	return characters, broken
}

func tooLong(path string, limit int) *errorBody {
	return fault(path, "BASE_TYPE_MAX_LENGTH", "Must be "+strconv.Itoa(limit)+" or fewer in length.")
}

// size counts as Discord does, or a little more.
func size(s string) int { return len(utf16.Encode([]rune(strings.TrimSpace(s)))) }

func wellFormed(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.Contains(u.Hostname(), ".") && len(s) <= 2048
}

func isTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}
