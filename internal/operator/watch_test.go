package operator

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"catalyst/flows"
)

// A scene is a pipeline whose facts a test sets.
type scene struct {
	mu    sync.Mutex
	facts func(now time.Time) Facts
}

func (s *scene) set(facts func(now time.Time) Facts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts = facts
}

// watched runs a watch over the scene until the end of the test's bubble.
func (d *desk) watched(s *scene, change func(*Config)) (o *Operator, end func()) {
	o = d.operator()
	c := testConfig()
	if change != nil {
		change(&c)
	}
	w := &Watch{Operator: o, Config: c, Spent: func(context.Context) int64 { return 1_230_000_000 }, Look: func(context.Context) Facts {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.facts(time.Now())
	}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx) }()
	return o, func() { cancel(); <-ended; o.Close() }
}

// noBeats leaves out heartbeats, which other tests look at.
func noBeats(c *Config) { c.Every = 0 }

// well are the facts of a pipeline that has nothing to do.
func well(time.Time) Facts {
	return Facts{Segments: []Segment{{Topic: "news.raw"}}, Models: []Model{{Provider: "gemini", Name: "flash"}}}
}

// feed is a source that was answered just now and whose newest entry is of a time.
func feed(now, newest time.Time) Source {
	return Source{Name: "wire", Health: flows.Health{Answered: now, Entries: 20, Newest: newest}}
}

// From Friday evening to Tuesday morning nothing comes, feeds answer with what they
// had, and nothing is wrong. The earlier bot raised 382 alarms in such nights.
func TestQuietIsNoAlarm(t *testing.T) {
	atDesk(t, func(d *desk) {
		friday := time.Now()
		s := &scene{facts: func(now time.Time) Facts {
			f := well(now)
			f.Items, f.Filtered = 20, 20 // all that came was filtered
			f.Sources = []Source{feed(now, friday)}
			return f
		}}
		_, end := d.watched(s, noBeats)
		defer end()
		d.after(84 * time.Hour)
		d.shows()
		if strings.Contains(d.log.String(), "operator_page") {
			d.Errorf("a long weekend is called an outage:\n%s", d.log)
		}
	})
}

// A feed that answers the same for longer than any holiday is told of once, and so
// is that it goes on.
func TestStaleFeed(t *testing.T) {
	atDesk(t, func(d *desk) {
		began := time.Now()
		s := &scene{facts: func(now time.Time) Facts { return Facts{Poison: Unknown, Sources: []Source{feed(now, began)}} }}
		_, end := d.watched(s, noBeats)
		defer end()
		d.after(Defaults.QuietAfter - time.Minute)
		d.shows()
		d.after(2 * time.Minute)
		d.shows("wire has no news")
		d.after(10 * 24 * time.Hour)
		d.shows("wire has no news")
		s.set(func(now time.Time) Facts { return Facts{Poison: Unknown, Sources: []Source{feed(now, now)}} })
		d.after(Defaults.CoolDown + time.Minute)
		d.shows("wire has no news", "Over: wire has no news")
	})
}

// A feed that fails is told of when it failed several times and for a while: one bad
// poll of a feed that is read once an hour is none.
func TestFailingFeed(t *testing.T) {
	atDesk(t, func(d *desk) {
		began := time.Now()
		failing := func(failures int) func(time.Time) Facts {
			return func(now time.Time) Facts {
				h := flows.Health{Answered: began, Newest: began, Fault: errors.New("the server answers 403 Forbidden"), Failures: failures, FaultSince: began}
				return Facts{Poison: Unknown, Sources: []Source{{"wire", h}}}
			}
		}
		s := &scene{facts: failing(retries - 1)}
		_, end := d.watched(s, noBeats)
		defer end()
		d.after(3 * time.Hour)
		d.shows()
		s.set(failing(retries))
		d.after(lookEvery)
		d.shows("wire does not answer")
		d.after(200 * time.Hour) // nor is it called quiet
		d.shows("wire does not answer")
	})
}

// What nobody knows yet raises nothing and clears nothing.
func TestUnknownIsNoNews(t *testing.T) {
	atDesk(t, func(d *desk) {
		s := &scene{facts: func(time.Time) Facts {
			return Facts{Poison: Unknown, Sources: []Source{{Name: "wire"}}, Segments: []Segment{{Topic: "t", Waiting: Unknown, Oldest: Unknown}}}
		}}
		o, end := d.watched(s, noBeats)
		defer end()
		o.Raise(poisoned(1))
		o.Raise(unanswered(Source{Name: "wire", Health: flows.Health{Fault: errors.New("x")}}))
		d.after(300 * time.Hour)
		d.shows("Messages in poison", "wire does not answer")
	})
}

// A breaker that closes again within minutes is nobody's business; one that stays open
// is told, and not twice where the router has told it.
func TestBreakers(t *testing.T) {
	atDesk(t, func(d *desk) {
		s := &scene{facts: func(now time.Time) Facts {
			f := well(now)
			f.Models[0].Away = now.Minute()%4 != 0 // open for three minutes of four
			return f
		}}
		o, end := d.watched(s, noBeats)
		defer end()
		d.after(5 * time.Hour)
		d.shows()
		s.set(func(now time.Time) Facts { f := well(now); f.Models[0].Away = true; return f })
		d.after(Defaults.Patience + time.Minute)
		d.shows(modelDown)
		o.Page(model, "key refused")
		d.after(time.Hour)
		d.shows(modelDown)
		s.set(well)
		d.after(Defaults.CoolDown + time.Minute)
		d.shows(modelDown, modelBack)
	})
}

// A segment that waits for a dependency is told; that its queue grows meanwhile is
// the same cause. A queue that is late though nothing is down is one of its own.
func TestSegments(t *testing.T) {
	atDesk(t, func(d *desk) {
		began := time.Now()
		down := &flows.Outage{Dependency: "discord", Err: errors.New("HTTP 502"), Since: began}
		segment := func(p *flows.Outage, oldest time.Duration) func(time.Time) Facts {
			return func(time.Time) Facts {
				return Facts{Poison: Unknown, Segments: []Segment{{Topic: "news.raw", Waiting: 7, Oldest: oldest, Paused: p}}}
			}
		}
		s := &scene{facts: segment(down, time.Hour)}
		_, end := d.watched(s, noBeats)
		defer end()
		d.after(Defaults.Patience - time.Second)
		d.shows()
		d.after(2 * time.Hour)
		d.shows("news.raw waits for discord")
		s.set(segment(nil, time.Hour))
		d.after(Defaults.Patience + time.Minute)
		d.shows("news.raw waits for discord", "news.raw is behind")
		s.set(segment(nil, time.Second))
		d.after(Defaults.CoolDown + time.Minute)
		d.shows("news.raw waits for discord", "news.raw is behind", "Over: news.raw waits for discord", "Over: news.raw is behind")
	})
}

// What the sink has told of Discord is not told again of the segment that waits for it.
func TestPausedForAKnownCause(t *testing.T) {
	atDesk(t, func(d *desk) {
		down := &flows.Outage{Dependency: "discord", Err: errors.New("the bot may not post"), Since: time.Now()}
		s := &scene{facts: func(time.Time) Facts {
			return Facts{Poison: Unknown, Segments: []Segment{{Topic: "news.raw", Waiting: 7, Paused: down}}}
		}}
		o, end := d.watched(s, noBeats)
		defer end()
		o.Page("discord/42", "the bot may not post")
		d.after(time.Hour)
		d.shows("Alerts cannot be posted to 42")
	})
}

// Poison is told with the first message and each power of ten, and when it is empty.
func TestPoisonGrows(t *testing.T) {
	atDesk(t, func(d *desk) {
		s := &scene{facts: well}
		_, end := d.watched(s, noBeats)
		defer end()
		told := 0
		for _, step := range []struct {
			depth int64
			more  int
		}{{0, 0}, {1, 1}, {9, 0}, {10, 1}, {4, 0}, {30, 0}, {99, 0}, {480, 1}, {480, 0}} {
			s.set(func(now time.Time) Facts { f := well(now); f.Poison = step.depth; return f })
			d.after(time.Minute)
			told += step.more
			if got := len(d.titles()); got != told {
				d.Errorf("%d notices at a depth of %d, want %d", got, step.depth, told)
			}
		}
		s.set(well)
		d.after(Defaults.CoolDown + time.Minute)
		if got := d.titles(); len(got) != told+1 || got[told] != "Over: Messages in poison" {
			d.Errorf("%v, want the end of it", got)
		}
	})
}

// A restart in the middle of an outage tells nothing twice.
func TestRestartInAnOutage(t *testing.T) {
	atDesk(t, func(d *desk) {
		s := &scene{facts: func(now time.Time) Facts {
			f := well(now)
			f.Models[0].Away, f.Poison = true, 12
			return f
		}}
		for range 4 {
			_, end := d.watched(s, noBeats)
			d.after(Defaults.Patience + time.Minute)
			end()
		}
		d.shows("Messages in poison", modelDown)
		s.set(well)
		_, end := d.watched(s, noBeats) // of which only earlier processes have told
		defer end()
		d.after(Defaults.CoolDown + time.Minute)
		if got := d.titles(); len(got) != 4 {
			d.Errorf("%v, want both and that both are over", got)
		}
	})
}

// The heartbeat comes every hour and says what has come since the last one.
func TestHeartbeats(t *testing.T) {
	atDesk(t, func(d *desk) {
		began := time.Now()
		s := &scene{facts: func(now time.Time) Facts {
			minutes := int64(now.Sub(began) / time.Minute)
			f := well(now)
			f.Items, f.Alerts, f.Analyses = minutes, minutes/10, map[string]int64{"gemini": minutes / 20}
			f.Budget = Budget{Spent: Unknown, Limit: 50_000_000_000, Level: "ok"}
			return f
		}}
		_, end := d.watched(s, nil)
		defer end()
		d.after(59 * time.Minute)
		d.shows()
		d.after(time.Minute)
		d.shows("Heartbeat")
		d.after(time.Hour)
		d.shows("Heartbeat", "Heartbeat")
		e := d.discord.Messages()[1].Last().Embeds[0]
		for name, want := range map[string]string{
			"Items": "60 · 120 since the start", "Alerts": "6 · 12 since the start", "Analyses": "gemini 3", "Cost today": "$1.23 of $50.00, ok",
		} {
			if got := e.Field(name); got != want {
				d.Errorf("%s %q, want %q", name, got, want)
			}
		}
		if n := strings.Count(d.log.String(), "operator_heartbeat"); n != 2 {
			d.Errorf("the log has %d heartbeats, want 2", n)
		}
	})
}

// A feed that answers with nothing at all for hours is told once; one that only repeats
// itself is not.
func TestEmptyFeed(t *testing.T) {
	atDesk(t, func(d *desk) {
		began := time.Now()
		s := &scene{facts: func(now time.Time) Facts {
			gone, repeats := feed(now, began), feed(now, began)
			gone.Entries, gone.EmptySince, repeats.Name = 0, began, "wire that repeats"
			return Facts{Poison: Unknown, Sources: []Source{gone, repeats}}
		}}
		_, end := d.watched(s, noBeats)
		defer end()
		d.after(Defaults.EmptyAfter - time.Minute)
		d.shows()
		d.after(2 * time.Minute)
		d.shows("wire is empty")
		d.after(10 * time.Hour)
		d.shows("wire is empty")
		s.set(func(now time.Time) Facts { return Facts{Poison: Unknown, Sources: []Source{feed(now, now)}} })
		d.after(Defaults.CoolDown + time.Minute)
		d.shows("wire is empty", "Over: wire is empty")
	})
}
