package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
	semanticcache "catalyst/stages/semantic_cache"
)

// Check asks the embedder for a vector and holds its kind against what the store has.
func TestCheckOfTheCache(t *testing.T) {
	embedder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/embed" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, `{"embeddings": [[1, 2, 3]]}`)
	}))
	defer embedder.Close()
	now := time.Now()
	answer := func(namespace, hash string, expires time.Time) store.Answer {
		return store.Answer{Scope: store.Scope{Namespace: namespace}, Hash: strings.Repeat(hash, 64), Vector: []float32{1}, Key: hash, Value: []byte("{}"), At: now, Expires: expires}
	}
	for _, test := range []struct {
		name, embedder         string
		status, detail, warned string
	}{
		{"built in", "", "ok", "lexical-v1/512, 2 verdicts by it", "the store holds verdicts by ollama:old/4, which"},
		{"over HTTP", "embedder: {kind: ollama, model: new, dimensions: 3, base_url: " + embedder.URL + "}", "ok", "ollama:new/3, 0 verdicts by it", "by lexical-v1/512, ollama:old/4, which"},
		{"of another length", "embedder: {kind: ollama, model: new, dimensions: 4, base_url: " + embedder.URL + "}", "fault", "gave 3 dimensions: write dimensions: 3", ""},
		{"nobody there", "embedder: {kind: ollama, model: new, dimensions: 4, base_url: \"http://127.0.0.1:1\"}", "fault", "unavailable", ""},
		{"off", "mode: off", "off", "mode is off", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "c.db")
			file := write(t, dir, "pipeline.yaml", "name: catalyst\nbroker: sqlite://"+filepath.ToSlash(path)+"\nstore: sqlite://"+filepath.ToSlash(path)+`
sources: [jsonl: {path: "`+filepath.ToSlash(path)+`.none"}]
stages: [semantic_cache: {`+test.embedder+`}]
sinks: [console]
http: off
`)
			db, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = sqlite.Migrate(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			db.Close()
			kept, err := sqlitestore.Open(t.Context(), path, "catalyst")
			if err != nil {
				t.Fatal(err)
			}
			later := now.Add(time.Hour)
			if err := kept.Remember(t.Context(), []store.Answer{
				answer("news/en/lexical-v1/512/v2/aa", "a", later), answer("news/de/lexical-v1/512/v2/bb", "b", later),
				answer("news/en/ollama:old/4/v2/aa", "c", later), answer("filing/exact/v2/cc", "d", later),
				answer("news/en/ollama:gone/4/v2/aa", "e", now.Add(-time.Hour)),
			}); err != nil {
				t.Fatal(err)
			}
			kept.Close()
			var out, told bytes.Buffer
			run([]string{"check", "-f", file, "--env-file", dir + "/none", "--format", "json"}, stdio{strings.NewReader(""), &out, &told})
			var all []finding
			if err := json.Unmarshal(out.Bytes(), &all); err != nil {
				t.Fatalf("%v\n%s%s", err, &out, &told)
			}
			var got finding
			var warned string
			for _, f := range all {
				switch {
				case f.What == "cache" && f.Status == "warning":
					warned = f.Detail
				case f.What == "cache":
					got = f
				}
			}
			if got.Status != test.status || !strings.Contains(got.Detail, test.detail) {
				t.Errorf("%+v, want %s: %s", got, test.status, test.detail)
			}
			if !strings.Contains(warned, test.warned) || (warned == "") != (test.warned == "") {
				t.Errorf("warned %q, want %q", warned, test.warned)
			}
		})
	}
}

func TestEmbedderOf(t *testing.T) {
	for namespace, want := range map[string]string{
		"news/en/lexical-v1/512/v2/0a": "lexical-v1/512", "news/de/openai:org/model/768/v2/0a": "openai:org/model/768",
		"news/en/exact/v2/0a": "", "filing/exact/v2/0a": "", "": "", "x": "", "news": "",
	} {
		if got := semanticcache.EmbedderOf(namespace); got != want {
			t.Errorf("%q: %q, want %q", namespace, got, want)
		}
	}
}
