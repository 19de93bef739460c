package discordtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const path = "/api/v10/channels/42/messages"

// A reply is what a test was answered.
type reply struct {
	status int // 0 if the connection was closed
	header http.Header
	body   map[string]any
	err    error
}

func (r reply) code() int {
	code, _ := r.body["code"].(float64)
	return int(code)
}

func (r reply) id() string {
	id, _ := r.body["id"].(string)
	return id
}

// ask sends a request as a well-behaved bot would.
func ask(t testing.TB, s *Server, method, path, body string) reply {
	t.Helper()
	return askAs(t, s, "token", method, path, body)
}

func askAs(t testing.TB, s *Server, token, method, path, body string) reply {
	t.Helper()
	return do(t, s.Transport(), request(t, "http://discord.test", token, method, path, body))
}

func request(t testing.TB, base, token, method, path, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bot "+token)
	req.Header.Set("User-Agent", "DiscordBot (https://example.com, 1)")
	req.Header.Set("Content-Type", "application/json")
	return req
}

func do(t testing.TB, transport http.RoundTripper, req *http.Request) reply {
	t.Helper()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, header: resp.Header}
	text, err := io.ReadAll(resp.Body)
	if r.err = err; err == nil {
		json.Unmarshal(text, &r.body)
	}
	return r
}

func post(embed string) string { return with(`"embeds":[` + embed + `]`) }

// with is a body that pings nobody.
func with(fields string) string { return `{` + fields + `,"allowed_mentions":{"parse":[]}}` }

// created posts a message and returns its id.
func created(t testing.TB, s *Server) string {
	t.Helper()
	r := ask(t, s, "POST", path, post(`{"title":"t"}`))
	if r.id() == "" {
		t.Fatalf("create: HTTP %d %v", r.status, r.body)
	}
	return r.id()
}

func want(t testing.TB, what string, r reply, status, code int) {
	t.Helper()
	if r.status != status || r.code() != code {
		t.Errorf("%s: HTTP %d %v, want %d with code %d", what, r.status, r.body, status, code)
	}
}

func TestWhoAndWhere(t *testing.T) {
	s := New(Config{Token: "token", Channels: []string{"42"}})
	body := post(`{"title":"t"}`)
	want(t, "the right one", ask(t, s, "POST", path, body), 200, 0)
	want(t, "a wrong token", askAs(t, s, "another", "POST", path, body), 401, 0)
	want(t, "an unknown channel", ask(t, s, "POST", "/api/v10/channels/7/messages", body), 404, 10003)
	want(t, "no id", ask(t, s, "POST", "/api/v10/channels/news/messages", body), 400, 50035)
	want(t, "an unknown path", ask(t, s, "GET", "/api/v9/gateway", ""), 404, 0)
	want(t, "the channel", ask(t, s, "GET", "/api/v10/channels/42", ""), 200, 0)
	want(t, "the bot", ask(t, s, "GET", "/api/v10/users/@me", ""), 200, 0)

	req := request(t, "http://discord.test", "token", "POST", path, body)
	req.Header.Set("User-Agent", "curl/8")
	want(t, "another client", do(t, s.Transport(), req), 403, 40333)

	for _, code := range []int{10003, 50001, 50013} {
		s.Refuse("42", code)
		want(t, "a closed channel", ask(t, s, "POST", path, body), texts[code].status, code)
	}
	s.Refuse("42", 0)
	want(t, "an open channel", ask(t, s, "POST", path, body), 200, 0)
	s.AcceptOnly("next")
	want(t, "a token that was reset", ask(t, s, "POST", path, body), 401, 0)
}

// On a network things are as in a bubble.
func TestOverHTTP(t *testing.T) {
	s := New(Realistic())
	url := s.Start(t)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	faults := []*Fault{nil, Half(), Reset().Done(), BadGateway(), Garbage(), nil}
	s.Script(func(r Request) *Fault { return faults[r.N-1] })
	var got []string
	for range faults {
		r := do(t, transport, request(t, url, "token", "POST", path, post(`{"title":"t"}`)))
		got = append(got, fmt.Sprint(r.status, r.err != nil, r.id() != ""))
	}
	if want := "[200 false true 200 true false 0 true false 502 false false 200 false false 200 false true]"; fmt.Sprint(got) != want {
		t.Errorf("status, failed, id: %v, want %s", got, want)
	}
	if n := len(s.Messages()); n != 4 {
		t.Errorf("%d messages, want 4: the half and the lost answer had taken effect", n)
	}
}
