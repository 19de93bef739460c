package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
)

// A topic takes what is published and gives IDs, as the engine does. While it is
// down, publishing blocks until the context ends.
type topic struct {
	mu     sync.Mutex
	down   bool
	titles []string
	enter  chan struct{} // if not nil, told of each call
	leave  chan struct{} // if not nil, each call waits for it
}

func (to *topic) publish(ctx context.Context, messages ...*flows.Message) error {
	if to.enter != nil {
		to.enter <- struct{}{}
		<-to.leave
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.down {
		<-ctx.Done()
		return errors.New("broker 10.0.0.7 is down")
	}
	for _, m := range messages {
		m.ID = fmt.Sprint("id-", len(to.titles))
		to.titles = append(to.titles, m.Item.Title)
	}
	return nil
}

// serve runs the source until the test ends, and returns its URL and how to stop it.
func serve(t *testing.T, to *topic, change func(*Config)) (address string, stop func()) {
	t.Helper()
	c := Defaults
	c.Listen = "127.0.0.1:0"
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	built, err := Kind().New(&flows.Build{Name: t.Name(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, c)
	if err != nil {
		t.Fatal(err)
	}
	s := built.(*source)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, to.publish) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return "http://" + s.listener.Addr().String(), stop
}

func post(t *testing.T, address, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), res.Header
}

func TestItemsAreAccepted(t *testing.T) {
	for _, test := range []struct{ name, body, media, want string }{
		{"one", `{"title":"a"}`, "application/json", "a"},
		{"an array", ` [{"title":"a"},{"title":"b"}] `, "application/json; charset=utf-8", "a b"},
		{"lines", "{\"title\":\"a\"}\r\n\n{\"title\":\"b\"}\n", "application/x-ndjson", "a b"},
		{"one over several lines", "{\n\"title\":\n\"a\"}", "application/json", "a"},
		{"with a mark", "\ufeff" + `{"title":"a"}`, "application/vnd.news+json", "a"},
	} {
		to := &topic{}
		address, _ := serve(t, to, nil)
		code, answer, _ := post(t, address+"/items", test.body, "Content-Type", test.media)
		var got struct{ IDs []string }
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Errorf("%s: answer %q: %v", test.name, answer, err)
		}
		if code != 202 || strings.Join(to.titles, " ") != test.want || len(got.IDs) != len(to.titles) || got.IDs[0] != "id-0" {
			t.Errorf("%s: %d %s, published %q; want 202 with the ids of %q", test.name, code, answer, to.titles, test.want)
		}
	}
}

func TestBadRequestsAreRefusedWhole(t *testing.T) {
	to := &topic{}
	address, _ := serve(t, to, func(c *Config) { c.MaxSize = 100_000 })
	good := `{"title":"a"}`
	for _, test := range []struct {
		name, path, body string
		headers          []string
		code             int
		reason           string
	}{
		{"no JSON", "/items", "hello", nil, 400, "item 1: no JSON"},
		{"half an item", "/items", `{"title":`, nil, 400, "unexpected EOF"},
		{"half an array", "/items", `[` + good, nil, 400, "no JSON array"},
		{"nothing", "/items", " \n", nil, 400, "no item"},
		{"no items", "/items", "[]", nil, 400, "no item"},
		{"a wrong type", "/items", `[` + good + `,{"title":7}]`, nil, 400, "item 2 of 2: decode item: title: want string, not number"},
		{"an empty item", "/items", good + "\n{}", nil, 400, "no title, url, body or key"},
		{"null", "/items", "null", nil, 400, "no title, url, body or key"},
		{"deep", "/items", strings.Repeat("[", 50_000), nil, 400, "max depth"},
		{"many", "/items", strings.Repeat(good, 1001), nil, 400, "at most 1000"},
		{"long", "/items", `{"title":"` + strings.Repeat("x", 100_000) + `"}`, nil, 413, "longer than 100000"},
		{"another path", "/", good, nil, 404, "/items"},
		{"a form", "/items", good, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/json"},
		{"plain text, as a page may send", "/items", good, []string{"Content-Type", "text/plain"}, 415, "application/json"},
		{"no type", "/items", good, []string{"Content-Type", ""}, 415, "application/json"},
		{"compressed", "/items", good, []string{"Content-Encoding", "gzip"}, 415, "Content-Encoding"},
		{"a name made to point here", "/items", good, []string{"Host", "evil.example"}, 401, "token"},
	} {
		code, answer, _ := post(t, address+test.path, test.body, test.headers...)
		if code != test.code || !strings.Contains(answer, test.reason) {
			t.Errorf("%s: %d %s; want %d with %q", test.name, code, answer, test.code, test.reason)
		}
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "OPTIONS"} {
		req, _ := http.NewRequest(method, address+"/items", nil)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 405 || res.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, want 405", method, res.StatusCode)
		}
	}
	if len(to.titles) != 0 {
		t.Errorf("published %q", to.titles)
	}
}

func TestTheTokenIsAskedFor(t *testing.T) {
	to := &topic{}
	address, _ := serve(t, to, func(c *Config) { c.Token = "open sesame" })
	for _, test := range []struct {
		headers []string
		code    int
	}{
		{nil, 401},
		{[]string{"Authorization", "Bearer open sesam"}, 401},
		{[]string{"Authorization", "Bearer "}, 401},
		{[]string{"Authorization", "Basic open sesame"}, 401},
		{[]string{"X-Token", "OPEN SESAME"}, 401},
		{[]string{"Authorization", "Bearer open sesame"}, 202},
		{[]string{"X-Token", "open sesame"}, 202},
		{[]string{"X-Token", "open sesame", "Host", "news.example"}, 202},
	} {
		code, answer, header := post(t, address+"/items", `{"title":"a"}`, test.headers...)
		if code != test.code || strings.Contains(answer, "sesame") || (code == 401) != (header.Get("WWW-Authenticate") != "") {
			t.Errorf("%q: %d %s, want %d", test.headers, code, answer, test.code)
		}
	}
}

func TestWithoutTheTopicNothingIsAccepted(t *testing.T) {
	to := &topic{down: true}
	address, _ := serve(t, to, func(c *Config) { c.Timeout = 20 * time.Millisecond })
	code, answer, header := post(t, address+"/items", `{"title":"a"}`)
	if code != 503 || header.Get("Retry-After") == "" || strings.Contains(answer, "10.0.0.7") {
		t.Errorf("%d %s; want 503 that tells no internals", code, answer)
	}
}

func TestStoppingFinishesRequestsInHand(t *testing.T) {
	to := &topic{enter: make(chan struct{}), leave: make(chan struct{})}
	address, stop := serve(t, to, nil)
	answered := make(chan int)
	go func() {
		code, _, _ := post(t, address+"/items", `{"title":"a"}`)
		answered <- code
	}()
	<-to.enter
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	for { // the port is closed at once, while the request is still in hand
		c, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
		if err != nil {
			break
		}
		c.Close()
	}
	select {
	case <-stopped:
		t.Fatal("Run returned with a request in hand")
	default:
	}
	close(to.leave)
	if code := <-answered; code != 202 {
		t.Errorf("the request in hand was answered %d, want 202", code)
	}
	<-stopped
}

func TestTooManyRequestsAtOnceAreToldToWait(t *testing.T) {
	to := &topic{enter: make(chan struct{}), leave: make(chan struct{})}
	address, _ := serve(t, to, nil)
	var all sync.WaitGroup
	for range maxRequests {
		all.Go(func() { post(t, address+"/items", `{"title":"a"}`) })
	}
	for range maxRequests {
		<-to.enter
	}
	if code, _, header := post(t, address+"/items", `{"title":"a"}`); code != 503 || header.Get("Retry-After") == "" {
		t.Errorf("request %d at once: %d, want 503", maxRequests+1, code)
	}
	close(to.leave)
	all.Wait()
	if len(to.titles) != maxRequests {
		t.Errorf("%d items published, want %d", len(to.titles), maxRequests)
	}
}

func TestAPortInUseStopsTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &source{config: Config{Listen: l.Addr().String()}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "listen chooses the port") {
		t.Errorf("error %v, want one that says what to do", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	for listen, needsToken := range map[string]bool{
		"127.0.0.1:8081": false, "localhost:8081": false, "[::1]:8081": false,
		":8081": true, "0.0.0.0:8081": true, "192.168.1.5:8081": true, "[::]:8081": true, "news.example:80": true,
	} {
		c := Defaults
		c.Listen = listen
		if err := c.Validate(); (err != nil) != needsToken {
			t.Errorf("%s without a token: %v", listen, err)
		}
		c.Token = config.Secret("x")
		if err := c.Validate(); err != nil {
			t.Errorf("%s with a token: %v", listen, err)
		}
	}
	if err := (Config{Listen: "8081"}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("a bad configuration: %v; want four faults", err)
	}
}

func FuzzValues(f *testing.F) {
	for _, seed := range []string{`{"title":"a"}`, `[{"title":"a"},null]`, "{}\n{}", "[", "\ufeff[]", `{"a":1}{"b":2} 3 "x"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := values(body)
		if err != nil {
			return
		}
		for _, v := range all {
			if !json.Valid(v) || len(bytes.TrimSpace(v)) == 0 {
				t.Errorf("%q holds the value %q", body, v)
			}
		}
	})
}
