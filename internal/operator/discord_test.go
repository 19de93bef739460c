package operator

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/sinks/discord/discordtest"
)

var update = flag.Bool("update", false, "write the golden files")

// What each notice looks like in the channel.
func TestNotices(t *testing.T) {
	at := time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)
	paged := func(a Alarm) Notice { return page(record{At: at, Alarm: a}) }
	budget := func(level string) Alarm {
		return described(Alarm{Cause: "budget/2026-11-20/" + level, Level: Critical, Text: "$50.01 of the day's $50.00 for models are spent: until midnight UTC items get the free models, or none"})
	}
	llm := described(Alarm{Cause: "llm/gemini/gemini-3.1-flash-lite", Level: Critical, Text: "gemini gemini-3.1-flash-lite: auth: HTTP 403: API key was reported as leaked"})
	wire := Source{"globenewswire", flows.Health{Answered: at.Add(-2 * time.Hour), Newest: at.Add(-3 * time.Hour), Entries: 20}}
	silent := wire
	silent.Fault, silent.Failures, silent.FaultSince = errors.New("get from www.globenewswire.com: the server answers 403 Forbidden"), 7, at.Add(-2*time.Hour)
	empty := wire
	empty.Entries = 0
	halted := Segment{Topic: "news.raw", Waiting: 12, Oldest: 20 * time.Minute, Paused: &flows.Outage{
		Dependency: "discord", Since: at.Add(-6 * time.Minute), Err: errors.New("the bot may not post: allow it Send Messages and Embed Links in the channel"),
	}}
	slow := Segment{Topic: "news.analyse", Waiting: 5210, Oldest: 25 * time.Minute}
	start := Start{
		Version: "1.0", At: at, Sources: []string{"globenewswire", "prnewswire", "edgar-8k"}, Stages: []string{"dedupe", "prescale", "announce", "llm_router"},
		Sinks: []string{"discord"}, Providers: []string{"gemini", "anthropic"}, Broker: "redis://localhost:6379/0", Store: "sqlite://data/catalyst.db",
	}
	before := Facts{Items: 100, Alerts: 10, Poison: 1, Analyses: map[string]int64{"gemini": 5}}
	after := Facts{
		Items: 160, Duplicates: 31, Filtered: 9, Alerts: 30, Failures: 2, Poison: 3,
		Analyses: map[string]int64{"gemini": 20, "anthropic": 4, "cached": 1},
		Segments: []Segment{halted, slow}, Sources: []Source{wire, silent},
		Budget: Budget{Spent: 41_250_000_000, Limit: 50_000_000_000, Level: "warning"},
	}
	after.Sources[1].Name = "prnewswire"
	nobodyKnows := Facts{Poison: Unknown, Segments: []Segment{{Waiting: Unknown, Oldest: Unknown}}, Budget: Budget{Spent: Unknown, Level: "ok"}}
	hostile := Alarm{Cause: "x", Title: "@everyone **now**", Text: "[look](https://evil.example) <@1> ||x|| \u202egnorw discord.gg/abc # head\n# line `code`", Todo: "~~no~~"}

	var out bytes.Buffer
	for _, n := range []struct {
		name string
		Notice
	}{
		{"boot", Booted(start)},
		{"boot with nothing", Booted(Start{Version: "devel", At: at})},
		{"shutdown", Stopped(at.Add(-27*time.Hour), at, Facts{Items: 1, Alerts: 340}, nil)},
		{"shutdown after an error", Stopped(at.Add(-time.Minute), at, Facts{}, errors.New("source wire: panic: index out of range"))},
		{"heartbeat", beat(before, after, at, at.Add(-3*time.Hour), []string{"poison", "segment/news.raw"})},
		{"heartbeat of a quiet hour", beat(Facts{}, Facts{Sources: []Source{wire}}, at, at.Add(-time.Hour), nil)},
		{"heartbeat when nothing can be read", beat(nobodyKnows, nobodyKnows, at, at.Add(-time.Hour), nil)},
		{"breaker with a page", paged(llm)},
		{"breaker", paged(away(Model{"ollama", "mistral", true}))},
		{"over", over(record{At: at, Alarm: llm}, at.Add(50*time.Minute))},
		{"no price", paged(described(Alarm{Cause: "llm/openai/price", Level: Critical, Text: "nobody knows the price of gpt, so it cannot be asked under a budget: add it to the file that llm.prices names"}))},
		{"refused alerts", paged(described(Alarm{Cause: "discord/42", Level: Critical, Text: "the bot may not post: allow it Send Messages and Embed Links in the channel"}))},
		{"budget", paged(budget("over"))},
		{"one in poison", paged(poisoned(1))},
		{"many in poison", paged(poisoned(120))},
		{"paused", paged(paused(halted))},
		{"behind", paged(behind(slow))},
		{"silent source", paged(unanswered(silent))},
		{"stale source", paged(quiet(wire, at.Add(-121*time.Hour)))},
		{"empty source", paged(quiet(empty, at.Add(-121*time.Hour)))},
		{"unknown cause", paged(described(Alarm{Cause: "disk", Text: "full", Level: Critical}))},
		{"hostile text", paged(hostile)},
	} {
		n.From = "catalyst on host"
		e := render(n.Notice)
		fmt.Fprintf(&out, "=== %s (%s)\n#%06X %s\n%s\n", n.name, n.Kind, e.Color, e.Title, e.Description)
		for _, f := range e.Fields {
			fmt.Fprintf(&out, "  %s: %s\n", f.Name, f.Value)
		}
		fmt.Fprintf(&out, "-- %s, %s\n\n", e.Footer.Text, e.Timestamp)
	}
	path := filepath.Join("testdata", "notices.txt")
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// What Discord answers decides whether a notice comes again, and when.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		fault  *discordtest.Fault
		posted bool          // in the end
		within time.Duration // of the fault's end
		todo   string
	}{
		"bad gateway":     {discordtest.BadGateway(), true, 10 * time.Second, ""},
		"no answer":       {discordtest.Reset(), true, 10 * time.Second, ""},
		"lost answer":     {discordtest.Reset().Done(), true, 10 * time.Second, ""},
		"half an answer":  {discordtest.Half(), true, 10 * time.Second, ""},
		"garbage":         {discordtest.Garbage(), true, 10 * time.Second, ""},
		"rate limit":      {discordtest.RateLimited("user", 30*time.Second), true, 31 * time.Second, ""},
		"shared":          {discordtest.RateLimited("shared", 2*time.Second), true, 10 * time.Second, ""},
		"global":          {discordtest.RateLimited("global", 3*time.Second), true, 10 * time.Second, ""},
		"blocked in HTML": {discordtest.Blocked(time.Minute), true, 61 * time.Second, ""},
		"slow mode":       {discordtest.Error(20016), true, 10 * time.Second, ""},
		"form":            {discordtest.Error(50035), false, time.Hour, ""},
		"automod":         {discordtest.Error(200000), false, time.Hour, ""},
		"token":           {discordtest.Status(401, 0, "401: Unauthorized"), true, operatorWait, adviceToken},
		"no channel":      {discordtest.Error(10003), true, operatorWait, adviceChannel},
		"no permission":   {discordtest.Error(50013), true, operatorWait, adviceChannel},
		"another server":  {&discordtest.Fault{Status: 404, Body: "<h1>not here</h1>"}, true, operatorWait, adviceAddress},
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.discord.Script(func(r discordtest.Request) *discordtest.Fault {
					if r.N > 1 {
						return nil
					}
					return c.fault
				})
				o := d.operator()
				defer o.Close()
				o.Page(model, "key refused")
				d.after(c.within + time.Second)
				if c.posted {
					d.shows(modelDown)
				} else {
					d.shows()
					if n := len(d.discord.Requests()); n != 1 {
						d.Errorf("what is refused was sent %d times", n)
					}
				}
				if !strings.Contains(d.log.String(), c.todo) {
					d.Errorf("the log does not say %q:\n%s", c.todo, d.log)
				}
				o.Page("llm/p/next", "key refused") // and others are not held up
				d.after(time.Second)
				if got := d.titles(); len(got) == 0 || got[len(got)-1] != "next of p is not asked" {
					d.Errorf("the next notice is not there: %v", got)
				}
			})
		})
	}
}

// Limits are kept before Discord has to say so.
func TestLimitsAreKept(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := d.operator()
		defer o.Close()
		for i := range 23 {
			o.Page(fmt.Sprintf("llm/p/%d", i), "key refused")
		}
		d.after(30 * time.Second)
		if n := len(d.titles()); n != 23 {
			d.Errorf("%d notices, want 23", n)
		}
		if s := d.discord.Statuses(); s[429] > 0 {
			d.Errorf("answers %v: what headers said was not heeded", s)
		}
	})
}

// The token goes nowhere else, and into no error, even if a server throws it back.
func TestTokenStaysHome(t *testing.T) {
	elsewhere := ""
	poster := NewDiscord(testConfig(), transport(func(r *http.Request) *http.Response {
		if r.URL.Host != "discord.com" {
			elsewhere = r.Header.Get("Authorization")
		}
		w := response(http.StatusFound, `{"code": 0, "message": "`+r.Header.Get("Authorization")+`"}`)
		w.Header.Set("Location", "https://elsewhere.example/")
		return w
	}))
	err := poster.Post(t.Context(), Notice{ID: "x", Title: "x"})
	if err == nil || strings.Contains(err.Error(), secret) || elsewhere != "" || postError(err).Todo != adviceAddress {
		t.Errorf("%v; sent elsewhere: %q", err, elsewhere)
	}
}

type transport func(*http.Request) *http.Response

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r), nil }

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: readCloser{strings.NewReader(body)}}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// Waiting for Discord's sake ends with the context.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poster := NewDiscord(testConfig(), transport(func(*http.Request) *http.Response {
			return response(http.StatusTooManyRequests, `{"retry_after": 60}`)
		}))
		if err := poster.Post(t.Context(), Notice{}); postError(err).Wait < time.Minute {
			t.Errorf("%v, want a wait of a minute", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := poster.Post(ctx, Notice{})
		if wait := postError(err).Wait; wait < 58*time.Second || wait > time.Minute || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the rest of the minute", err)
		}
	})
}

// Whatever a notice says, Discord takes it, and it pings nobody.
func FuzzRender(f *testing.F) {
	f.Add("title", "text", "todo", "value")
	f.Add(strings.Repeat("*", 5000), strings.Repeat("👩‍👩‍👧‍👦", 2000), "@everyone", strings.Repeat("\u202e", 300))
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, title, text, todo, value string) {
		n := Notice{ID: text, Title: "T" + title, Text: text, Todo: todo, Since: time.Unix(1, 0), From: value}
		for range 2 * maxFields {
			n.Fields = append(n.Fields, Field{"F" + title, value})
		}
		server := discordtest.New(discordtest.Config{})
		if err := NewDiscord(testConfig(), server.Transport()).Post(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		for _, v := range server.Violations() {
			t.Error(v)
		}
		e := server.Messages()[0].Last().Embeds[0]
		if alert.Units(e.Description) > maxText+maxTodo+200 {
			t.Errorf("a description of %d characters", alert.Units(e.Description))
		}
	})
}

func FuzzSeconds(f *testing.F) {
	for _, s := range []string{"", "1.5", "-1", "NaN", "+Inf", "1e300", "0x10"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := seconds(s); d < 0 || d > maxWait+time.Second {
			t.Errorf("%q is %v", s, d)
		}
	})
}
