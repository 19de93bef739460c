package discordtest

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// rules returns the request and rule of each violation.
func rules(s *Server) string {
	var all []string
	for _, v := range s.Violations() {
		all = append(all, fmt.Sprint(v.Request.N, " ", v.Rule))
	}
	return fmt.Sprint(all)
}

func blamed(t *testing.T, s *Server, want string) {
	t.Helper()
	if got := rules(s); got != want {
		t.Errorf("violations %s, want %s", got, want)
	}
}

func TestWaitForTheReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Creates: Limit{2, 5 * time.Second}})
		send := func() { ask(t, s, "POST", path, with(`"content":"c"`)) }
		send()
		send() // nothing remains
		time.Sleep(5 * time.Second)
		send()
		send()
		blamed(t, s, "[]")
		time.Sleep(time.Second)
		send() // too early: 429
		ask(t, s, "POST", "/api/v10/channels/43/messages", with(`"content":"c"`))
		blamed(t, s, "[5 did not wait]")
		s.Forget()
		send() // another process
		time.Sleep(4 * time.Second)
		send()
		send()
		time.Sleep(time.Second)
		send() // too early, and over a limit that it knows: blamed once
		blamed(t, s, "[5 did not wait 10 did not wait]")
	})
}

// What a process that is no more is told, the next one does not know.
func TestAnswersToTheForgottenTeachNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Creates: Limit{1, 5 * time.Second}, Latency: 100 * time.Millisecond})
		for range 2 { // the second is told to wait
			go ask(t, s, "POST", path, with(`"content":"c"`))
		}
		synctest.Wait()
		s.Forget()
		time.Sleep(time.Second)
		ask(t, s, "POST", path, with(`"content":"c"`))
		blamed(t, s, "[]")
	})
}

// Who sends much at once meets a 429 that nobody could foresee; once.
func TestBreakALimitTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Creates: Limit{2, 5 * time.Second}, Latency: 100 * time.Millisecond})
		burst := func() {
			for range 4 {
				go ask(t, s, "POST", path, with(`"content":"c"`))
			}
			time.Sleep(6 * time.Second)
		}
		burst()
		blamed(t, s, "[]")
		burst()
		if v := s.Violations(); len(v) != 2 || v[0].Rule != RuleLimit || v[1].Rule != RuleLimit {
			t.Errorf("violations %s, want two of a known limit", rules(s))
		}
		if got := s.Statuses(); got[200] != 4 || got[429] != 4 {
			t.Errorf("answers %v, want four and four", got)
		}
	})
}

func TestWaitAfter429(t *testing.T) {
	for name, c := range map[string]struct {
		fault *Fault
		want  string // of a create, one in another channel, an edit and another bot's
	}{
		"user":       {RateLimited("user", 2*time.Second), "[2 did not wait]"},
		"shared":     {RateLimited("shared", 2*time.Second), "[2 did not wait]"},
		"a code":     {Error(20028), "[]"}, // one second
		"global":     {RateLimited("global", 2*time.Second), "[2 did not wait 3 did not wait 4 did not wait]"},
		"cloudflare": {Blocked(2 * time.Second), "[2 did not wait 3 did not wait 4 did not wait 5 did not wait]"},
		"no 429":     {Status(503, 0, "down"), "[]"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{})
			s.Script(func(r Request) *Fault {
				if r.N == 1 {
					return c.fault
				}
				return nil
			})
			ask(t, s, "POST", path, with(`"content":"c"`))
			time.Sleep(1500 * time.Millisecond)
			id := created(t, s)
			ask(t, s, "POST", "/api/v10/channels/43/messages", with(`"content":"c"`))
			ask(t, s, "PATCH", path+"/"+id, with(`"content":"c"`))
			askAs(t, s, "bob", "POST", path, with(`"content":"c"`))
			time.Sleep(500 * time.Millisecond)
			created(t, s)
			if got := rules(s); got != c.want {
				t.Errorf("%s: violations %s, want %s", name, got, c.want)
			}
		})
	}
}

// What was sent before the answer came is no violation, and neither is what was
// sent a little early and came in time.
func TestOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{
			Creates: Limit{1, time.Second},
			Delay:   func(Request) (there, back time.Duration) { return 100 * time.Millisecond, 100 * time.Millisecond },
		})
		send := func() { go ask(t, s, "POST", path, with(`"content":"c"`)) }
		send()
		time.Sleep(150 * time.Millisecond)
		send() // the answer is under way
		time.Sleep(time.Second - 150*time.Millisecond)
		send() // 100 ms before the reset
		time.Sleep(time.Second)
		blamed(t, s, "[]")
		if got := s.Statuses(); got[200] != 2 || got[429] != 1 {
			t.Errorf("answers %v, want 200 twice", got)
		}
	})
}

func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Creates: Limit{1, time.Second}, Grace: 50 * time.Millisecond})
		send := func() { ask(t, s, "POST", path, with(`"content":"c"`)) }
		send()
		time.Sleep(50 * time.Millisecond)
		send()
		blamed(t, s, "[]")
		time.Sleep(time.Millisecond)
		send()
		blamed(t, s, "[3 did not wait]")
	})
}
