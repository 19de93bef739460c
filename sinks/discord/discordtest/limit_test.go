package discordtest

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func limitHeaders(h http.Header) string {
	return h.Get("X-RateLimit-Limit") + " " + h.Get("X-RateLimit-Remaining") + " " + h.Get("X-RateLimit-Reset-After")
}

func TestBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Creates: Limit{2, 5 * time.Second}})
		send := func() reply { return ask(t, s, "POST", path, with(`"content":"c"`)) }
		first := send()
		if got := limitHeaders(first.header); got != "2 1 5.000" {
			t.Errorf("limit, remaining, reset after: %s, want 2 1 5.000", got)
		}
		if got, want := first.header.Get("X-RateLimit-Reset"), fmt.Sprintf("%d.000", time.Now().Add(5*time.Second).Unix()); got != want {
			t.Errorf("reset at %s, want %s", got, want)
		}
		if first.header.Get("X-RateLimit-Scope") != "" || first.header.Get("X-RateLimit-Bucket") == "" {
			t.Errorf("headers %v, want a bucket and no scope", first.header)
		}
		time.Sleep(200 * time.Microsecond)
		want(t, "a bad one counts too", ask(t, s, "POST", path, "{"), 400, 50109)
		time.Sleep(1500 * time.Millisecond)
		r := send()
		got := map[string]any{"status": r.status, "body": r.body}
		for name := range r.header {
			got[name] = r.header.Get(name)
		}
		if diff := cmp.Diff(map[string]any{
			"status":                  429,
			"Content-Type":            "application/json",
			"Retry-After":             "4",
			"X-Ratelimit-Limit":       "2",
			"X-Ratelimit-Remaining":   "0",
			"X-Ratelimit-Reset":       fmt.Sprintf("%d.000", time.Now().Add(3499800*time.Microsecond).Unix()),
			"X-Ratelimit-Reset-After": "3.500", // 3.4998, not too early
			"X-Ratelimit-Bucket":      first.header.Get("X-RateLimit-Bucket"),
			"X-Ratelimit-Scope":       "user",
			"body":                    map[string]any{"code": 0.0, "message": "You are being rate limited.", "retry_after": 3.5, "global": false},
		}, got); diff != "" {
			t.Errorf("429 (-want +got):\n%s", diff)
		}
		time.Sleep(3500 * time.Millisecond)
		want(t, "a new window", send(), 200, 0)
	})
}

func TestBucketsAreApart(t *testing.T) {
	one := Limit{1, time.Minute}
	for name, c := range map[string]struct {
		config Config
		edit   int // status after a create
	}{
		"two buckets": {Config{Creates: one, Edits: one}, 200},
		"one bucket":  {Config{Creates: one, OneBucket: true}, 429},
	} {
		s := New(c.config)
		id := created(t, s)
		edit := ask(t, s, "PATCH", path+"/"+id, with(`"content":"c"`))
		if edit.status != c.edit {
			t.Errorf("%s: HTTP %d for the edit, want %d", name, edit.status, c.edit)
		}
		other := ask(t, s, "POST", "/api/v10/channels/43/messages", with(`"content":"c"`))
		want(t, "another channel", other, 200, 0)
		create := ask(t, s, "POST", path, with(`"content":"c"`))
		want(t, "another create", create, 429, 0)
		if a, b := other.header.Get("X-RateLimit-Bucket"), create.header.Get("X-RateLimit-Bucket"); a != b {
			t.Errorf("%s: buckets %s and %s for two channels, want one name", name, a, b)
		}
		if same := edit.header.Get("X-RateLimit-Bucket") == create.header.Get("X-RateLimit-Bucket"); same != (c.edit == 429) {
			t.Errorf("%s: creates and edits name the same bucket: %t", name, same)
		}
		want(t, "another bot", askAs(t, s, "bob", "POST", path, with(`"content":"c"`)), 200, 0)
	}
}

func TestRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Realistic()
		c.ServerWrites = Limit{9, time.Minute}
		c.Rooms = map[string]Room{
			"43": {Creates: Limit{2, time.Second}},
			"44": {Slowmode: 5 * time.Second},
			"45": {Writes: Limit{1, 300 * time.Millisecond}},
			"46": {Announcements: Limit{1, time.Hour}},
		}
		s := New(c)
		send := func(channel string) reply {
			return ask(t, s, "POST", "/api/v10/channels/"+channel+"/messages", with(`"content":"c"`))
		}
		if got := limitHeaders(send("43").header); got != "2 1 1.000" {
			t.Errorf("limit, remaining, reset after of a narrow channel: %s, want 2 1 1.000", got)
		}
		want(t, "slow mode", send("44"), 200, 0)
		r := send("44")
		want(t, "slow mode", r, 429, 20016)
		if r.body["retry_after"] != 5.0 || r.header.Get("X-RateLimit-Scope") != "user" || limitHeaders(r.header) != "5 3 5.000" {
			t.Errorf("slow mode: %v %v", r.header, r.body)
		}
		want(t, "the channel's writes", send("45"), 200, 0)
		r = send("45")
		want(t, "the channel's writes", r, 429, 20028)
		if r.body["retry_after"] != .3 || r.header.Get("X-RateLimit-Scope") != "shared" {
			t.Errorf("writes: %v %v", r.header, r.body)
		}
		id := send("46").id()
		for _, code := range []int{0, 20022} {
			r := ask(t, s, "PATCH", "/api/v10/channels/46/messages/"+id, with(`"content":"c"`))
			if r.code() != code {
				t.Errorf("announcement: HTTP %d %v, want code %d", r.status, r.body, code)
			}
		}
		for range 4 {
			send("47")
		}
		want(t, "the server's writes", send("47"), 429, 20029)
	})
}

func TestGlobalLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Creates: Limit{5, time.Second}, Global: Limit{4, time.Minute}})
		for i := range 4 {
			want(t, "get", ask(t, s, "GET", fmt.Sprint("/api/v10/channels/", i), ""), 200, 0)
		}
		r := ask(t, s, "POST", path, with(`"content":"c"`))
		if r.status != 429 || r.header.Get("X-RateLimit-Global") != "true" || r.header.Get("X-RateLimit-Scope") != "global" ||
			r.header.Get("X-RateLimit-Limit") != "" || r.body["global"] != true || r.body["retry_after"] != 60.0 {
			t.Errorf("HTTP %d %v %v, want a global 429 without headers of the route", r.status, r.header, r.body)
		}
		want(t, "another bot", askAs(t, s, "bob", "POST", path, with(`"content":"c"`)), 200, 0)
		time.Sleep(time.Minute)
		if r := ask(t, s, "POST", path, with(`"content":"c"`)); limitHeaders(r.header) != "5 4 1.000" {
			t.Errorf("%v: what was refused globally must not count for the route", r.header)
		}
	})
}

func TestBan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Token: "token", Invalid: Limit{3, 10 * time.Minute}, Ban: time.Hour})
		s.Script(func(r Request) *Fault {
			if r.N < 3 {
				return Error(20028) // shared
			}
			return nil
		})
		for range 2 {
			ask(t, s, "POST", path, "")
		}
		wrong := func() reply { return askAs(t, s, "wrong", "GET", "/api/v10/users/@me", "") }
		wrong()
		wrong()
		time.Sleep(10 * time.Minute)
		if n := s.Invalid(); n != 0 {
			t.Errorf("%d invalid requests after ten minutes, want 0", n)
		}
		for range 3 {
			want(t, "a wrong token", wrong(), 401, 0)
		}
		time.Sleep(time.Second)
		r := ask(t, s, "POST", path, with(`"content":"c"`))
		if r.status != 429 || r.header.Get("Retry-After") != "3599" || r.header.Get("Content-Type") != "text/html; charset=UTF-8" || r.body != nil || !s.Banned() {
			t.Errorf("HTTP %d %v %v, want HTML for 3599 s", r.status, r.header, r.body)
		}
		if n := len(s.Messages()); n != 0 {
			t.Errorf("%d messages during the ban, want none", n)
		}
		time.Sleep(time.Hour)
		want(t, "after the ban", ask(t, s, "POST", path, with(`"content":"c"`)), 200, 0)
	})
}

// A request costs with 100,000 messages what it costs with none.
func TestManyMessages(t *testing.T) {
	cost := func(s *Server) time.Duration {
		const n = 1000
		began := time.Now()
		for i := range n {
			r := ask(t, s, "POST", path, with(fmt.Sprintf(`"content":"c","nonce":"%d","enforce_nonce":true`, i)))
			want(t, "create", r, 200, 0)
			want(t, "edit", ask(t, s, "PATCH", path+"/"+r.id(), with(`"content":"d"`)), 200, 0)
		}
		return time.Since(began) / n
	}
	few, many := New(Config{}), New(Config{})
	for i := range 100_000 {
		many.once(&Message{Channel: "42", Author: "1", Versions: []Version{{At: time.Now()}}}, fmt.Sprint(i), true, time.Now())
	}
	a, b := cost(few), cost(many)
	t.Logf("%s with none, %s with 100,000", a, b)
	if b > 10*a {
		t.Errorf("a create and an edit take %s with 100,000 messages, %s with none", b, a)
	}
}

func BenchmarkCreate(b *testing.B) {
	s := New(Realistic())
	s.config.Creates, s.config.Global = Limit{}, Limit{}
	for b.Loop() {
		if r := ask(b, s, "POST", path, with(`"content":"c"`)); r.status != 200 {
			b.Fatal(r.status)
		}
	}
}
