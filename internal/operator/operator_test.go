package operator

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/store"
	"catalyst/sinks/discord/discordtest"
)

const model = "llm/gemini/flash"

const (
	modelDown = "flash of gemini is not asked"
	modelBack = "Over: flash of gemini is not asked"
)

// A breaker that opens and closes fifty times is one notice, and one more when it has
// been closed for the cool-down.
func TestFlappingIsToldOnce(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := d.operator()
		defer o.Close()
		for range 50 {
			o.Page(model, "key refused")
			d.after(20 * time.Second)
			o.Clear(model)
			d.after(40 * time.Second)
		}
		d.shows(modelDown)
		d.after(Defaults.CoolDown)
		d.shows(modelDown, modelBack)

		o.Page(model, "key refused") // news again
		d.shows(modelDown, modelBack, modelDown)
		if n := strings.Count(d.log.String(), "operator_page"); n != 2 {
			d.Errorf("the log tells it %d times, want 2", n)
		}
	})
}

// Without a channel everything goes to the log, at once.
func TestLogOnly(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := New(func() (store.Notes, error) { return d.notes, nil }, d.logger())
		o.Page(model, "key refused")
		o.Page(model, "key refused")
		o.Clear(model)
		o.Clear(model)
		o.Page(model, "key refused")
		o.Say(Notice{Kind: Boot})
		o.Close()
		var events []string
		for line := range strings.Lines(d.log.String()) {
			_, event, _ := strings.Cut(line, "msg=")
			events = append(events, strings.Fields(event)[0])
		}
		if got, want := strings.Join(events, " "), "operator_page operator_clear operator_page"; got != want {
			d.Errorf("the log tells %s, want %s", got, want)
		}
		d.shows()
	})
}

// What was told before a restart is not told again, and what was told in the log only
// is news to the channel.
func TestRestart(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := d.operator()
		o.Page(model, "key refused")
		d.shows(modelDown)
		o.Close()
		for range 3 {
			o = d.operator()
			o.Page(model, "key refused")
			o.Close()
		}
		d.shows(modelDown)

		o = d.operator()
		o.Clear(model)
		d.after(Defaults.CoolDown)
		d.shows(modelDown, modelBack)
		o.Close()

		logOnly := New(func() (store.Notes, error) { return d.notes, nil }, d.logger())
		logOnly.Page("llm/claude/haiku", "no credit")
		logOnly.Close()
		o = d.operator()
		defer o.Close()
		o.Page("llm/claude/haiku", "no credit")
		d.shows(modelDown, modelBack, "haiku of claude is not asked")
	})
}

// A process that dies while Discord is away leaves its pages to the next one, which
// need not meet the cause again.
func TestUnpostedPageSurvives(t *testing.T) {
	for name, fault := range map[string]*discordtest.Fault{
		"never posted":               discordtest.BadGateway(),
		"posted, and nobody knew it": discordtest.Reset().Done(),
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(d *desk) {
				d.discord.Script(func(discordtest.Request) *discordtest.Fault { return fault })
				dead := d.operator()
				dead.Page(model, "key refused")
				dead.Page("llm/claude/price", "nobody knows the price")
				d.after(10 * time.Millisecond)
				left := d.notes.copy() // as a kill leaves them
				dead.Close()
				d.discord.Script(nil)

				d.notes = left
				o := d.operator()
				d.after(10 * time.Millisecond)
				d.shows(modelDown, "A model of claude has no price")
				o.Page(model, "key refused")
				d.shows(modelDown, "A model of claude has no price")
				o.Close()

				o = d.operator() // and it is posted once
				defer o.Close()
				d.after(time.Hour)
				d.shows(modelDown, "A model of claude has no price")
			})
		})
	}
}

// That a cause is over is told by the next process, if the first one could not.
func TestUnpostedClearSurvives(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := d.operator()
		o.Page(model, "key refused")
		d.shows(modelDown)
		d.discord.Script(func(discordtest.Request) *discordtest.Fault { return discordtest.BadGateway() })
		o.Clear(model)
		d.after(Defaults.CoolDown + time.Second)
		o.Close()
		d.discord.Script(nil)
		o = d.operator()
		defer o.Close()
		o.Clear(model) // its first look
		d.after(Defaults.CoolDown + time.Second)
		d.shows(modelDown, modelBack)
		if n := len(d.notes.notes); n != 0 {
			d.Errorf("%d notes are left: %v", n, d.notes.notes)
		}
	})
}

// Two processes that share their notes tell one cause once between them.
func TestTwoProcesses(t *testing.T) {
	atDesk(t, func(d *desk) {
		a, b := d.operator(), d.operator()
		defer a.Close()
		defer b.Close()
		a.Page(model, "key refused")
		d.after(time.Second)
		b.Page(model, "key refused")
		d.shows(modelDown)
	})
}

// An outage of Discord holds up nobody: notices wait in their order.
func TestOrderIsKept(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.discord.Script(func(discordtest.Request) *discordtest.Fault { return discordtest.BadGateway() })
		o := d.operator()
		defer o.Close()
		began := time.Now()
		var want []string
		for i := range 8 {
			o.Page(fmt.Sprintf("llm/p/%d", i), "key refused")
			want = append(want, fmt.Sprintf("%d of p is not asked", i))
		}
		if waited := time.Since(began); waited > 0 {
			d.Errorf("telling waited for %v", waited)
		}
		d.after(time.Hour)
		if n := len(d.discord.Requests()); n < 12 || n > 30 {
			d.Errorf("%d requests in an hour of outage, want some and not many", n)
		}
		d.discord.Script(nil)
		d.after(longestWait + 10*time.Second)
		d.shows(want...)
	})
}

// When there is too much to keep, the oldest heartbeats go, then whatever is no page.
func TestOutboxIsBounded(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.discord.Script(func(discordtest.Request) *discordtest.Fault { return discordtest.BadGateway() })
		o := d.operator()
		defer o.Close()
		o.Say(Notice{ID: "boot", Kind: Boot, Title: "boot"})
		d.after(time.Second)
		o.Page("llm/p/m", "key refused")
		d.after(time.Second)
		o.Say(Notice{ID: "again", Kind: Boot, Title: "boot again"})
		for i := range 3 * outboxSize {
			o.Say(Notice{ID: fmt.Sprint("beat ", i), Kind: Heartbeat, Title: fmt.Sprint("beat ", i)})
		}
		d.discord.Script(nil)
		d.after(longestWait + 3*time.Minute)
		got := d.titles()
		if len(got) != outboxSize || got[0] != "boot" || got[1] != "m of p is not asked" || got[2] != "boot again" ||
			got[3] != fmt.Sprint("beat ", 2*outboxSize+3) || got[outboxSize-1] != fmt.Sprint("beat ", 3*outboxSize-1) {
			d.Errorf("%d notices: %v … %v", len(got), got[:4], got[len(got)-1])
		}
	})
}

// Notes that are away keep no page from the operator.
func TestWithoutNotes(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.notes.fail(errAway)
		o := d.operator()
		defer o.Close()
		o.Page(model, "key refused")
		o.Page(model, "key refused")
		d.shows(modelDown)
		if !strings.Contains(d.log.String(), "not remembered over a restart") {
			d.Errorf("the log does not say what that means:\n%s", d.log)
		}
	})
	broken := New(func() (store.Notes, error) { return nil, errors.New("no such file") }, slog.New(slog.DiscardHandler))
	broken.Page(model, "key refused")
	broken.Clear(model)
	if err := broken.Close(); err != nil {
		t.Error(err)
	}
}

// A cause that has become worse is told again.
func TestRanks(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := d.operator()
		tell := func(n int64) { o.Raise(poisoned(n)); synctest.Wait() }
		for _, n := range []int64{1, 2, 9, 12, 3, 50, 99, 100} {
			tell(n)
		}
		d.shows("Messages in poison", "Messages in poison", "Messages in poison") // 1, 12, 100
		o.Close()
		o = d.operator()
		defer o.Close()
		tell(250)
		if n := len(d.titles()); n != 3 {
			d.Errorf("%d notices after a restart, want the same 3", n)
		}
		tell(1000)
		if n := len(d.titles()); n != 4 {
			d.Errorf("%d notices at 1000, want 4", n)
		}
	})
}

// No secret reaches the channel, the notes or the log.
func TestSecretsAreHidden(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := d.operator()
		o.Page(model, "401: the key "+secret+" was refused")
		o.Say(Notice{ID: "x", Kind: Boot, Title: secret, Text: secret, Todo: secret, Fields: []Field{{"Broker", "redis://u:" + secret + "@h"}}})
		synctest.Wait()
		o.Close()
		text := d.log.String()
		for _, m := range d.discord.Messages() {
			text += fmt.Sprintf("%+v", m)
		}
		for _, n := range d.notes.notes {
			text += string(n)
		}
		if strings.Contains(text, secret) || len(d.discord.Messages()) != 2 {
			d.Errorf("%d messages, and in all:\n%s", len(d.discord.Messages()), text)
		}
	})
}

func TestCloseTwice(t *testing.T) {
	atDesk(t, func(d *desk) {
		o := d.operator()
		o.Page(model, "key refused")
		o.Close() // posts it
		o.Close()
		o.Page("llm/p/other", "too late")
		o.Clear(model)
		o.Say(Notice{ID: "late", Kind: Boot, Title: "late"})
		d.after(time.Hour)
		d.shows(modelDown)
	})
}

// The end of the process waits a few seconds for Discord, and no longer.
func TestCloseDoesNotWaitForLong(t *testing.T) {
	atDesk(t, func(d *desk) {
		d.discord.Script(func(discordtest.Request) *discordtest.Fault { return discordtest.Hang() })
		o := d.operator()
		o.Page(model, "key refused")
		d.after(time.Minute)
		began := time.Now()
		o.Close()
		if waited := time.Since(began); waited > lastPosts {
			d.Errorf("closing took %v", waited)
		}
	})
}
