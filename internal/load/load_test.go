package load_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/broker/memory"
	"catalyst/internal/load"
	"catalyst/internal/news"
)

func TestHistogramIsThreePercentExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	h, all := new(load.Histogram), []time.Duration{}
	for range 10_000 {
		d := time.Duration(1) << rng.IntN(40)
		d += time.Duration(rng.Int64N(int64(d)))
		h.Add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, .5, .95, .99, 1} {
		exact, got := all[min(int(q*10_000), 9_999)], h.Quantile(q)
		if got < exact || float64(got) > float64(exact)*1.032+1 {
			t.Errorf("quantile %v is %v, exactly %v", q, got, exact)
		}
	}
	var none load.Histogram
	none.Add(-time.Second)
	if got := none.Quantile(.5); got != 0 {
		t.Errorf("what is below zero is %v", got)
	}
	none.Add(1<<63 - 1)
	if got := none.Quantile(1); got != 1<<63-1 {
		t.Errorf("the longest duration is %v", got)
	}
}

func TestMixIsTheSameEachTimeAndVaries(t *testing.T) {
	const n = 5000
	mix := load.DefaultMix
	guids, titles, tickers := map[string]int{}, map[string]bool{}, map[string]bool{}
	for i := range n {
		item := mix.Item(i)
		if diff := cmp.Diff(item, mix.Item(i)); diff != "" {
			t.Fatalf("item %d the second time:\n%s", i, diff)
		}
		guids[item.GUID]++
		titles[item.Title] = true
		tickers[item.Tickers[0]] = true
	}
	// Half of the duplicates come again under another name.
	if again := n - len(guids); again < n*5/100 || again > n*10/100 {
		t.Errorf("%d of %d items came before, want about half of %v", again, n, mix.Duplicates)
	}
	if len(titles) < n*8/10 || len(tickers) < n/10 {
		t.Errorf("%d titles and %d tickers in %d items: too few", len(titles), len(tickers), n)
	}
	other := mix
	other.Seed++
	if other.Item(7).Title == mix.Item(7).Title && other.Item(8).Title == mix.Item(8).Title {
		t.Error("another seed changes nothing")
	}
	if mix.Duplicates = 1; mix.Item(3).GUID == "" || mix.Item(0).GUID == "" {
		t.Error("the first of nothing but duplicates is no item")
	}
}

type stage struct {
	process func(*flows.Message) bool
	closed  *bool
}

func (s stage) Process(_ context.Context, batch []*flows.Message) (out []*flows.Message, _ error) {
	for _, m := range batch {
		if s.process(m) {
			out = append(out, m)
		}
	}
	return out, nil
}

func (s stage) Close() error { *s.closed = true; return nil }

// pairs makes batches of two.
type pairs struct{ stage }

func (pairs) Grouping() flows.Grouping { return flows.Grouping{Size: 2, Wait: time.Hour} }

func plan(stages ...flows.Stage) *flows.Plan {
	p := &flows.Plan{Name: "load", Topic: "a", Poison: "poison", Engine: flows.DefaultEngineConfig, Segments: []flows.SegmentPlan{
		{Topic: "a", Next: "b"}, {Topic: "b"},
	}}
	p.Engine.Retry = flows.Retry{Attempts: 2, Delay: time.Millisecond, Max: time.Millisecond}
	for i, s := range stages {
		p.Segments[0].Stages = append(p.Segments[0].Stages, flows.Spec[flows.Stage]{
			Name: []string{"first", "second"}[i],
			Kind: flows.StageKind{Name: []string{"first", "second"}[i], New: func(b *flows.Build, _ any) (flows.Stage, error) {
				if _, found := b.Before("first").(stage); i == 1 && !found {
					return nil, errors.New("the stage before is not found as what it is")
				}
				return s, nil
			}},
		})
	}
	p.Sinks = []flows.Spec[flows.Sink]{{Name: "out", Kind: flows.SinkKind{Name: "out", New: func(*flows.Build, any) (flows.Sink, error) {
		panic("a load test builds no sinks")
	}}}}
	return p
}

func do(t *testing.T, ctx context.Context, o load.Options, p *flows.Plan) *load.Report {
	t.Helper()
	server := memory.NewServer()
	b := server.Broker()
	defer b.Close()
	r, err := load.New(o).Do(ctx, p, b, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every item is counted once, as what became of it; stages find one another, keep their
// batches, and are closed.
func TestRunCountsEveryItem(t *testing.T) {
	var closed [2]bool
	second := stage{func(m *flows.Message) bool {
		switch n := len(m.ID); {
		case m.ID == "13":
			m.Fail(flows.Permanent(io.ErrUnexpectedEOF))
		case n == 1:
			m.Drop("one digit")
		}
		return !m.Settled()
	}, &closed[1]}
	p := plan(stage{func(*flows.Message) bool { return true }, &closed[0]}, pairs{second})
	r := do(t, t.Context(), load.Options{Items: 100, Item: load.DefaultMix.Item}, p)
	if r.Published != 100 || r.Done != 99 || r.Poisoned != 1 || r.Lost() != 0 || r.Interrupted {
		t.Errorf("published %d, done %d, poisoned %d, lost %d", r.Published, r.Done, r.Poisoned, r.Lost())
	}
	if r.Alert.N != 89 || r.End.N != 99 || r.CPUMicros <= 0 || r.Allocs <= 0 || r.PeakMB <= 0 || r.PerSecond <= 0 {
		t.Errorf("figures %+v", r)
	}
	if s := r.Stages[1]; s.Dropped["one digit"] != 10 || s.Batch > 2 || s.Batch < 1.5 || s.N == 0 {
		t.Errorf("the second stage: %+v; want 10 dropped, in pairs, timed", s)
	}
	if !closed[0] || !closed[1] {
		t.Error("stages were not closed")
	}
	var text bytes.Buffer
	if err := r.Text(&text); err != nil || !strings.Contains(text.String(), "one digit 10") || !strings.Contains(text.String(), "1 poisoned, 0 without a fate") {
		t.Errorf("%v\n%s", err, &text)
	}
}

// At full speed, the last items do not wait for company that cannot come; at a rate, or where
// something failed and may come again, they do.
func TestTheLastDoNotWait(t *testing.T) {
	for name, test := range map[string]struct {
		load.Options
		fails string
		waits bool
	}{
		"at full speed":       {Options: load.Options{Items: 99}},
		"one alone":           {Options: load.Options{Items: 1}},
		"at a rate":           {Options: load.Options{Items: 99, Rate: 1000}, waits: true},
		"with a failure":      {Options: load.Options{Items: 98}, fails: "13", waits: true},
		"with none left over": {Options: load.Options{Items: 98}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var closed [2]bool
			first := stage{func(m *flows.Message) bool {
				if m.ID == test.fails {
					m.Fail(flows.Permanent(io.ErrUnexpectedEOF))
				}
				return !m.Settled()
			}, &closed[0]}
			test.Item = load.DefaultMix.Item
			began := time.Now()
			r := do(t, t.Context(), test.Options, plan(first, pairs{stage{func(*flows.Message) bool { return true }, &closed[1]}}))
			if took := time.Since(began); (took >= time.Hour) != test.waits {
				t.Errorf("%s: it took %v", name, took)
			}
			if r.Lost() != 0 || r.Done+r.Poisoned != test.Items {
				t.Errorf("%s: %d done, %d lost", name, r.Done, r.Lost())
			}
		})
	}
}

// At a rate, items come when they are due, and delays count from then.
func TestRunKeepsARate(t *testing.T) {
	began := time.Now()
	r := do(t, t.Context(), load.Options{Items: 50, Rate: 500, Item: load.DefaultMix.Item}, plan())
	if took := time.Since(began); took < 98*time.Millisecond {
		t.Errorf("50 items at 500 a second took %v", took)
	}
	if r.Done != 50 || r.PublishPS > 520 {
		t.Errorf("done %d, published at %v a second, want 50 at no more than 500", r.Done, r.PublishPS)
	}
}

// An interrupted run says what it did.
func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	made := 0
	r := do(t, ctx, load.Options{Items: 1000, Rate: 1000, Item: func(n int) *news.Item {
		if made++; made == 20 {
			cancel()
		}
		return load.DefaultMix.Item(n)
	}}, plan())
	if !r.Interrupted || r.Published < 19 || r.Published == 1000 || r.Done > r.Published {
		t.Errorf("interrupted %v, published %d, done %d", r.Interrupted, r.Published, r.Done)
	}
}

// However many items there are, their rate is that of the first 99 in a hundred.
func TestPaceOfMany(t *testing.T) {
	for _, n := range []int{200, 4096, 4097, 9000} {
		r := do(t, t.Context(), load.Options{Items: n, Item: load.DefaultMix.Item}, plan())
		if r.Done != n || r.PerSecond < float64(n)/r.Seconds/2 {
			t.Errorf("%d of %d items in %v s are %v a second", r.Done, n, r.Seconds, r.PerSecond)
		}
	}
}

func TestDrift(t *testing.T) {
	r := new(load.Report)
	if second, last := r.Drift(); second != 0 || last != 0 {
		t.Errorf("of nothing: %v, %v", second, last)
	}
	for i := range 50 {
		r.OverTime = append(r.OverTime, load.Sample{Resident: float64(i)})
	}
	if second, last := r.Drift(); second != 15 || last != 45 {
		t.Errorf("from %v to %v MB, want 15 to 45", second, last)
	}
}

func TestBaseline(t *testing.T) {
	before := &load.Report{Items: 10, Broker: "redis", PerSecond: 100, CPUMicros: 50, Hops: []load.Hop{{Topic: "a", PerSecond: 10}}}
	now := &load.Report{Items: 10, Broker: "redis", PerSecond: 250, CPUMicros: 25, Hops: []load.Hop{{Topic: "a", PerSecond: 15}}}
	var file, text bytes.Buffer
	if err := load.WriteJSON(&file, []*load.Report{{Items: 5}, before}); err != nil {
		t.Fatal(err)
	}
	read, err := load.ReadJSON(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, now.Like(read)); diff != "" {
		t.Errorf("the run to compare with (-want +got):\n%s", diff)
	}
	if other := (&load.Report{Items: 10, Broker: "embedded"}).Like(read); other != nil {
		t.Errorf("a run on another broker is like %+v", other)
	}
	if err := now.Against(&text, before); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2.50×", "0.50×", "1.50×", "a msg/s"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &text)
		}
	}
	for _, wrong := range []string{"", "{}", `{"reports":[null]}`, "[]", `{"reports":[{"items":"x"}]}`} {
		if r, err := load.ReadJSON(strings.NewReader(wrong)); err == nil {
			t.Errorf("ReadJSON(%q) = %v", wrong, r)
		}
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add(`{"reports":[{"items":1,"hops":[{"topic":"a"}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		reports, err := load.ReadJSON(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, r := range reports {
			if err := r.Against(io.Discard, reports[0]); err != nil {
				t.Error(err)
			}
			if err := r.Text(io.Discard); err != nil {
				t.Error(err)
			}
		}
	})
}
