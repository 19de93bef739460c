package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"catalyst"
)

// secrets of every kind that a pipeline can have.
var secrets = map[string]string{
	"redis":     "redis-Pa55word-1111",
	"postgres":  "postgres-Pa55word-2222",
	"discord":   "discord.token-3333.abcdef",
	"gemini":    "gemini-key-4444-abcdef",
	"anthropic": "anthropic-key-5555-abcdef",
	"openai":    "openai-key-6666-abcdef",
	"feed":      "feed-token-7777-abcdef",
	"webhook":   "webhook-token-8888-abcdef",
	"embedder":  "embedder-key-9999-abcdef",
}

// A mirror refuses everything and shows the caller what it sent.
func mirror(t *testing.T) (address string, seen func(secret string) bool) {
	var all atomic.Pointer[string]
	all.Store(new(string))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent := fmt.Sprintf("%s %v %s", r.URL, r.Header, body)
		for old := all.Load(); ; old = all.Load() {
			if next := *old + sent; all.CompareAndSwap(old, &next) {
				break
			}
		}
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":%q},"message":%[1]q}`, sent)
	}))
	t.Cleanup(server.Close)
	return server.URL, func(secret string) bool { return strings.Contains(*all.Load(), secret) }
}

func conceals(t *testing.T, where, text string) {
	t.Helper()
	for name, secret := range secrets {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s shows the secret of %s: …%s…", where, name, text[max(0, at-200):at])
		}
	}
}

// Whatever goes wrong, and wherever it is told, no secret is in it. Every server there
// is refuses the pipeline, and throws its own words back at it.
func TestSecretsAreNotShown(t *testing.T) {
	server, seen := mirror(t)
	pipeline := strings.Replace(string(catalyst.Pipeline), "sources:\n", `sources:
  - jsonl: sample.jsonl
  - rss:
      url: ${FEED_URL:-}
  - webhook:
      listen: 127.0.0.1:0
      token: ${WEBHOOK_TOKEN}
`, 1)
	pipeline = strings.Replace(pipeline, "      similarity:", `      embedder:
        kind: openai
        base_url: ${OPENAI_API_URL}
        key: ${EMBEDDER_KEY}
        model: any
        dimensions: 8
      similarity:`, 1)
	sample := ""
	for line := range strings.Lines(string(catalyst.Sample)) {
		if sample += line; strings.Count(sample, "\n") == 20 {
			break
		}
	}
	base := map[string]string{
		"DATABASE_URL":   "postgres://catalyst:" + secrets["postgres"] + "@127.0.0.1:1/catalyst",
		"GEMINI_API_KEY": secrets["gemini"], "GEMINI_API_URL": server,
		"ANTHROPIC_API_KEY": secrets["anthropic"], "ANTHROPIC_API_URL": server,
		"OPENAI_API_KEY": secrets["openai"], "OPENAI_API_URL": server + "/v1",
		"FEED_URL":      server + "/feed?token=" + secrets["feed"],
		"WEBHOOK_TOKEN": secrets["webhook"], "EMBEDDER_KEY": secrets["embedder"],
		"HTTP_LISTEN": "127.0.0.1:0", "LLM_LOCAL_ENABLED": "0", "MISTRAL_BATCH_DELAY": "0.05",
	}
	with := func(more map[string]string) map[string]string {
		env := maps.Clone(base)
		maps.Copy(env, more)
		return env
	}
	discord := map[string]string{"DISCORD_TOKEN": secrets["discord"], "DISCORD_CHANNEL": "42", "DISCORD_API_URL": server, "OPERATOR_CHANNEL": "43"}

	for name, run := range map[string]struct {
		env   map[string]string
		until string // it is to be heard of
	}{
		"models refuse":   {base, "AI analysis delayed"},
		"discord refuses": {with(discord), "segment_paused"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "pipeline.yaml", pipeline)
			write(t, dir, "sample.jsonl", sample)
			p := startProgram(t, dir, run.env, "run", "--log-level", "debug", "--log-format", "json")
			p.awaits(run.until)
			p.awaits("feed_")
			for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
				_, body := p.get(path)
				conceals(t, path, body)
			}
			p.interrupted()
			conceals(t, "run", p.text())
			for _, args := range [][]string{
				{"dlq", "ls"}, {"migrate", "--log-level", "debug"}, {"validate"}, {"graph"}, {"graph", "--format", "dot"}, {"schema"},
			} {
				p := startProgram(t, dir, run.env, args...)
				p.exit()
				conceals(t, strings.Join(args, " "), p.text())
			}
		})
	}
	for _, name := range []string{"gemini", "anthropic", "openai", "feed", "discord", "embedder"} {
		if name != "embedder" && !seen(secrets[name]) { // the embedder is asked once there is a store
			t.Errorf("the secret of %s was never sent: the test shows nothing", name)
		}
	}

	t.Run("redis is not there", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "pipeline.yaml", pipeline)
		env := with(map[string]string{"REDIS_URL": "redis://default:" + secrets["redis"] + "@127.0.0.1:1/0"})
		for _, args := range [][]string{{"run", "--log-level", "debug"}, {"dlq", "ls"}, {"migrate"}} {
			p := startProgram(t, dir, env, args...)
			if p.exit() != exitFailed {
				t.Errorf("%v works without a server", args)
			}
			conceals(t, strings.Join(args, " "), p.text())
		}
	})
}

// A mistake in a secret's neighbourhood is told without the secret.
func TestMistakesConcealSecrets(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"DISCORD_TOKEN": secrets["discord"], "REDIS": "rediss:/default:" + secrets["redis"] + "@host"}
	write(t, dir, "pipeline.yaml", `name: wrong
broker: ${REDIS}
store: mysql://catalyst:`+secrets["postgres"]+`@localhost/catalyst
sources:
  - webhook: {listen: "0.0.0.0", tokn: `+secrets["webhook"]+`}
  - rss: {url: "ftp://feeds.example.com/?token=`+secrets["feed"]+`"}
sinks:
  - discord:
      channel: ${DISCORD_TOKEN}
      creates: ${DISCORD_TOKEN}
      token: [`+secrets["openai"]+`]
providers:
  - gemini: {key: {`+secrets["gemini"]+`: 1}}
`)
	for _, format := range []string{"text", "json", "github"} {
		p := startProgram(t, dir, env, "validate", "--format", format)
		if code := p.exit(); code != exitUsage || !strings.Contains(p.text(), "discord.creates") {
			t.Errorf("exit code %d:\n%s", code, p.text())
		}
		conceals(t, format, p.text())
	}
	p := startProgram(t, dir, env, "run")
	p.exit()
	conceals(t, "run", p.text())
}
