package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"catalyst"
	"catalyst/flows"
	"catalyst/internal/testenv"
	"catalyst/sinks/discord/discordtest"
)

// Check finds what is well and what is not, publishes nothing, posts nothing and asks no
// model, and tells no secret.
func TestCheck(t *testing.T) {
	feed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		io.WriteString(w, `<rss version="2.0"><channel><item><title>News</title><pubDate>`+time.Now().Add(-time.Hour).UTC().Format(time.RFC1123Z)+`</pubDate></item></channel></rss>`)
	}))
	defer feed.Close()
	models := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s: a check asked a model", r.Method, r.URL)
		}
		io.WriteString(w, `{"data":[{"id":"small-model"}]}`)
	}))
	defer models.Close()
	discord := discordtest.New(discordtest.Config{
		Channels: []string{"42", "44"}, Guild: &discordtest.Guild{ID: "7", Everyone: 1<<10 | 1<<11 | 1<<14 | 1<<16},
		Rooms: map[string]discordtest.Room{"44": {Overwrites: []discordtest.Overwrite{{ID: "7", Deny: 1 << 14}}}},
	})
	front := httptest.NewServer(discord)
	defer front.Close()

	dir := t.TempDir()
	file := write(t, dir, "pipeline.yaml", `
name: check-`+strings.ToLower(t.Name())+`
broker: `+testenv.Redis(t)+`
store: `+testenv.Postgres(t)+`
sources:
  - rss: {name: good, url: "`+feed.URL+`/"}
  - rss: {name: broken, url: "`+feed.URL+`/broken?token=hush-hush"}
  - finnhub
stages: [dedupe]
sinks:
  - discord: {token: any.token.there, channel: "42", base_url: "`+front.URL+`"}
  - discord: {name: mute, token: any.token.there, channel: "44", base_url: "`+front.URL+`"}
  - discord: {name: elsewhere, token: any.token.there, channel: "43", base_url: "`+front.URL+`"}
providers:
  - openai: {base_url: "`+models.URL+`", model: small-model}
  - openai: {name: other, base_url: "`+models.URL+`", model: large-model}
  - gemini
http: off
`)
	var out, told bytes.Buffer
	code := run([]string{"check", "-f", file, "--env-file", dir + "/none", "--format", "json"}, stdio{strings.NewReader(""), &out, &told})
	if code != exitFailed {
		t.Errorf("exit code %d, want %d\n%s", code, exitFailed, &told)
	}
	var found []finding
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	got := map[string]finding{}
	for _, f := range found {
		if f.Status != "warning" {
			got[f.What+" "+f.Name] = f
		}
	}
	for name, want := range map[string][2]string{
		"topic news.raw": {"ok", "0 waiting"}, "topic news.poison": {"ok", "0 in poison"},
		"source good": {"ok", "1 entries, the newest 1h0m"}, "source broken": {"fault", "403"}, "source finnhub": {"off", "FINNHUB_KEY"},
		"sink discord": {"ok", "42: may View Channel, Send Messages"}, "sink mute": {"fault", "allow it Embed Links"}, "sink elsewhere": {"fault", ""},
		"provider openai": {"ok", "small-model"}, "provider other": {"fault", "large-model"}, "provider gemini": {"off", ""},
	} {
		if f := got[name]; f.Status != want[0] || !strings.Contains(f.Detail, want[1]) {
			t.Errorf("%s: %+v, want %v", name, f, want)
		}
	}
	for _, what := range []string{"broker", "store"} {
		for name, f := range got {
			if strings.HasPrefix(name, what) && (f.Status != "ok" || !strings.Contains(f.Detail, map[string]string{"broker": "Redis ", "store": "pgvector "}[what])) {
				t.Errorf("%+v", f)
			}
		}
	}
	if all := out.String() + told.String(); strings.Contains(all, "hush-hush") || strings.Contains(all, "any.token") {
		t.Errorf("a secret is told:\n%s", all)
	}
	if n := len(discord.Messages()); n > 0 {
		t.Errorf("%d messages were posted", n)
	}
}

// Out of the box everything is well, or off.
func TestCheckOfThePlainPipeline(t *testing.T) {
	dir := t.TempDir()
	text := strings.NewReplacer("data/catalyst.db", strings.ReplaceAll(dir, `\`, "/")+"/c.db", "${FEATURE_RSS:-1}", "0", "${LLM_LOCAL_ENABLED:-1}", "0").Replace(string(catalyst.Pipeline))
	file := write(t, dir, "pipeline.yaml", text)
	var out, told bytes.Buffer
	a := &app{stdio: stdio{strings.NewReader(""), &out, &told}, env: func(string) (string, bool) { return "", false }}
	root := a.command()
	root.SetArgs([]string{"check", "-f", file, "--env-file", dir + "/none"})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	for _, want := range []string{"off  ", "alpaca", "newsapi", "news.analyse", "in poison"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing is said of %q:\n%s", want, &out)
		}
	}
}

func TestSourcesOverHTTP(t *testing.T) {
	at := time.Now().Add(-time.Hour)
	s := stateOf(flows.Health{Answered: at, Newest: at, EmptySince: at, Entries: 0, Answers: 4, Unchanged: 1}, func(s string) string { return s })
	if got, want := s.String(), "0 entries, 25 % of answers unchanged, answered 1h0m0s ago, the newest 1h0m0s old, silent for 1h0m0s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
