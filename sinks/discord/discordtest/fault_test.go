package discordtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaults(t *testing.T) {
	for _, row := range []struct {
		name   string
		fault  *Fault
		status int // 0 is none
		done   int // messages
		err    error
		took   time.Duration
	}{
		{"none", nil, 200, 1, nil, 0},
		{"503", Status(503, 0, "down"), 503, 0, nil, 0},
		{"500 when done", Status(500, 0, "oops").Done(), 500, 1, nil, 0},
		{"502 in HTML when done", BadGateway().Done(), 502, 1, nil, 0},
		{"reset", Reset(), 0, 0, syscall.ECONNRESET, 0},
		{"reset when done", Reset().Done(), 0, 1, syscall.ECONNRESET, 0},
		{"hang", Hang(), 0, 0, context.DeadlineExceeded, 10 * time.Second},
		{"hang when done", Hang().Done(), 0, 1, context.DeadlineExceeded, 10 * time.Second},
		{"slow", Slow(3 * time.Second), 200, 1, nil, 3 * time.Second},
		{"too slow", Slow(30 * time.Second), 0, 1, context.DeadlineExceeded, 10 * time.Second},
		{"half", Half(), 200, 1, io.ErrUnexpectedEOF, 0},
		{"garbage", Garbage(), 200, 0, nil, 0},
		{"garbage when done", Garbage().Done(), 200, 1, nil, 0},
		{"shared", RateLimited("shared", time.Second), 429, 0, nil, 0},
		{"cloudflare", Blocked(time.Second), 429, 0, nil, 0},
		{"50013", Error(50013), 403, 0, nil, 0},
		{"20029", Error(20029), 429, 0, nil, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{})
			s.Script(func(Request) *Fault { return row.fault })
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			began := time.Now()
			r := do(t, s.Transport(), request(t, "http://discord.test", "token", "POST", path, with(`"content":"c"`)).WithContext(ctx))
			if r.status != row.status || !errors.Is(r.err, row.err) || time.Since(began) != row.took {
				t.Errorf("%s: HTTP %d, %v after %s, want %d, %v after %s", row.name, r.status, r.err, time.Since(began), row.status, row.err, row.took)
			}
			if n := len(s.Messages()); n != row.done {
				t.Errorf("%s: %d messages, want %d", row.name, n, row.done)
			}
		})
	}
}

// A 429 of a fault has the headers of the route, as any other.
func TestRateLimitedHasHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Realistic())
		faults := []*Fault{nil, RateLimited("shared", 20*time.Second), RateLimited("user", 20*time.Second), RateLimited("global", 20*time.Second)}
		s.Script(func(r Request) *Fault { return faults[r.N-1] })
		var got []string
		for range faults {
			got = append(got, limitHeaders(ask(t, s, "POST", path, with(`"content":"c"`)).header))
		}
		if want := "[5 4 5.000 5 4 5.000 5 0 20.000   ]"; fmt.Sprint(got) != want {
			t.Errorf("limit, remaining, reset after: %s, want %s", got, want)
		}
	})
}

func TestDice(t *testing.T) {
	lost, down := Hang().Done(), Status(503, 0, "")
	script := func(seed uint64) func(Request) *Fault {
		return Dice(seed, Odds{"create", .05, lost}, Odds{"", .1, down})
	}
	requests := make([]Request, 10_000)
	for i := range requests {
		requests[i] = Request{Route: "create", Channel: "42", Nonce: fmt.Sprint(i % 5000)}
	}
	run := func(seed uint64, requests []Request) (faults map[string]*Fault, n map[*Fault]int) {
		faults, n = make(map[string]*Fault), make(map[*Fault]int)
		dice := script(seed)
		for _, r := range requests {
			f := dice(r)
			n[f]++
			if _, again := faults[r.Nonce]; !again {
				faults[r.Nonce] = f
			}
		}
		return faults, n
	}
	faults, n := run(1, requests)
	if math.Abs(float64(n[lost])-500) > 100 || math.Abs(float64(n[down])-1000) > 150 {
		t.Errorf("%d lost and %d down of 10,000, want about 500 and 1,000", n[lost], n[down])
	}
	slices.Reverse(requests)
	other, _ := run(1, requests)
	another, _ := run(2, requests)
	differ := 0
	for nonce, f := range faults {
		if other[nonce] != f {
			t.Fatalf("%s meets another fault in another order", nonce)
		}
		if another[nonce] != f {
			differ++
		}
	}
	if differ < 500 {
		t.Errorf("only %d requests meet another fault with another seed", differ)
	}
	if f := script(1)(Request{Route: "edit"}); f == lost {
		t.Error("an edit meets a fault of creates")
	}
}

func TestBurst(t *testing.T) {
	a, b := Reset(), Garbage()
	script := FirstOf(Burst(time.Minute, 2*time.Second, a), Burst(30*time.Second, 5*time.Second, b))
	var got []string
	now := time.Now()
	for second := range 70 {
		switch script(Request{At: now.Add(time.Duration(second) * time.Second)}) {
		case a:
			got = append(got, fmt.Sprint("a", second))
		case b:
			got = append(got, fmt.Sprint("b", second))
		}
	}
	if want := "[a0 a1 b2 b3 b4 b30 b31 b32 b33 b34 a60 a61 b62 b63 b64]"; fmt.Sprint(got) != want {
		t.Errorf("faults %v, want %s", got, want)
	}
}

func TestSpread(t *testing.T) {
	delay := Spread(1, 80*time.Millisecond, 400*time.Millisecond)
	trips := make([]time.Duration, 10_000)
	for i := range trips {
		there, back := delay(Request{Nonce: fmt.Sprint(i)})
		if there < 0 || back < there {
			t.Fatalf("%s there, %s back", there, back)
		}
		trips[i] = there + back
	}
	slices.Sort(trips)
	if m := trips[5000]; m < 75*time.Millisecond || m > 85*time.Millisecond {
		t.Errorf("median %s, want about 80ms", m)
	}
	if p := trips[9900]; p < 350*time.Millisecond || p > 450*time.Millisecond {
		t.Errorf("99th percentile %s, want about 400ms", p)
	}
}

func TestRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Delay: func(Request) (there, back time.Duration) { return time.Second, time.Second }, Token: "token"})
		began := time.Now()
		go askAs(t, s, "wrong", "POST", path, with(`"content":"c"`))
		go ask(t, s, "PATCH", path+"/7", with(`"content":"c"`))
		created(t, s)
		synctest.Wait()
		codes := make(map[string]bool)
		for _, r := range s.Requests() {
			codes[fmt.Sprint(r.Route, " ", r.Channel, " ", r.Message, " ", r.Status, " ", r.Code)] = true
			if r.At != began || r.Answered != began.Add(2*time.Second) {
				t.Errorf("%+v, want at once and answered after two seconds", r)
			}
		}
		if want := "map[create 42  200 0:true create 42  401 0:true edit 42 7 404 10008:true]"; fmt.Sprint(codes) != want {
			t.Errorf("requests %v, want %s", codes, want)
		}
		if most := s.MostAtOnce(); most["create"] != 2 || most["edit"] != 1 {
			t.Errorf("at once %v, want two creates and an edit", most)
		}
	})
}
