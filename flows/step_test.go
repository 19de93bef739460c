package flows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"catalyst/internal/news"
)

var quietLog = slog.New(slog.DiscardHandler)

type stageFunc func(context.Context, []*Message) ([]*Message, error)

func newStep(f stageFunc, knobs Knobs) *step {
	return &step{name: "stage", process: f, knobs: knobs, log: quietLog, stats: new(StepStats)}
}

func messages(n int) []*Message {
	ms := make([]*Message, n)
	for i := range ms {
		ms[i] = NewMessage(fmt.Sprint("m", i), &news.Item{Title: fmt.Sprint("title ", i), Score: float64(i)})
	}
	return ms
}

func condition(t *testing.T, source string) Condition {
	t.Helper()
	c, err := ParseCondition(source)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fates describes messages as "m0:on m1:dropped(reason) m2:failed".
func fates(ms, out []*Message) string {
	var words []string
	for _, m := range ms {
		word := "lost"
		switch o := m.Outcome(); {
		case o.Fate == Dropped:
			word = "dropped(" + o.Reason + ")"
		case o.Fate != Unsettled && IsPermanent(o.Err):
			word = o.Fate.String() + "!"
		case o.Fate != Unsettled:
			word = o.Fate.String()
		}
		for _, other := range out {
			if other == m {
				word = strings.TrimPrefix(word+"+on", "lost+")
			}
		}
		words = append(words, m.ID+":"+word)
	}
	return strings.Join(words, " ")
}

func TestStepGivesEveryMessageOnePlace(t *testing.T) {
	boom := errors.New("boom")
	pass := func(_ context.Context, b []*Message) ([]*Message, error) { return b, nil }
	tests := []struct {
		name  string
		stage stageFunc
		knobs Knobs
		want  string
		bugs  int64
	}{
		{"passes all", pass, Knobs{}, "m0:on m1:on m2:on", 0},
		{"drops and fails", func(_ context.Context, b []*Message) ([]*Message, error) {
			b[0].Drop("old")
			b[1].Fail(boom)
			return b[2:], nil
		}, Knobs{}, "m0:dropped(old) m1:failed m2:on", 0},
		{"an error fails what is unsettled", func(_ context.Context, b []*Message) ([]*Message, error) {
			b[0].Drop("old")
			return b[1:2], boom
		}, Knobs{}, "m0:dropped(old) m1:failed m2:failed", 0},
		{"an outage parks", func(_ context.Context, b []*Message) ([]*Message, error) {
			return nil, Unavailable("redis", boom, 0)
		}, Knobs{}, "m0:parked m1:parked m2:parked", 0},
		{"a forgotten message fails for good", func(_ context.Context, b []*Message) ([]*Message, error) {
			return b[:2], nil
		}, Knobs{}, "m0:on m1:on m2:failed!", 1},
		{"settled and returned stays settled", func(_ context.Context, b []*Message) ([]*Message, error) {
			b[0].Drop("old")
			return b, nil
		}, Knobs{}, "m0:dropped(old) m1:on m2:on", 1},
		{"returned twice goes on once", func(_ context.Context, b []*Message) ([]*Message, error) {
			return append(b, b[0]), nil
		}, Knobs{}, "m0:on m1:on m2:on", 1},
		{"a stranger does not go on", func(_ context.Context, b []*Message) ([]*Message, error) {
			return append(b, NewMessage("x", &news.Item{})), nil
		}, Knobs{}, "m0:on m1:on m2:on", 1},
		{"nothing among what it returns", func(_ context.Context, b []*Message) ([]*Message, error) {
			return append([]*Message{nil}, b...), nil
		}, Knobs{}, "m0:on m1:on m2:on", 1},
		{"the slice it was given spoiled", func(_ context.Context, b []*Message) ([]*Message, error) {
			b[1].Drop("old")
			return slices.DeleteFunc(b, (*Message).Settled), nil // which clears what it cuts off
		}, Knobs{}, "m0:on m1:dropped(old) m2:on", 0},
		{"a panic is a failure", func(context.Context, []*Message) ([]*Message, error) {
			panic("oh")
		}, Knobs{}, "m0:failed m1:failed m2:failed", 0},
		{"when", func(_ context.Context, b []*Message) ([]*Message, error) {
			for _, m := range b {
				m.Drop("chosen")
			}
			return nil, nil
		}, Knobs{When: condition(t, "score > 0")}, "m0:on m1:dropped(chosen) m2:dropped(chosen)", 0},
		{"when fails", pass, Knobs{When: condition(t, `items[3] == "2.02"`)}, "m0:failed! m1:failed! m2:failed!", 0},
		{"on_error poison", func(context.Context, []*Message) ([]*Message, error) { return nil, boom },
			Knobs{OnError: OnErrorPoison}, "m0:failed! m1:failed! m2:failed!", 0},
		{"on_error drop", func(context.Context, []*Message) ([]*Message, error) { return nil, boom },
			Knobs{OnError: OnErrorDrop}, "m0:dropped(failed) m1:dropped(failed) m2:dropped(failed)", 0},
		{"on_error pass", func(_ context.Context, b []*Message) ([]*Message, error) {
			b[0].Fail(boom)
			b[1].Drop("old")
			return b[2:], nil
		}, Knobs{OnError: OnErrorPass}, "m0:on m1:dropped(old) m2:on", 0},
		{"on_error pass has no say over parking", func(context.Context, []*Message) ([]*Message, error) {
			return nil, Unavailable("redis", boom, 0)
		}, Knobs{OnError: OnErrorPass}, "m0:parked m1:parked m2:parked", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStep(tt.stage, tt.knobs)
			in := messages(3)
			out := s.run(t.Context(), append([]*Message(nil), in...))
			if got := fates(in, out); got != tt.want {
				t.Errorf("fates\n got %s\nwant %s", got, tt.want)
			}
			c := s.stats.read()
			var dropped int64
			for _, n := range c.Dropped {
				dropped += n
			}
			if c.In+c.Added != c.Out+dropped+c.Failed+c.Parked {
				t.Errorf("in %d + added %d != out %d + dropped %d + failed %d + parked %d", c.In, c.Added, c.Out, dropped, c.Failed, c.Parked)
			}
			if c.Bugs != tt.bugs {
				t.Errorf("%d bugs counted, want %d", c.Bugs, tt.bugs)
			}
		})
	}
}

func TestStepTimeoutIsAFailureThatIsRetried(t *testing.T) {
	s := newStep(func(ctx context.Context, _ []*Message) ([]*Message, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, Knobs{Timeout: time.Millisecond})
	in := messages(1)
	s.run(t.Context(), in)
	if o := in[0].Outcome(); o.Fate != Failed || !errors.Is(o.Err, context.DeadlineExceeded) || IsPermanent(o.Err) {
		t.Errorf("outcome %v %v, want failed with a deadline exceeded", o.Fate, o.Err)
	}
}

func TestSplit(t *testing.T) {
	boom := errors.New("boom")
	item := &news.Item{Title: "part"}
	tests := []struct {
		name   string
		decide func(parts []*Message) []*Message // returns those that go on
		want   Fate
	}{
		{"all delivered", func(p []*Message) []*Message { return p }, Delivered},
		{"one dropped", func(p []*Message) []*Message { p[0].Drop("x"); return p[1:] }, Delivered},
		{"all dropped", func(p []*Message) []*Message { p[0].Drop("x"); p[1].Drop("x"); p[2].Drop("y"); return nil }, Dropped},
		{"one failed", func(p []*Message) []*Message { p[1].Fail(boom); return []*Message{p[0], p[2]} }, Failed},
		{"one parked", func(p []*Message) []*Message { p[1].Fail(Unavailable("d", boom, 0)); return []*Message{p[0], p[2]} }, Parked},
		{"one forgotten", func(p []*Message) []*Message { return p[:2] }, Failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := messages(1)[0]
			var told []Outcome
			m.tell = func(_ *Message, o Outcome) { told = append(told, o) }
			splitter := newStep(func(_ context.Context, b []*Message) ([]*Message, error) {
				return tt.decide(b[0].Split(item, item, item)), nil
			}, Knobs{})
			last := newStep(func(_ context.Context, b []*Message) ([]*Message, error) { return b, nil }, Knobs{})
			last.deliver = true
			if out := splitter.run(t.Context(), []*Message{m}); len(out) > 0 {
				last.run(t.Context(), out)
			}
			if len(told) != 1 || told[0].Fate != tt.want {
				t.Fatalf("outcomes %v, want one %v", told, tt.want)
			}
			c := splitter.stats.read()
			var dropped int64
			for _, n := range c.Dropped {
				dropped += n
			}
			if c.In+c.Added != c.Out+dropped+c.Failed+c.Parked {
				t.Errorf("counts do not balance: %+v", c)
			}
		})
	}
	t.Run("the stage fails after splitting", func(t *testing.T) {
		m := messages(1)[0]
		s := newStep(func(_ context.Context, b []*Message) ([]*Message, error) {
			return b[0].Split(item, item), boom
		}, Knobs{})
		s.run(t.Context(), []*Message{m})
		if o := m.Outcome(); o.Fate != Failed {
			t.Errorf("outcome %v, want failed", o.Fate)
		}
	})
	t.Run("IDs are the same at every delivery", func(t *testing.T) {
		a, b := NewMessage("id", item).Split(item, item), NewMessage("id", item).Split(item, item)
		if a[1].ID != b[1].ID || a[0].ID == a[1].ID {
			t.Errorf("IDs %s %s and %s %s", a[0].ID, a[1].ID, b[0].ID, b[1].ID)
		}
	})
}

func TestFanDeliversToEachSinkAndFailsIfOneFails(t *testing.T) {
	boom := errors.New("boom")
	var got []string
	good := newStep(func(_ context.Context, b []*Message) ([]*Message, error) {
		for _, m := range b {
			got = append(got, m.ID)
		}
		return b, nil
	}, Knobs{})
	bad := newStep(func(_ context.Context, b []*Message) ([]*Message, error) {
		b[0].Fail(boom)
		return b[1:], nil
	}, Knobs{})
	picky := newStep(func(_ context.Context, b []*Message) ([]*Message, error) { return b, nil },
		Knobs{When: condition(t, "score > 5")})
	for _, s := range []*step{good, bad, picky} {
		s.deliver, s.unrouted = true, "not for "+s.name
	}
	in := messages(3)
	newFan([]*step{good, bad, picky}).run(t.Context(), in)
	if len(got) != 3 {
		t.Errorf("the good sink got %v, want all three", got)
	}
	want := []Fate{Failed, Delivered, Delivered}
	for i, m := range in {
		if o := m.Outcome(); o.Fate != want[i] {
			t.Errorf("%s is %v, want %v", m.ID, o.Fate, want[i])
		}
	}
	in = messages(1)
	newFan([]*step{picky, picky}).run(t.Context(), in)
	if o := in[0].Outcome(); o.Fate != Dropped {
		t.Errorf("a message for no sink is %v, want dropped", o.Fate)
	}
}

func BenchmarkSixPassThroughStages(b *testing.B) {
	stop := make(chan struct{})
	s := &segment{topic: "t", stop: stop, gate: newGate(quietLog, timeOfDay{}), log: quietLog}
	var stages []Stage
	for i := range 6 {
		st := newStep(func(_ context.Context, batch []*Message) ([]*Message, error) { return batch, nil }, Knobs{})
		st.name = fmt.Sprint("stage", i)
		s.steps = append(s.steps, st)
		stages = append(stages, passStage{})
	}
	last := newStep(func(_ context.Context, batch []*Message) ([]*Message, error) { return batch, nil }, Knobs{})
	last.deliver = true
	s.steps = append(s.steps, last)
	s.start(b.Context(), stages, s.tail(b.Context(), len(stages)))
	item := &news.Item{Title: "t"}
	done := make(chan struct{}, 1)
	left := b.N
	go func() {
		for range b.N {
			m := NewMessage("m", item)
			m.tell = func(*Message, Outcome) {
				if left--; left == 0 {
					done <- struct{}{}
				}
			}
			s.intake.in <- []*Message{m}
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	<-done
	b.StopTimer()
	if err := s.end(time.Second); err != nil {
		b.Fatal(err)
	}
}

type passStage struct{}

func (passStage) Process(_ context.Context, b []*Message) ([]*Message, error) { return b, nil }

// A stage that is interrupted has not failed, whatever on_error says: the message
// is given back, and not dropped or passed on without the stage's work.
func TestInterruptionIsNoFailureForOnError(t *testing.T) {
	for _, policy := range []OnError{OnErrorDrop, OnErrorPass, OnErrorPoison, OnErrorRetry} {
		for name, stop := range map[string]stageFunc{
			"returned": func(ctx context.Context, _ []*Message) ([]*Message, error) { return nil, ctx.Err() },
			"settled": func(ctx context.Context, b []*Message) ([]*Message, error) {
				b[0].Fail(ctx.Err())
				return nil, nil
			},
		} {
			work, abort := context.WithCancel(t.Context())
			abort()
			s := newStep(stop, Knobs{OnError: policy})
			in := messages(1)
			out := s.run(work, in)
			if o := in[0].Outcome(); o.Fate != Failed || len(out) > 0 {
				t.Errorf("on_error %s, %s: %d go on, outcome %v, want one that is given back", policy, name, len(out), o)
			}
		}
	}
}
