package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestSecretShowsItself to nobody, whichever way it is printed.
func TestSecretShowsItself(t *testing.T) {
	const value = "t0ps3cret"
	s := Secret(value)
	holder := struct {
		Token  Secret            `json:"token" yaml:"token"`
		Ptr    *Secret           `json:"ptr" yaml:"ptr"`
		Tokens map[string]Secret `json:"tokens" yaml:"tokens"`
		List   []Secret          `json:"list" yaml:"list"`
	}{s, &s, map[string]Secret{"a": s}, []Secret{s}}
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %X %d %10s", s, s, s, s, s, s, s, s, s),
		fmt.Sprintf("%v", holder), fmt.Sprintf("%+v", holder), fmt.Sprintf("%#v", holder), fmt.Sprint(&holder),
		fmt.Errorf("with %v", s).Error(), string(asJSON), string(asYAML), s.LogValue().String(),
	} {
		if strings.Contains(printed, value) || strings.Contains(printed, fmt.Sprintf("%x", value)) {
			t.Errorf("shown in %s", printed)
		}
		if !strings.Contains(printed, "[secret]") {
			t.Errorf("nothing shows that there is a secret: %s", printed)
		}
	}
	if s.Reveal() != value {
		t.Error("Reveal does not give the secret")
	}
}

type hiding struct {
	token string // unexported: no method of the type protects it
	Name  string
}

type named string

func (n named) String() string { return "named " + string(n) }

type valuer string

func (v valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("inner", string(v)), slog.Any("err", errors.New(string(v))))
}

// TestRedactorHandler logs a secret in every way that came to mind, through every
// handler there is.
func TestRedactorHandler(t *testing.T) {
	secret := `p@ss"w<rd/&5 é%`
	urlError := &url.Error{Op: "Post", URL: "https://host/api?key=" + url.QueryEscape(secret), Err: errors.New("refused")}
	_, parseError := url.Parse("redis://:" + url.PathEscape(secret) + "@host:port")
	if parseError == nil {
		t.Fatal("the URL was taken")
	}
	encoded, _ := json.Marshal(map[string]string{"token": secret})
	ways := map[string]func(*slog.Logger){
		"message": func(l *slog.Logger) { l.Info("token " + secret) },
		"string":  func(l *slog.Logger) { l.Info("x", "token", secret) },
		"key":     func(l *slog.Logger) { l.Info("x", secret, 1) },
		"error":   func(l *slog.Logger) { l.Info("x", "err", errors.New("bad token "+secret)) },
		"wrapped error": func(l *slog.Logger) {
			l.Info("x", "err", fmt.Errorf("a: %w", fmt.Errorf("b %q: %w", secret, errors.ErrUnsupported)))
		},
		"joined error":    func(l *slog.Logger) { l.Info("x", "err", errors.Join(errors.New("a"), errors.New(secret))) },
		"URL error":       func(l *slog.Logger) { l.Info("x", "err", urlError) },
		"URL parse error": func(l *slog.Logger) { l.Info("x", "err", parseError) },
		"group":           func(l *slog.Logger) { l.Info("x", slog.Group("a", slog.Group("b", "token", secret))) },
		"With":            func(l *slog.Logger) { l.With("token", secret).Info("x") },
		"WithGroup":       func(l *slog.Logger) { l.WithGroup("g").With("a", 1).Info("x", "token", secret) },
		"LogValuer":       func(l *slog.Logger) { l.Info("x", "v", valuer(secret)) },
		"Stringer":        func(l *slog.Logger) { l.Info("x", "v", named(secret)) },
		"struct":          func(l *slog.Logger) { l.Info("x", "v", hiding{token: secret}) },
		"pointer":         func(l *slog.Logger) { l.Info("x", "v", &hiding{token: secret}) },
		"exported":        func(l *slog.Logger) { l.Info("x", "v", hiding{Name: secret}) },
		"map":             func(l *slog.Logger) { l.Info("x", "v", map[string]any{"a": []string{secret}}) },
		"slice":           func(l *slog.Logger) { l.Info("x", "v", []any{secret}) },
		"bytes":           func(l *slog.Logger) { l.Info("x", "v", []byte(secret)) },
		"JSON":            func(l *slog.Logger) { l.Info("x", "v", string(encoded)) },
		"raw JSON":        func(l *slog.Logger) { l.Info("x", "v", json.RawMessage(encoded)) },
		"Go quotes":       func(l *slog.Logger) { l.Info(fmt.Sprintf("%q %+q", secret, secret)) },
		"user-info":       func(l *slog.Logger) { l.Info("x", "u", url.UserPassword("me", secret).String()) },
		"header":          func(l *slog.Logger) { l.Info("x", "h", "Authorization: Bearer "+secret) },
		"Secret":          func(l *slog.Logger) { l.Info("x", "v", Secret(secret), "w", []Secret{Secret(secret)}) },
		"list of errors":  func(l *slog.Logger) { l.Info("x", "v", []error{errors.New(secret)}) },
	}
	shown := append(forms(secret), "w<rd", "w%3Crd", `w\u003crd`)
	for name, log := range ways {
		var out bytes.Buffer
		options := &slog.HandlerOptions{AddSource: true}
		for _, next := range []slog.Handler{slog.NewJSONHandler(&out, options), slog.NewTextHandler(&out, options)} {
			out.Reset()
			log(slog.New(NewRedactor(secret).Handler(next)))
			for _, form := range shown {
				if strings.Contains(out.String(), form) {
					t.Errorf("%s: %T shows %s", name, next, out.String())
				}
			}
			if !strings.Contains(out.String(), "[secret]") {
				t.Errorf("%s: %T shows nothing: %s", name, next, out.String())
			}
		}
	}
}

// TestRedactorLeavesTheRest: what holds no secret keeps its type and text.
func TestRedactorLeavesTheRest(t *testing.T) {
	r := NewRedactor("t0ps3cret", "", "short", "     ")
	log := func(h func(slog.Handler) slog.Handler) string {
		var out bytes.Buffer
		l := slog.New(h(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))
		l.With("n", 1).WithGroup("g").Warn("short message", "d", time.Second, "f", 1.5, "l", []string{"a"}, "m", map[string]int{"a": 1}, "s", struct{ A int }{1}, "nil", nil, "b", true)
		return out.String()
	}
	want, got := log(func(h slog.Handler) slog.Handler { return h }), log(r.Handler)
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if r.Handler(slog.NewJSONHandler(nil, &slog.HandlerOptions{Level: slog.LevelError})).Enabled(t.Context(), slog.LevelWarn) {
		t.Error("the level of the handler behind does not count")
	}
}

func TestRedactorString(t *testing.T) {
	r := NewRedactor("t0ps3cret")
	handler := r.Handler(slog.DiscardHandler)
	r.Add("t0ps3cret-and-more", "another")
	_ = handler
	for in, want := range map[string]string{
		"a t0ps3cret b":                    "a [secret] b",
		"t0ps3cret-and-more":               "[secret]",
		"t0ps3crett0ps3cret":               "[secret][secret]",
		"an0ther":                          "an0ther",
		"yet another":                      "yet [secret]",
		"redis://:unknown@h:6379/0 failed": "redis://[secret]@h:6379/0 failed",
	} {
		if got := r.String(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
	if got := new(Redactor).String("postgres://u:p@h/d t0ps3cret"); got != "postgres://[secret]@h/d t0ps3cret" {
		t.Errorf("the zero Redactor gives %q", got)
	}
}

func TestRedactURL(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "",
		"no URL, me@example.com":            "no URL, me@example.com",
		"redis://h:6379/0":                  "redis://h:6379/0",
		"redis://:p@h":                      "redis://[secret]@h",
		"redis://user:p@h and pg://a:b@c/d": "redis://[secret]@h and pg://[secret]@c/d",
		"postgres://me:pa/ss#w?rd@h/db":     "postgres://[secret]@h/db",
		"postgres://me:p@ss@h/db":           "postgres://[secret]@h/db",
		"https://token@h/x":                 "https://[secret]@h/x",
		"https://example.com/@name":         "https://example.com/@name",
		"http://example.com:8080/a/@name/b": "http://example.com:8080/a/@name/b",
		`parse "redis://u:p@h:x": bad`:      `parse "redis://[secret]@h:x": bad`,
	} {
		if got := RedactURL(in); got != want {
			t.Errorf("%s gives %s, want %s", in, got, want)
		}
	}
}

// TestDocumentSecrets: what a configuration holds that must not be shown.
func TestDocumentSecrets(t *testing.T) {
	doc := load(t, `
text: ${REDIS_URL}
word: auto
token: literal-token
tokens: {a: "${SOME_VALUE}"}
shared: host=h password=dsn-password user=u
words: ["${GEMINI_API_KEY}", "${MAX_TOKENS}", "postgres://postgres:postgres@h/d", "http://host:8080/@abcdefg", "https://example.com/@name", "postgres://me:p%40ssword@h/d"]
`, "REDIS_URL", "redis://me:redis-password@h:6379", "SOME_VALUE", "mapped-token", "GEMINI_API_KEY", "gemini-key", "MAX_TOKENS", "00000100")
	var into everything
	if issues := Decode(doc, doc.Root, &into); issues != nil {
		t.Fatal(issues)
	}
	r := NewRedactor(doc.Secrets()...)
	for _, secret := range []string{"redis-password", "literal-token", "mapped-token", "dsn-password", "gemini-key", "p%40ssword", "p@ssword"} {
		if got := r.String("<" + secret + ">"); got != "<[secret]>" {
			t.Errorf("%s is shown as %s", secret, got)
		}
	}
	for _, innocent := range []string{"auto", "postgres", "8080/@abcdefg", "00000100", "example.com", "name", "host=h"} {
		if got := r.String(innocent); got != innocent {
			t.Errorf("%s became %s", innocent, got)
		}
	}
}
