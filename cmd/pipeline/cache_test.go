package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
	semanticcache "catalyst/stages/semantic_cache"
)

// larder makes a store with three verdicts in it, one of them expired and one that nobody
// can read, and the account of a cache, and returns a command line on it.
func larder(t *testing.T) func(args ...string) (code int, out, err string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "lab.db")
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := sqlitestore.Open(t.Context(), path, "lab")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	verdict := []byte(`{"v":2,"subject":{},"analysis":{"direction":"bullish","score":0.5,"confidence":0.75,"reasoning":"More\u001b[31m\nsales.","provider":"ollama","model":"mistral"}}`)
	one := store.Answer{Scope: store.Scope{Namespace: "news/en/x", Tickers: "ACME,BOLT"}, Hash: "1", Vector: []float32{1}, Key: "guid:1", Value: verdict, At: now.Add(-time.Hour), Expires: now.Add(time.Hour)}
	two, three := one, one
	two.Hash, two.Tickers, two.Key, two.At, two.Expires = "2", "ACME", "guid:2", now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	three.Hash, three.Namespace, three.Tickers, three.Key, three.Value = "3", "filing/x", "CORE", "acc:3", []byte("{")
	if err := s.Remember(t.Context(), []store.Answer{one, two, three}); err != nil {
		t.Fatal(err)
	}
	book, err := json.Marshal(semanticcache.Book{Setting: "lexical", Audits: "++-", Asked: 200, Hits: 30, Since: now, Broken: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Note(t.Context(), semanticcache.NoteOf("semantic_cache"), book, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	plan := filepath.Join(dir, "lab.yaml")
	text := "name: lab\nbroker: sqlite://" + path + "\nstore: sqlite://" + path +
		"\nsources: [{jsonl: in.jsonl}]\nstages: [semantic_cache]\nsinks: [{jsonl: out.jsonl}]\nhttp: off\n"
	if err := os.WriteFile(plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) (int, string, string) {
		var out, err bytes.Buffer
		code := run(append(args, "-f", plan), stdio{strings.NewReader(""), &out, &err})
		return code, out.String(), err.String()
	}
}

func TestCache(t *testing.T) {
	pipeline := larder(t)
	for _, c := range []struct {
		args string
		code int
		want []string // in its output, or what it complains of
	}{
		{"stats", 0, []string{"news/en/x  2         1 ", "filing/x", "all        3 ", "30 of 200 lookups were hits (15.0 %)", "0.333 (1 of 3", "serves nothing since"}},
		{"stats --format json", 0, []string{`"rows": 3`, `"hits": 30`, `"audits": "++-"`}},
		{"stats --format xml", 2, []string{"none of text, json"}},
		{"show --ticker ACME", 0, []string{"guid:1  ACME,BOLT", "guid:2  ACME", "bullish, score 0.50, confidence 0.75, by ollama mistral", "More[31m sales."}},
		{"show --ticker ACME --limit 1 --format json", 0, []string{`"key": "guid:1"`}},
		{"show --key acc:3", 0, []string{"decode verdict"}},
		{"show --ticker NONE", 0, []string{"No verdict"}},
		{"show", 2, []string{"--ticker"}},
		{"show --ticker A --limit 0", 2, []string{"--limit"}},
		{"purge --yes", 2, []string{"say what"}},
		{"purge --all --ticker ACME --yes", 2, []string{"say what"}},
		{"purge --older soon --yes", 2, []string{"--older"}},
		{"purge --all", 2, []string{"--yes"}},
		{"purge --older 24h --yes", 0, []string{"1 verdicts deleted"}},
		{"purge --namespace filing --yes", 0, []string{"1 verdicts deleted"}},
		{"purge --ticker BOLT --yes", 0, []string{"1 verdicts deleted"}},
		{"purge --all --yes", 0, []string{"0 verdicts deleted"}},
		{"stats", 0, []string{"No verdict is remembered.", "30 of 200"}},
	} {
		code, out, complaint := pipeline(append([]string{"cache"}, strings.Fields(c.args)...)...)
		if code != 0 {
			out = complaint
		}
		if code != c.code {
			t.Errorf("cache %s: exit %d, want %d: %s", c.args, code, c.code, out)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("cache %s: no %q in\n%s", c.args, want, out)
			}
		}
	}
}

func TestEvalCache(t *testing.T) {
	pipeline := larder(t)
	const pairs = "../../stages/semantic_cache/testdata/pairs.jsonl"
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{pairs, "--least", "0.6"}, 0, "unproven"},
		{[]string{pairs, "--embedder", "pipeline"}, 0, "0.60 "},
		{[]string{pairs, "--format", "json"}, 0, `"embedder": "lexical-v1/512"`},
		{[]string{pairs, "--least", "0.99"}, 1, "is less than 0.99"},
		{[]string{pairs, "--embedder", "magic"}, 2, "none of lexical, pipeline"},
		{[]string{"cache_test.go"}, 2, "line 1"},
		{[]string{"nowhere"}, 2, "nowhere"},
	} {
		code, out, complaint := pipeline(append([]string{"eval", "cache"}, c.args...)...)
		if code != c.code || !strings.Contains(out+complaint, c.want) {
			t.Errorf("%q: exit %d, want %d and %q:\n%s%s", c.args, code, c.code, c.want, out, complaint)
		}
	}
}
