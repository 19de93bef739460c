package finnhub

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

// agency is a server that answers as finnhub.io does: 401 without the key, 403 for what
// the plan does not have, and lists of articles.
type agency struct {
	*httptest.Server
	lists  map[string]string // by category or symbol
	refuse map[string]int
	asked  []string
}

func newAgency(t *testing.T) *agency {
	a := &agency{lists: map[string]string{}, refuse: map[string]int{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked = append(a.asked, r.URL.String())
		what := r.FormValue("category") + r.FormValue("symbol")
		switch {
		case r.Header.Get("X-Finnhub-Token") != "hush":
			w.WriteHeader(401)
			io.WriteString(w, `{"error":"Invalid API key"}`)
		case a.refuse[what] != 0:
			w.WriteHeader(a.refuse[what])
			io.WriteString(w, `{"error":"You don't have access to this resource."}`)
		default:
			io.WriteString(w, a.lists[what])
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func entry(id int, related, url string) string {
	return fmt.Sprintf(`{"category":"company","datetime":%d,"headline":"Story %d","id":%d,"image":"","related":%q,"source":"Example","summary":"What happened.","url":%q}`,
		1763650000+id, id, id, related, url)
}

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
	clock := func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }
	s, err := Kind().New(&flows.Build{Name: t.Name(), Logger: slog.New(slog.NewTextHandler(&log, nil)), Clock: clock}, c)
	if err != nil {
		t.Fatal(err)
	}
	return s.(polled), &log
}

func collect(items *[]*news.Item) flows.Publish {
	return func(_ context.Context, messages ...*flows.Message) error {
		for _, m := range messages {
			*items = append(*items, m.Item)
		}
		return nil
	}
}

func TestNewsOfTheMarketAndOfCompanies(t *testing.T) {
	a := newAgency(t)
	a.lists["general"] = "[" + entry(3, "", "https://post.example.com/three") + "," + entry(1, "", "https://finnhub.io/api/news?id=1") + "]"
	both := entry(2, "ACME", "https://finnhub.io/api/news?id=2")
	a.lists["ACME"] = "[" + both + "]"
	a.lists["BRK.B"] = "[" + strings.Replace(both, `"ACME"`, `"BRK.B"`, 1) + "]"
	s, log := start(t, func(c *Config) {
		c.BaseURL, c.Categories, c.Symbols = a.URL, []string{"general"}, []string{"ACME", "BRK.B"}
	})
	var got []*news.Item
	s.Poll(t.Context(), collect(&got))
	s.Poll(t.Context(), collect(&got))
	at := time.Unix(1763650000, 0).UTC()
	want := []*news.Item{
		{Key: "guid:" + t.Name() + "|1", Source: t.Name(), GUID: "1", URL: "https://finnhub.io/api/news?id=1", Title: "Story 1", Summary: "What happened.", Published: at.Add(time.Second)},
		{
			Key: "guid:" + t.Name() + "|2", Source: t.Name(), GUID: "2", URL: "https://finnhub.io/api/news?id=2", Title: "Story 2", Summary: "What happened.",
			Published: at.Add(2 * time.Second), Tickers: []string{"ACME", "BRK-B"}, TickersFrom: map[string]string{"ACME": "feed", "BRK-B": "feed"},
		},
		{Key: "url:https://post.example.com/three", Source: t.Name(), URL: "https://post.example.com/three", Title: "Story 3", Summary: "What happened.", Published: at.Add(3 * time.Second)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantAsked := []string{"/api/v1/news?category=general", "/api/v1/company-news?from=2026-11-19&symbol=ACME&to=2026-11-20", "/api/v1/company-news?from=2026-11-19&symbol=BRK.B&to=2026-11-20"}
	if diff := cmp.Diff(wantAsked, a.asked[:3]); diff != "" || log.Len() > 0 {
		t.Errorf("asked (-want +got):\n%s\nlogged %s", diff, log)
	}
}

// What a plan does not have is told, and does not hold up the rest.
func TestAPartThatIsRefused(t *testing.T) {
	a := newAgency(t)
	a.lists["general"] = "[" + entry(1, "", "") + "]"
	a.refuse["merger"] = 403
	s, log := start(t, func(c *Config) { c.BaseURL = a.URL })
	var got []*news.Item
	s.Poll(t.Context(), collect(&got))
	h := s.Health()
	if len(got) != 1 || h.Fault == nil || !strings.Contains(h.Fault.Error(), "access") || !strings.Contains(log.String(), "FINNHUB_KEY") {
		t.Errorf("%d items, %+v, logged %s", len(got), h, log)
	}
	delete(a.refuse, "merger")
	a.lists["merger"] = "[]"
	if s.Poll(t.Context(), collect(&got)); len(got) != 1 || s.Health().Fault != nil {
		t.Errorf("%d items, fault %v; want the same one and none", len(got), s.Health().Fault)
	}
}

func TestAKeyThatIsUsedUpIsLeftAlone(t *testing.T) {
	a := newAgency(t)
	a.refuse["general"], a.refuse["merger"] = 429, 429
	s, _ := start(t, func(c *Config) { c.BaseURL = a.URL })
	if s.Poll(t.Context(), nil); len(a.asked) != 1 {
		t.Errorf("asked %d times", len(a.asked))
	}
	wrong, log := start(t, func(c *Config) { c.BaseURL, c.Key = a.URL, "wrong-key" })
	wrong.Poll(t.Context(), nil)
	if got := log.String(); !strings.Contains(got, "Invalid API key") || strings.Contains(got, "wrong-key") || strings.Contains(fmt.Sprint(a.asked), "hush") {
		t.Errorf("logged %s, asked %v", got, a.asked)
	}
}

func TestWithoutAKeyItIsOff(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	var log bytes.Buffer
	s, err := Kind().New(&flows.Build{Name: "finnhub", Logger: slog.New(slog.NewTextHandler(&log, nil))}, Defaults)
	if err != nil || s.Run(ended, nil) != nil || !strings.Contains(log.String(), "FINNHUB_KEY") {
		t.Errorf("%v, logged %s", err, &log)
	}
}

func TestConfig(t *testing.T) {
	if err := config.CheckStruct(Defaults); err != nil {
		t.Error(err)
	}
	bad := Config{API: intake.API{BaseURL: "ftp://x"}, Categories: []string{"earnings"}, Symbols: []string{"acme"}}
	for _, want := range []string{"base_url", "every", "max_items", "timeout", "earnings", "acme"} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	many := Defaults
	many.Symbols = strings.Fields(strings.Repeat("ACME ", 59))
	if err := many.Validate(); err == nil || !strings.Contains(err.Error(), "61 requests each 1m0s") {
		t.Errorf("61 requests a minute: %v", err)
	}
}

func FuzzLook(f *testing.F) {
	f.Add([]byte("[" + entry(1, "ACME,BRK.B,^", "https://x.example.com/") + "]"))
	f.Add([]byte(`[null,{"datetime":-1,"id":9223372036854775807,"headline":"x","url":"://"}]`))
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
	f.Cleanup(server.Close)
	c := Defaults
	c.BaseURL = server.URL
	s := &source{config: c, now: time.Now, client: &fetch.Client{Timeout: time.Minute, MaxSize: 1 << 20}}
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
