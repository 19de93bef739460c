package discordtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const path = "/api/v10/channels/42/messages"

// ask sends a request as a well-behaved bot would.
func ask(t *testing.T, s *Server, method, path, body string) (status int, header http.Header, answer map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://discord.test"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bot token")
	req.Header.Set("User-Agent", "DiscordBot (https://example.com, 1)")
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		return 0, nil, map[string]any{"error": err.Error()}
	}
	text, _ := io.ReadAll(resp.Body)
	json.Unmarshal(text, &answer)
	return resp.StatusCode, resp.Header, answer
}

func post(embed string) string {
	return fmt.Sprintf(`{"embeds":[%s],"allowed_mentions":{"parse":[]}}`, embed)
}

func TestStrictness(t *testing.T) {
	title := func(n int) string { return post(fmt.Sprintf(`{"title":%q}`, strings.Repeat("x", n))) }
	field := func(name, value string) string {
		return post(fmt.Sprintf(`{"title":"t","fields":[{"name":%q,"value":%q}]}`, name, value))
	}
	long := strings.Repeat("y", 4096)
	for _, row := range []struct {
		name, body string
		want       int // Discord's code; 0 if it is taken
	}{
		{"a title", title(256), 0},
		{"a longer title", title(257), 50035},
		{"trimmed before counting", post(fmt.Sprintf(`{"title":"%s  "}`, strings.Repeat("x", 256))), 0},
		{"counted in UTF-16", post(fmt.Sprintf(`{"title":"%s"}`, strings.Repeat("😀", 129))), 50035},
		{"a field", field("n", "v"), 0},
		{"a field without a value", field("n", " "), 50035},
		{"a field that is long", field("n", strings.Repeat("v", 1025)), 50035},
		{"6,000 in all", fmt.Sprintf(`{"embeds":[{"description":%q},{"description":%q}],"allowed_mentions":{"parse":[]}}`, long, long), 50035},
		{"11 embeds", post(strings.Repeat(`{"title":"t"},`, 10) + `{"title":"t"}`), 50035},
		{"no text", post(`{"color":1}`), 50006},
		{"not a URL", post(`{"title":"t","url":"javascript:x"}`), 50035},
		{"a bad time", post(`{"title":"t","timestamp":"yesterday"}`), 50035},
		{"a bad color", post(`{"title":"t","color":16777216}`), 50035},
		{"unknown field", `{"ID":"1",` + post(`{"title":"t"}`)[1:], 50035},
		{"unknown field of an embed", post(`{"title":"t","colour":1}`), 50035},
		{"null", `{"embeds":[{"title":"t"}],"allowed_mentions":{"parse":null}}`, 50035},
		{"no allowed_mentions", `{"embeds":[{"title":"t"}]}`, 50035},
		{"a long nonce", `{"nonce":"` + strings.Repeat("n", 26) + `",` + post(`{"title":"t"}`)[1:], 50035},
		{"not JSON", `{"embeds":`, 50109},
		{"two values", post(`{"title":"t"}`) + "{}", 50109},
	} {
		s := New(Config{})
		status, _, answer := ask(t, s, "POST", path, row.body)
		code, _ := answer["code"].(float64)
		if int(code) != row.want || (status == 200) != (row.want == 0) {
			t.Errorf("%s: HTTP %d %v, want code %d", row.name, status, answer, row.want)
		}
	}
}

func TestWhoAndWhere(t *testing.T) {
	s := New(Config{Token: "another", Channels: []string{"7"}})
	if status, _, _ := ask(t, s, "POST", path, post(`{"title":"t"}`)); status != 401 {
		t.Errorf("HTTP %d for a wrong token, want 401", status)
	}
	s = New(Config{Channels: []string{"7"}})
	if status, _, answer := ask(t, s, "POST", path, post(`{"title":"t"}`)); status != 404 || answer["code"] != 10003.0 {
		t.Errorf("HTTP %d %v for an unknown channel, want 404 with 10003", status, answer)
	}
	if status, _, _ := ask(t, s, "GET", "/api/v9/gateway", ""); status != 404 {
		t.Errorf("HTTP %d for an unknown path, want 404", status)
	}
}

func TestNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		send := func(nonce string, enforce bool) any {
			_, _, answer := ask(t, s, "POST", path, fmt.Sprintf(`{"nonce":%q,"enforce_nonce":%t,`, nonce, enforce)+post(`{"title":"t"}`)[1:])
			return answer["id"]
		}
		first := send("a", true)
		if again := send("a", true); again != first {
			t.Errorf("the same nonce gave %v, want %v", again, first)
		}
		if other := send("b", true); other == first {
			t.Error("another nonce gave the same message")
		}
		if other := send("a", false); other == first {
			t.Error("a nonce that is not enforced gave the same message")
		}
		time.Sleep(6 * time.Minute)
		if late := send("a", true); late == first {
			t.Error("the nonce is remembered for longer than the window")
		}
	})
}

func TestEdit(t *testing.T) {
	s := New(Config{})
	_, _, created := ask(t, s, "POST", path, post(`{"title":"one"}`))
	edit := path + "/" + created["id"].(string)
	if status, _, _ := ask(t, s, "PATCH", edit, post(`{"title":"two"}`)); status != 200 {
		t.Errorf("HTTP %d for an edit, want 200", status)
	}
	if m := s.Messages()[0]; len(m.Versions) != 2 || m.Last().Embeds[0].Title != "two" {
		t.Errorf("versions %+v, want two", m.Versions)
	}
	s.Delete(created["id"].(string))
	if status, _, answer := ask(t, s, "PATCH", edit, post(`{"title":"3"}`)); status != 404 || answer["code"] != 10008.0 {
		t.Errorf("HTTP %d %v for a deleted message, want 404 with 10008", status, answer)
	}
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Creates: Limit{2, 5 * time.Second}, Global: Limit{4, time.Minute}})
		send := func() (int, http.Header, map[string]any) { return ask(t, s, "POST", path, post(`{"title":"t"}`)) }
		_, h, _ := send()
		if got := h.Get("X-RateLimit-Limit") + " " + h.Get("X-RateLimit-Remaining") + " " + h.Get("X-RateLimit-Reset-After"); got != "2 1 5.000" {
			t.Errorf("limit, remaining, reset after: %s, want 2 1 5.000", got)
		}
		send()
		time.Sleep(1500 * time.Millisecond)
		status, h, answer := send()
		if status != 429 || h.Get("Retry-After") != "4" || answer["retry_after"] != 3.5 || h.Get("X-RateLimit-Scope") != "user" {
			t.Errorf("HTTP %d %v %v, want 429 for 3.5s", status, h, answer)
		}
		time.Sleep(3500 * time.Millisecond)
		if status, _, _ := send(); status != 200 {
			t.Errorf("HTTP %d in a new window, want 200", status)
		}
		if status, h, answer := send(); status != 429 || h.Get("X-RateLimit-Global") != "true" || answer["global"] != true {
			t.Errorf("HTTP %d %v %v, want a global 429", status, h, answer)
		}
	})
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		faults := []*Fault{Status(503, 0, "down"), BadGateway().Done(), Reset(), RateLimited("shared", time.Second), Blocked(time.Minute), nil}
		s.Script(func(r Request) *Fault { return faults[r.N-1] })
		var got []int
		for range faults {
			status, _, _ := ask(t, s, "POST", path, post(`{"title":"t"}`))
			got = append(got, status)
		}
		if want := "[503 502 0 429 429 200]"; fmt.Sprint(got) != want {
			t.Errorf("answers %v, want %s", got, want)
		}
		if n := len(s.Messages()); n != 2 {
			t.Errorf("%d messages, want 2: the fault after processing and the one without fault", n)
		}
	})
}
