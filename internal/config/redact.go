package config

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const hidden = "[secret]"

// A user and password end at the last @ before anything that cannot stand in
// them, so that a password with an @, / or # of its own is hidden as well.
var userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)([^\s"'<>]*@)`)

// RedactURL hides the user and password of every URL in text.
func RedactURL(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return userInfo.ReplaceAllStringFunc(text, func(match string) string {
		m := userInfo.FindStringSubmatch(match)
		if isHost(m[1], m[2]) {
			return match
		}
		return m[1] + hidden + "@"
	})
}

// isHost reports whether what stands before an @ is a host and the beginning of a
// path, as in https://example.com/@name.
func isHost(scheme, text string) bool {
	return strings.HasPrefix(strings.ToLower(scheme), "http") && hostAndPath.MatchString(text)
}

var hostAndPath = regexp.MustCompile(`^[^/@:]*(:[0-9]+)?/`)

var (
	passwordPair = regexp.MustCompile(`(?i)\bpassword=('[^']*'|[^\s&]+)`)
	secretWords  = regexp.MustCompile(`(?i)(^|_)(token|secret|pass|passwd|password|key|apikey|credentials?|webhook|webhook_url)$`)
)

// secretName reports whether a variable's name says that it holds a secret.
func secretName(name string) bool { return secretWords.MatchString(name) }

// urlSecrets returns the passwords in a URL or a connection string. A password
// that is the user's name is none, and hiding it would blot out words like "postgres".
func urlSecrets(text string) (secrets []string) {
	for _, m := range userInfo.FindAllStringSubmatch(text, -1) {
		user, password, found := strings.Cut(strings.TrimSuffix(m[2], "@"), ":")
		if !found || password == user || isHost(m[1], m[2]) {
			continue
		}
		secrets = append(secrets, password)
		if plain, err := url.PathUnescape(password); err == nil && plain != password {
			secrets = append(secrets, plain)
		}
	}
	for _, m := range passwordPair.FindAllStringSubmatch(text, -1) {
		secrets = append(secrets, strings.Trim(m[1], `'`))
	}
	return secrets
}

// A Redactor knows the process's secrets and replaces them, in whatever form they
// turn up, with "[secret]". The zero Redactor knows none and still hides the
// passwords within URLs. It may be used concurrently.
type Redactor struct {
	mu       sync.Mutex
	known    map[string]bool
	replacer atomic.Pointer[strings.Replacer]
}

// shortestSecret is how long a value must be to be looked for: what is shorter
// is no secret, and stands in innocent text.
const shortestSecret = 6

// NewRedactor returns a Redactor that knows values.
func NewRedactor(values ...string) *Redactor {
	r := new(Redactor)
	r.Add(values...)
	return r
}

// Add makes more values known, also to handlers already made.
func (r *Redactor) Add(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = make(map[string]bool)
	}
	for _, value := range values {
		for _, form := range forms(value) {
			if len(form) >= shortestSecret {
				r.known[form] = true
			}
		}
	}
	ordered := make([]string, 0, len(r.known))
	for form := range r.known {
		ordered = append(ordered, form)
	}
	slices.SortFunc(ordered, func(a, b string) int { // a secret that begins another must not win
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	pairs := make([]string, 0, 2*len(ordered))
	for _, form := range ordered {
		pairs = append(pairs, form, hidden)
	}
	r.replacer.Store(strings.NewReplacer(pairs...))
}

// forms returns how a value looks in URLs, JSON and Go's quotes.
func forms(value string) []string {
	value = strings.TrimSpace(value)
	if len(value) < shortestSecret {
		return nil
	}
	plain, _ := json.Marshal(value)
	var unescaped bytes.Buffer
	encoder := json.NewEncoder(&unescaped)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value)
	user := url.UserPassword("", value).String()
	return []string{
		value,
		url.QueryEscape(value), url.PathEscape(value), strings.TrimPrefix(user, ":"),
		unquoted(string(plain)), unquoted(strings.TrimSpace(unescaped.String())),
		unquoted(strconv.Quote(value)), unquoted(strconv.QuoteToASCII(value)),
	}
}

func unquoted(s string) string { return s[1 : len(s)-1] }

// String returns text without the secrets.
func (r *Redactor) String(text string) string {
	if replacer := r.replacer.Load(); replacer != nil {
		text = replacer.Replace(text)
	}
	return RedactURL(text)
}

// Handler returns a slog.Handler that passes records on to next without the
// secrets: in messages, attributes, groups, errors and values of any type.
func (r *Redactor) Handler(next slog.Handler) slog.Handler { return redactHandler{r, next} }

type redactHandler struct {
	redactor *Redactor
	next     slog.Handler
}

func (h redactHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h redactHandler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, h.redactor.String(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.redactor.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h redactHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redactHandler{h.redactor, h.next.WithAttrs(h.redactor.attrs(attrs))}
}

func (h redactHandler) WithGroup(name string) slog.Handler {
	return redactHandler{h.redactor, h.next.WithGroup(name)}
}

func (r *Redactor) attrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = r.attr(a)
	}
	return clean
}

func (r *Redactor) attr(a slog.Attr) slog.Attr {
	key, value := r.String(a.Key), a.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		value = slog.StringValue(r.String(value.String()))
	case slog.KindGroup:
		value = slog.GroupValue(r.attrs(value.Group())...)
	case slog.KindAny:
		value = r.any(value.Any())
	}
	return slog.Attr{Key: key, Value: value}
}

// any keeps a value that shows no secret, however a handler may print it, and
// replaces any other by its clean text.
func (r *Redactor) any(v any) slog.Value {
	switch v := v.(type) {
	case nil:
		return slog.AnyValue(nil)
	case error:
		return slog.StringValue(r.String(v.Error()))
	case []byte:
		return slog.StringValue(r.String(string(v)))
	case *slog.Source:
		return slog.AnyValue(v)
	}
	printed := fmt.Sprintf("%+v", v)
	if clean := r.String(printed); clean != printed {
		return slog.StringValue(clean)
	}
	encoded, _ := json.Marshal(v) // what cannot be encoded, no handler encodes
	if clean := r.String(string(encoded)); clean != string(encoded) {
		return slog.StringValue(clean)
	}
	return slog.AnyValue(v)
}
