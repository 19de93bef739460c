package fetchfiling

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"catalyst/flows"
	"catalyst/internal/broker/brokertest"
	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/news"
)

// While EDGAR refuses or is down, other news goes on; the filings do when it returns.
func TestOtherNewsDoesNotWaitForEDGAR(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"refusing": func(w http.ResponseWriter) { w.WriteHeader(403); w.Write([]byte(edgartest.TrafficPage)) },
		"busy":     func(w http.ResponseWriter) { w.WriteHeader(503) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, release, release, release)
			s.Fault(func(w http.ResponseWriter, r *http.Request) bool { answer(w); return true })
			build, _ := building(t, s, nil)
			delivered, parked := make(chan *news.Item, 10), make(chan bool, 10)
			b := brokertest.NewMemory()
			p := pipeline(build(), sourceFunc(func(ctx context.Context, publish flows.Publish) error {
				for _, it := range []*news.Item{item(0), item(1), item(2), nil, {Title: "a"}, {Title: "b"}, {Title: "c"}} {
					if it == nil {
						<-parked
					} else if err := publish(ctx, flows.NewMessage("", it)); err != nil {
						return err
					}
				}
				<-ctx.Done()
				return nil
			}), sinkOf{delivered, parked})
			e, err := flows.New(p, b, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- e.Run(ctx) }()
			for range 3 {
				if it := <-delivered; it.Form != "" {
					t.Errorf("%s came, while EDGAR was away", it.Accession)
				}
			}
			waiting := int64(3)
			if s.Fault(nil); name == "busy" {
				waiting = 0
				for range 3 {
					if it := <-delivered; !strings.Contains(it.Body, "fourth quarter") {
						t.Errorf("%s came with the text %q", it.Accession, it.Body)
					}
				}
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if lag, err := b.Lag(t.Context(), p.Topic, p.Name); err != nil || lag.Pending != waiting || len(delivered) != 0 {
				t.Errorf("%+v are left (%v), and %d came too many; want %d", lag, err, len(delivered), waiting)
			}
			if n, _ := b.Len(t.Context(), p.Poison); n != 0 {
				t.Errorf("%d are poisoned", n)
			}
		})
	}
}

// An EDGAR that takes requests and never answers holds up whoever asks first, and not the
// next ones; before the alert nobody for more than a moment.
func TestAHangingEDGARIsNotWaitedForAgain(t *testing.T) {
	for _, wait := range []bool{true, false} {
		s := serve(t, release, release, release)
		var hangs atomic.Int32
		s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
			hangs.Add(1)
			<-r.Context().Done()
			return true
		})
		build, log := building(t, s, func(c *Config) { c.Wait = wait })
		it := build().(*stage)
		if it.edgar.Patience > time.Minute || !wait && it.edgar.Patience > 5*time.Second {
			t.Errorf("wait %v: EDGAR is waited for %v", wait, it.edgar.Patience)
		}
		it.edgar.Patience, it.slow = 50*time.Millisecond, time.Millisecond
		for n := range 3 {
			want := flows.Unsettled
			if wait {
				want = flows.Parked
			}
			if m := process(t, it, item(n)); m.Outcome().Fate != want || m.Item.Body != "" {
				t.Errorf("wait %v: %+v, want %v", wait, m.Outcome(), want)
			}
		}
		if n := hangs.Load(); n > 1 || strings.Count(log.String(), "edgar_does_not_answer") != 1 {
			t.Errorf("wait %v: asked %d times, want once at most, and said so:\n%s", wait, n, log)
		}
	}
}

// What a hostile filing does to a parser ends with that filing.
func TestAPanicFailsOneFiling(t *testing.T) {
	build, log := building(t, serve(t, release), nil)
	it := build().(*stage)
	good, bad := flows.NewMessage("good", item(0)), flows.NewMessage("bad", nil) // which nobody may send
	out, err := it.Process(t.Context(), []*flows.Message{bad, good})
	if err != nil || len(out) != 1 || out[0] != good || bad.Outcome().Fate != flows.Failed || !strings.Contains(log.String(), "filing_panic") {
		t.Errorf("%d go on, %v, the bad one %+v", len(out), err, bad.Outcome())
	}
}

func pipeline(s flows.Stage, from flows.Source, to flows.Sink) *flows.Plan {
	return &flows.Plan{
		Name: "p", Topic: "p.raw", Poison: "p.poison", Engine: flows.DefaultEngineConfig,
		Sources:  []flows.Spec[flows.Source]{spec(from)},
		Segments: []flows.SegmentPlan{{Topic: "p.raw", Stages: []flows.Spec[flows.Stage]{spec(s)}}},
		Sinks:    []flows.Spec[flows.Sink]{spec(to)},
	}
}

func spec[T any](it T) flows.Spec[T] {
	return flows.Spec[T]{Name: "it", Kind: flows.Kind[T]{Name: "it", New: func(*flows.Build, any) (T, error) { return it, nil }}}
}

type sourceFunc func(context.Context, flows.Publish) error

func (f sourceFunc) Run(ctx context.Context, publish flows.Publish) error { return f(ctx, publish) }

type sinkOf struct {
	delivered chan *news.Item
	parked    chan bool
}

func (s sinkOf) Deliver(_ context.Context, batch []*flows.Message) error {
	for _, m := range batch {
		s.delivered <- m.Item
	}
	return nil
}

func (s sinkOf) Report(_ context.Context, _ *flows.Message, o flows.Outcome) error {
	s.parked <- o.Fate == flows.Parked
	return nil
}
