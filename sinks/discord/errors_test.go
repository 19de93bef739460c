package discord

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

// recordedLog keeps what was logged above debug.
type recordedLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *recordedLog) Enabled(_ context.Context, level slog.Level) bool {
	return level > slog.LevelDebug
}
func (l *recordedLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *recordedLog) WithGroup(string) slog.Handler      { return l }

func (l *recordedLog) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

func (l *recordedLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// Each row is an answer that Discord gives to every create.
func TestErrorsOfCreate(t *testing.T) {
	type verdict int
	const (
		permanent verdict = iota
		parked
	)
	formBody := &discordtest.Fault{Status: 400, Body: `{"code":50035,"message":"Invalid Form Body","errors":{"embeds":{"0":{"title":{"_errors":[{"code":"BASE_TYPE_MAX_LENGTH","message":"Must be 256 or fewer in length."}]}}}}}`}
	for _, row := range []struct {
		name     string
		fault    *discordtest.Fault
		want     verdict
		says     string        // part of the error
		wait     time.Duration // named in the error
		requests int           // made for one alert
		logs     string        // the one line logged begins so; none if empty
	}{
		{"50035", formBody, permanent, "Must be 256 or fewer", 0, 1, ""},
		{"50006", discordtest.Status(400, 50006, "Cannot send an empty message"), permanent, "empty message", 0, 1, ""},
		{"other 400", discordtest.Status(400, 0, "400: Bad Request"), permanent, "Bad Request", 0, 1, ""},
		{"automod", discordtest.Status(400, 200000, "blocked by automatic moderation"), permanent, "moderation", 0, 1, ""},
		{"harmful link", discordtest.Status(403, 240000, "harmful link"), permanent, "harmful", 0, 1, ""},
		{"413", discordtest.Status(413, 40005, "Request entity too large"), permanent, "too large", 0, 1, ""},
		{"401", discordtest.Status(401, 0, "401: Unauthorized"), parked, "set DISCORD_TOKEN", operatorWait, 1, "ERROR discord_refused"},
		{"40001", discordtest.Error(40001), parked, "set DISCORD_TOKEN", operatorWait, 1, "ERROR discord_refused"},
		{"50014", discordtest.Error(50014), parked, "set DISCORD_TOKEN", operatorWait, 1, "ERROR discord_refused"},
		{"10004", discordtest.Error(10004), parked, "set DISCORD_CHANNEL", operatorWait, 1, "ERROR discord_refused"},
		{"10003", discordtest.Status(404, 10003, "Unknown Channel"), parked, "set DISCORD_CHANNEL", operatorWait, 1, "ERROR discord_refused"},
		{"50001", discordtest.Status(403, 50001, "Missing Access"), parked, "allow it View Channel", operatorWait, 1, "ERROR discord_refused"},
		{"50013", discordtest.Status(403, 50013, "Missing Permissions"), parked, "allow it Send Messages", operatorWait, 1, "ERROR discord_refused"},
		{"locked thread", discordtest.Error(160005), parked, "unlock it", operatorWait, 1, "ERROR discord_refused"},
		{"other 403", discordtest.Status(403, 0, "Forbidden"), parked, "check the bot's permissions", operatorWait, 1, "ERROR discord_refused"},
		{"not Discord", &discordtest.Fault{Status: 404, Body: "<h1>nginx"}, parked, "check base_url", operatorWait, 1, "ERROR discord_refused"},
		{"redirect", &discordtest.Fault{Status: 302, Header: map[string][]string{"Location": {"https://evil.example/"}}}, parked, "check base_url", operatorWait, 1, "ERROR discord_refused"},
		{"500", discordtest.Status(500, 0, "Internal Server Error"), parked, "HTTP 500", 0, tries, "WARN discord_unreachable"},
		{"502 in HTML", discordtest.BadGateway(), parked, "HTTP 502", 0, tries, "WARN discord_unreachable"},
		{"503", discordtest.Status(503, 0, ""), parked, "HTTP 503", 0, tries, "WARN discord_unreachable"},
		{"connection reset", discordtest.Reset(), parked, "connection reset", 0, tries, "WARN discord_unreachable"},
		{"no answer", discordtest.Hang(), parked, "deadline exceeded", 0, tries, "WARN discord_unreachable"},
		{"2xx without a message", &discordtest.Fault{Status: 200, Body: "{}"}, parked, "no id", 0, 1, ""},
		{"429 for an hour", discordtest.RateLimited("user", time.Hour), parked, "HTTP 429", time.Hour, 1, "WARN discord_rate_limited"},
		{"429 without end", discordtest.RateLimited("shared", time.Second), parked, "HTTP 429", time.Second, tries + 1, "WARN discord_rate_limited"},
		{"429 in HTML", discordtest.Blocked(90 * time.Second), parked, "1015", 90 * time.Second, 1, "WARN discord_rate_limited"},
		{"20028", discordtest.Error(20028), parked, "HTTP 429", time.Second, tries + 1, "WARN discord_rate_limited"},
		{"20029", discordtest.Error(20029), parked, "HTTP 429", time.Second, tries + 1, "WARN discord_rate_limited"},
		{"40062", discordtest.Error(40062), parked, "HTTP 429", time.Second, tries + 1, "WARN discord_rate_limited"},
		{"slow mode", discordtest.Status(400, 20016, "slow mode"), parked, "slow mode", 5 * time.Second, tries + 1, "WARN discord_rate_limited"},
	} {
		t.Run(row.name, func(t *testing.T) {
			onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
				b.server.Script(func(discordtest.Request) *discordtest.Fault { return row.fault })
				batch := sinktest.Messages(1)
				err := b.announce(t.Context(), batch...)

				down, isDown := flows.AsUnavailable(err)
				switch {
				case row.want == permanent && !flows.IsPermanent(err):
					t.Errorf("error %v, want a permanent one", err)
				case row.want == parked && (!isDown || down.Dependency != "discord" || down.Wait != row.wait):
					t.Errorf("error %v, want discord unavailable for %s", err, row.wait)
				}
				if err == nil || !strings.Contains(err.Error(), row.says) {
					t.Errorf("error %v, want it to say %q", err, row.says)
				}
				if n := len(b.server.Requests()); n != row.requests {
					t.Errorf("%d requests, want %d", n, row.requests)
				}
				for _, e := range b.ledger.All() {
					if e.ID != "" || e.State != "planned:" {
						t.Errorf("recorded %+v, want nothing but the plan", e)
					}
				}
				logs := b.log.all()
				if row.logs == "" && len(logs) != 0 || row.logs != "" && (len(logs) != 1 || !strings.HasPrefix(logs[0], row.logs)) {
					t.Errorf("logged %q, want %q", logs, row.logs)
				}
			})
		})
	}
}

// What an edit meets that a create cannot.
func TestErrorsOfEdit(t *testing.T) {
	for name, fault := range map[string]*discordtest.Fault{
		"10008": discordtest.Status(404, 10008, "Unknown Message"),
		"50005": discordtest.Status(403, 50005, "Cannot edit a message authored by another user"),
		"50083": discordtest.Error(50083),
		"30046": discordtest.Status(429, 30046, "Maximum number of edits to messages older than 1 hour reached"),
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
				if err := b.announce(t.Context(), sinktest.Messages(1)...); err != nil {
					t.Fatal(err)
				}
				b.server.Script(func(discordtest.Request) *discordtest.Fault { return fault })
				for range 2 {
					if err := b.deliver(t.Context(), sinktest.Messages(1)...); err != nil {
						t.Errorf("error %v, want none: the edit is given up", err)
					}
				}
				if n := len(b.server.Requests()); n != 2 {
					t.Errorf("%d requests, want 2: it is given up once", n)
				}
			})
		})
	}
}

// A token that was refused is not tried again with every alert, and one line in
// the log is enough; when Discord is well again, work goes on.
func TestRefusedOnce(t *testing.T) {
	onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
		b.server.Script(func(discordtest.Request) *discordtest.Fault { return discordtest.Status(401, 0, "401: Unauthorized") })
		for _, m := range sinktest.Messages(20) {
			if _, down := flows.AsUnavailable(b.announce(t.Context(), m)); !down {
				t.Fatalf("%s: %+v, want it parked", m.ID, m.Outcome())
			}
		}
		if n := len(b.server.Requests()); n != 1 {
			t.Errorf("%d requests with a refused token, want 1", n)
		}
		b.server.Script(nil)
		time.Sleep(operatorWait)
		if err := b.announce(t.Context(), sinktest.Messages(1)...); err != nil {
			t.Errorf("after %s: %v", operatorWait, err)
		}
		if logs := b.log.all(); len(logs) != 2 || !strings.HasPrefix(logs[1], "INFO discord_recovered") {
			t.Errorf("logged %q, want the refusal and the recovery", logs)
		}
	})
}

func TestNoErrorHoldsTheToken(t *testing.T) {
	for name, fault := range map[string]*discordtest.Fault{
		"400": discordtest.Status(400, 0, "you sent "+testToken),
		"401": discordtest.Status(401, 0, "Bot "+testToken+" is wrong"),
		"500": discordtest.Status(500, 0, testToken),
		"200": {Status: 200, Body: testToken},
	} {
		onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
			b.server.Script(func(discordtest.Request) *discordtest.Fault { return fault })
			err := b.announce(t.Context(), sinktest.Messages(1)...)
			for _, text := range append(b.log.all(), fmt.Sprintf("%v %+v", err, err)) {
				if strings.Contains(text, "secret-token") {
					t.Errorf("%s: %s", name, text)
				}
			}
		})
	}
}

// An edit that Discord has no time for is made when it has; what it will not have fails
// alone, and a channel that is closed parks.
func TestTroubleWithEdits(t *testing.T) {
	for name, c := range map[string]struct {
		fault *discordtest.Fault
		once  bool // the trouble is over with the next request
		check func(error) bool
	}{
		"20022":       {discordtest.Error(20022), true, func(err error) bool { return err == nil }},
		"429":         {discordtest.RateLimited("user", 3*time.Second), true, func(err error) bool { return err == nil }},
		"429 in HTML": {discordtest.Blocked(3 * time.Second), true, func(err error) bool { return err == nil }},
		"503":         {discordtest.Status(503, 0, ""), true, func(err error) bool { return err == nil }},
		"no answer":   {discordtest.Hang().Done(), true, func(err error) bool { return err == nil }},
		"50035":       {discordtest.Error(50035), false, flows.IsPermanent},
		"50006":       {discordtest.Error(50006), false, flows.IsPermanent},
		"50013":       {discordtest.Error(50013), false, isDown},
		"401":         {discordtest.Status(401, 0, "401: Unauthorized"), false, isDown},
		"500":         {discordtest.Status(500, 0, ""), false, isDown},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, discordtest.Config{}, testConfig(), func(t *testing.T, b *bench) {
				batch := sinktest.Messages(1)
				if err := b.announce(t.Context(), pendingOf(batch)...); err != nil {
					t.Fatal(err)
				}
				b.server.Script(func(r discordtest.Request) *discordtest.Fault {
					if c.once && r.N > 2 {
						return nil
					}
					return c.fault
				})
				err := b.deliver(t.Context(), batch...)
				if !c.check(err) {
					t.Errorf("ends with %v", err)
				}
				if c.once {
					wantVerdicts(t, b.server)
				}
			})
		})
	}
}

func isDown(err error) bool {
	_, down := flows.AsUnavailable(err)
	return down
}
