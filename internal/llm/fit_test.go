package llm_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"catalyst/internal/llm"
)

func TestAtHome(t *testing.T) {
	for base, want := range map[string]bool{
		"http://localhost:8080/v1":            true,
		"http://LOCALHOST./v1":                true,
		"http://127.0.0.1:1":                  true,
		"http://[::1]:8080":                   true,
		"http://[::ffff:10.0.0.1]:8080":       true,
		"http://10.1.2.3":                     true,
		"http://172.31.0.9":                   true,
		"http://192.168.1.5:11434":            true,
		"http://169.254.1.1":                  true,
		"http://100.101.102.103":              true,
		"http://[fd00::1]:8080":               true,
		"http://llama:8080":                   true,
		"http://gpu.local":                    true,
		"http://gpu.lan:8080":                 true,
		"http://host.docker.internal:8080":    true,
		"https://api.openai.com/v1":           false,
		"https://8.8.8.8":                     false,
		"http://172.32.0.1":                   false,
		"http://[2001:db8::1]":                false,
		"https://localhost.example.com":       false,
		"https://example.com/?host=localhost": false,
		"https://user:localhost@example.com/": false,
		"https://evil.com/10.0.0.1":           false,
		"localhost:8080":                      false,
		"":                                    false,
		"::":                                  false,
	} {
		if got := llm.AtHome(base); got != want {
			t.Errorf("%s is at home: %v, want %v", base, got, want)
		}
	}
}

func TestFits(t *testing.T) {
	r := llm.Request{System: strings.Repeat("a", 300), Prompt: strings.Repeat("b", 600)}
	for _, c := range []struct {
		maxTokens, context int
		fits               bool
	}{
		{100, 0, true}, {100, 400, true}, {101, 400, false}, {0, 299, false}, {1 << 30, 0, true},
	} {
		if fault := r.Fits(c.maxTokens, c.context); (fault == nil) != c.fits || fault != nil && fault.Class != llm.Context {
			t.Errorf("%d tokens of answer in %d: %v", c.maxTokens, c.context, fault)
		}
	}
}

func TestRetryIn(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"Rate limit reached. Please try again in 7m12s. Visit us": 432 * time.Second,
		"Please try again in 6.78s.":                              6780 * time.Millisecond,
		"Please retry in 20.04466179s.":                           20044661790,
		"try again in 1h2m3s":                                     time.Hour + 2*time.Minute + 3*time.Second,
		"try again in 120ms":                                      120 * time.Millisecond,
		"try again in a while":                                    0,
		"try again in 5 minutes":                                  0,
		"try again in ..s":                                        0,
		"try again in 99999999999999h":                            0,
		"":                                                        0,
	} {
		if got := llm.RetryIn(text); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestServerText(t *testing.T) {
	for body, want := range map[string]string{
		"plain": "plain",
		"\n<!DOCTYPE html><html><head><title>502 Bad\nGateway &amp; more</title>": "a page of HTML: 502 Bad\nGateway & more",
		"<html>no title</html>":                              "a page of HTML",
		"<title>" + strings.Repeat("x", 64<<10) + "</title>": "a page of HTML",
		`{"error":"<title>x</title>"}`:                       `{"error":"<title>x</title>"}`,
	} {
		if got := llm.ServerText(body); got != want {
			t.Errorf("%.40q says %q, want %q", body, got, want)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("1500", "20")
	f.Add("", "Fri, 31 Dec 2027 23:59:59 GMT")
	f.Add("NaN", "1e308")
	f.Add("-1", "try again in 7m12s")
	f.Fuzz(func(t *testing.T, ms, after string) {
		h := http.Header{"Retry-After-Ms": {ms}, "Retry-After": {after}}
		if d := llm.RetryAfter(h); d < 0 {
			t.Errorf("RetryAfter %v of %q, %q", d, ms, after)
		}
		if d := llm.RetryIn(after); d < 0 {
			t.Errorf("RetryIn %v of %q", d, after)
		}
	})
}

// A stream made of a whole answer reads as the events it was made of.
func TestStream(t *testing.T) {
	two := func(whole []byte) ([]llm.Event, error) {
		return []llm.Event{{Name: "a", Data: whole}, {Data: []byte(`{"b":2}`)}}, nil
	}
	for _, c := range []struct {
		name, kind string
		status     int
		body, want string
		class      llm.Class
	}{
		{"a whole answer", "application/json; charset=utf-8", 200, "{\n \"a\":\r\n1}", "event: a\ndata: { \"a\":1}\n\ndata: {\"b\":2}\n\n", ""},
		{"a stream", "text/event-stream", 200, "data: 1\n\n", "data: 1\n\n", ""},
		{"nothing said", "", 200, "data: 1\n\n", "data: 1\n\n", ""},
		{"an error", "application/json", 500, "{}", "{}", ""},
		{"a page", "text/html", 200, "<html>", "", llm.Network},
		{"a page of an error", "text/html", 500, "<html>", "<html>", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			recorder.Header().Set("Content-Type", c.kind)
			recorder.WriteHeader(c.status)
			recorder.WriteString(c.body)
			response := recorder.Result()
			err := llm.Stream(response, two)
			if c.class != "" {
				if e := llm.AsError(err); e == nil || e.Class != c.class {
					t.Errorf("error %v, want class %s", err, c.class)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(response.Body); err != nil || string(got) != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}
