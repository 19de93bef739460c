package newsapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// index is a server that answers as newsapi.org does: 401 without the key, a code and a
// message with each refusal, and never more than pageSize articles.
type index struct {
	*httptest.Server
	status int    // of refusals; 0 for none
	body   string // of what is not a refusal
	asked  []string
}

func newIndex(t *testing.T) *index {
	x := &index{}
	x.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.asked = append(x.asked, r.URL.String())
		switch {
		case r.Header.Get("X-Api-Key") != "hush":
			w.WriteHeader(401)
			io.WriteString(w, `{"status":"error","code":"apiKeyInvalid","message":"Your API key is invalid or incorrect."}`)
		case x.status != 0:
			w.WriteHeader(x.status)
			io.WriteString(w, `{"status":"error","code":"rateLimited","message":"You have made too many requests with hush."}`)
		default:
			io.WriteString(w, x.body)
		}
	}))
	t.Cleanup(x.Close)
	return x
}

const articles = `{"status":"ok","totalResults":3,"articles":[
 {"source":{"id":null,"name":"Example Post"},"author":"A. Writer","title":"Acme raises its forecast - Example Post","description":"Acme (NASDAQ: ACME) expects more.",
  "url":"https://post.example.com/acme?utm_source=x","urlToImage":null,"publishedAt":"2026-11-20T15:04:05Z","content":"The company said on Friday that… [+4096 chars]"},
 {"source":{"id":null,"name":"x"},"title":"[Removed]","description":"[Removed]","url":"https://removed.com","publishedAt":"1970-01-01T00:00:00Z","content":"[Removed]"},
 {"source":{"id":null,"name":"y"},"title":"Undated","description":null,"url":"https://y.example.com/1","publishedAt":null,"content":null}]}`

type polled interface {
	flows.Source
	flows.Witness
	Poll(context.Context, flows.Publish) time.Duration
}

func start(t *testing.T, change func(*Config)) (polled, *bytes.Buffer) {
	t.Helper()
	c := Defaults
	c.Key = "hush"
	change(&c)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := Kind().New(&flows.Build{Name: t.Name(), Logger: slog.New(slog.NewTextHandler(&log, nil))}, c)
	if err != nil {
		t.Fatal(err)
	}
	return s.(polled), &log
}

func TestArticles(t *testing.T) {
	x := newIndex(t)
	x.body = articles
	s, log := start(t, func(c *Config) { c.BaseURL = x.URL })
	var got []*news.Item
	publish := func(_ context.Context, messages ...*flows.Message) error {
		for _, m := range messages {
			got = append(got, m.Item)
		}
		return nil
	}
	s.Poll(t.Context(), publish)
	s.Poll(t.Context(), publish)
	want := []*news.Item{
		{Key: "url:https://y.example.com/1", Source: t.Name(), URL: "https://y.example.com/1", Title: "Undated"},
		{
			Key: "url:https://post.example.com/acme", Source: t.Name(), URL: "https://post.example.com/acme?utm_source=x",
			Title: "Acme raises its forecast", Summary: "Acme (NASDAQ: ACME) expects more.", Body: "The company said on Friday that…",
			Published: time.Date(2026, 11, 20, 15, 4, 5, 0, time.UTC), Tickers: []string{"ACME"},
		},
	}
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "TickersFrom" }, cmp.Ignore())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := "/v2/top-headlines?category=business&country=us&pageSize=100"; x.asked[0] != want || log.Len() > 0 {
		t.Errorf("asked %s, want %s; logged %s", x.asked[0], want, log)
	}
	if h := s.Health(); h.Entries != 3 || h.Fault != nil {
		t.Errorf("health %+v", h)
	}
}

func TestQueries(t *testing.T) {
	x := newIndex(t)
	x.body = `{"status":"ok","articles":[]}`
	s, _ := start(t, func(c *Config) { c.BaseURL, c.Query, c.Domains = x.URL, "merger OR sale", []string{"a.com", "b.com"} })
	s.Poll(t.Context(), nil)
	if want := "/v2/everything?domains=a.com%2Cb.com&language=en&pageSize=100&q=merger+OR+sale&sortBy=publishedAt"; x.asked[0] != want {
		t.Errorf("asked %s, want %s", x.asked[0], want)
	}
	if s.Health().EmptySince.IsZero() {
		t.Error("nothing was found, and the source passes for well")
	}
}

// A refusal says why and what to do, and never tells the key.
func TestRefusals(t *testing.T) {
	x := newIndex(t)
	for _, test := range []struct {
		key, body string
		status    int
		want      string
	}{
		{"wrong", "", 0, "apiKeyInvalid; check NEWSAPI_KEY"},
		{"hush", "", 429, "rateLimited"},
		{"hush", "<html>", 0, "read answer"},
		{"hush", `{"status":"error","code":"unexpectedError"}`, 0, "unexpectedError"},
		{"hush", `{}`, 0, "not ok"},
	} {
		x.status, x.body = test.status, test.body
		s, log := start(t, func(c *Config) { c.BaseURL, c.Key = x.URL, config.Secret(test.key) })
		s.Poll(t.Context(), nil)
		if h := s.Health(); h.Fault == nil || !strings.Contains(h.Fault.Error(), test.want) {
			t.Errorf("%+v: %v", test, h.Fault)
		}
		if strings.Contains(log.String(), "hush") || strings.Contains(fmt.Sprint(x.asked), "hush") {
			t.Errorf("the key is told: %s %v", log, x.asked)
		}
	}
}

func TestWithoutAKeyItIsOff(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	var log bytes.Buffer
	s, err := Kind().New(&flows.Build{Name: "newsapi", Logger: slog.New(slog.NewTextHandler(&log, nil))}, Defaults)
	if err != nil || s.Run(ended, nil) != nil || !strings.Contains(log.String(), "NEWSAPI_KEY") {
		t.Errorf("%v, logged %s", err, &log)
	}
}

func TestConfig(t *testing.T) {
	if err := config.CheckStruct(Defaults); err != nil {
		t.Error(err)
	}
	bad := Config{API: intake.API{BaseURL: "http://newsapi.org"}, Domains: []string{"x.com"}}
	for _, want := range []string{"in the clear", "every", "max_items", "timeout", "domains", "language"} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func FuzzLook(f *testing.F) {
	f.Add([]byte(articles))
	f.Add([]byte(`{"status":"ok","articles":[null,{"publishedAt":"9999-99"}]}`))
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
	f.Cleanup(server.Close)
	s := &source{address: server.URL, client: &fetch.Client{Timeout: time.Minute, MaxSize: 1 << 20}}
	f.Fuzz(func(t *testing.T, data []byte) {
		body = data
		doc, err := s.look(t.Context())
		if err != nil {
			return
		}
		for _, it := range doc.Items {
			if _, err := news.Encode(it); err != nil || it.Title == "" {
				t.Errorf("%v: %+v", err, it)
			}
		}
	})
}
