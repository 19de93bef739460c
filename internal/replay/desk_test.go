package replay

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/llm"
	"catalyst/internal/news"
)

// asker has each item judged by a model, all of a batch at the same time, as llm_router does.
type asker struct {
	model *Stand
	again func(ctx context.Context, item *news.Item) // before it is asked a second time; may be nil
}

func (a *asker) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	for _, m := range batch {
		response, err := a.model.Complete(ctx, llm.Request{Prompt: m.Item.Title, Timeout: time.Minute})
		if a.again != nil {
			a.again(ctx, m.Item)
			response, err = a.model.Complete(ctx, llm.Request{Prompt: m.Item.Title})
		}
		if err != nil {
			m.Fail(err)
			continue
		}
		m.Item.Analysis = &news.Analysis{Direction: news.Neutral, Provider: "m", Latency: response.Latency}
	}
	return slices.DeleteFunc(slices.Clone(batch), (*flows.Message).Settled), nil
}

type gatherer struct{ g flows.Grouping }

func (gatherer) Process(_ context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	return batch, nil
}
func (g gatherer) Grouping() flows.Grouping { return g.g }

type nobody struct{}

func (nobody) Deliver(context.Context, []*flows.Message) error { return nil }

// A counter is a pipeline that gathers items and asks a model about them.
type counter struct {
	places, workers int
	took            time.Duration
	gather          flows.Grouping
	knobs           flows.Knobs
	again           func(context.Context, *news.Item)
	speed           float64
	wrong           func(title string) error // what the model answers instead; may be nil
}

func (c counter) plan() *flows.Plan {
	stage := func(name string, s flows.Stage, k flows.Knobs) flows.Spec[flows.Stage] {
		return flows.Spec[flows.Stage]{Name: name, Knobs: k, Kind: flows.StageKind{Name: name, New: func(*flows.Build, any) (flows.Stage, error) { return s, nil }}}
	}
	model := &Stand{ProviderName: "m", ModelName: "m", Bounds: llm.Limits{Concurrency: c.places}, Reply: func(_ string, q llm.Request) (llm.Response, error) {
		if c.wrong != nil {
			if err := c.wrong(q.Prompt); err != nil {
				return llm.Response{Latency: c.took}, err
			}
		}
		return llm.Response{Latency: c.took}, nil
	}}
	c.knobs.Workers = c.workers
	return &flows.Plan{
		Name: "counter", Topic: "news", Poison: "poison", Engine: flows.DefaultEngineConfig,
		Segments: []flows.SegmentPlan{{Topic: "news", Stages: []flows.Spec[flows.Stage]{
			stage("batch", gatherer{c.gather}, flows.Knobs{}), stage("ask", &asker{model, c.again}, c.knobs),
		}}},
		Sinks: []flows.Spec[flows.Sink]{{Name: "nobody", Kind: flows.SinkKind{Name: "nobody"}}},
	}
}

// serve has items come at seconds, and returns the report and how long that took.
func (c counter) serve(t *testing.T, seconds ...int) (*Report, time.Duration) {
	t.Helper()
	var h History
	for n, second := range seconds {
		line := fmt.Sprintf(`{"title":"item %d","guid":"%d","received":%q}`, n, n, at(1_000_000+second).Format(time.RFC3339))
		if err := h.Read(strings.NewReader(line), "test"); err != nil {
			t.Fatal(err)
		}
	}
	h.Sort()
	r := New(&h, Options{Speed: c.speed, Desk: func(s flows.Spec[flows.Stage]) (Desk, bool) {
		return Desk{Calls: 99, Batch: c.gather.Size, Alone: true}, s.Name == "ask"
	}})
	began := time.Now()
	if err := r.Do(t.Context(), c.plan(), slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
	return r.Report(new(Calls)), time.Since(began)
}

// delays are in seconds.
func delays(r *Report) (all []float64) {
	for _, o := range r.Outcomes {
		if o.Fate != Delivered {
			return nil
		}
		all = append(all, float64(o.VerdictMS)/1e3)
	}
	return all
}

var alone = flows.Grouping{Size: 1, Wait: time.Second}

func TestWhatModelsTakeHoldsUpOthers(t *testing.T) {
	even := func(item *news.Item) bool {
		return strings.HasSuffix(item.Title, "0") || strings.HasSuffix(item.Title, "2")
	}
	when, err := flows.ParseCondition(`title != "item 1"`)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		counter
		come []int
		want []float64
		deep int
		old  float64 // seconds
	}{
		"one place, six seconds each": {counter{places: 1, workers: 9, took: 6 * time.Second, gather: alone},
			[]int{0, 1, 2, 3, 4}, []float64{6, 11, 16, 21, 26}, 5, 26},
		"one worker is one place": {counter{places: 9, workers: 1, took: 6 * time.Second, gather: alone},
			[]int{0, 1, 2, 3, 4}, []float64{6, 11, 16, 21, 26}, 5, 26},
		"two places": {counter{places: 2, workers: 9, took: 6 * time.Second, gather: alone},
			[]int{0, 1, 2, 3, 4}, []float64{6, 6, 10, 10, 14}, 5, 14},
		"places enough": {counter{workers: 9, took: 6 * time.Second, gather: alone},
			[]int{0, 1, 2, 3, 40}, []float64{6, 6, 6, 6, 6}, 4, 6},
		"a batch goes on with its last": {counter{places: 1, workers: 9, took: 6 * time.Second, gather: flows.Grouping{Size: 2, Wait: time.Second}},
			[]int{0, 0, 30}, []float64{12, 12, 7}, 2, 12},
		// The first two come alone; then one worker takes two at a time of those that wait.
		"a worker takes a batch of those that have waited": {counter{places: 9, workers: 1, took: 6 * time.Second, gather: flows.Grouping{Size: 2, Wait: 0}},
			[]int{0, 1, 2, 3, 4}, []float64{6, 11, 10, 15, 14}, 5, 15},
		"a second call comes after the first, and after what was waited between": {counter{places: 1, workers: 9, took: 2 * time.Second, gather: alone,
			again: func(ctx context.Context, item *news.Item) {
				if even(item) {
					Waited(ctx, 3*time.Second)
				}
			}},
			[]int{0, 0}, []float64{7, 9}, 2, 9},
		"what passes by waits with its batch": {counter{places: 1, workers: 9, took: 6 * time.Second, knobs: flows.Knobs{When: when},
			gather: flows.Grouping{Size: 3, Wait: time.Second}},
			[]int{0, 0, 0}, []float64{0, 0, 0}, 3, 12},
		"what fails lets others go on": {counter{places: 1, workers: 9, took: 6 * time.Second, knobs: flows.Knobs{OnError: flows.OnErrorPass},
			gather: flows.Grouping{Size: 3, Wait: time.Second}, wrong: func(title string) error {
				if title == "item 1" {
					return fmt.Errorf("no")
				}
				return nil
			}},
			[]int{0, 0, 0}, []float64{18, 0, 18}, 3, 18},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, took := test.serve(t, test.come...)
				got := delays(r)
				if test.knobs.When.String() != "" {
					got, test.want = []float64{float64(r.Figures.Analysed)}, []float64{2}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("seconds to the verdict (-want +got):\n%s", diff)
				}
				if f := r.Figures; f.Depth != test.deep || f.Age != test.old*1e3 {
					t.Errorf("queue of %d, %v ms; want %d, %v s", f.Depth, f.Age, test.deep, test.old)
				}
				// By the fake clock of the test nothing takes time but what waits for the time of day.
				if took > Patience/2 {
					t.Errorf("it took %v: the replay did not know that nothing was going on", took)
				}
			})
		})
	}
}

// At the speed of life, gaps are as long as they were, and what is waited for is not
// counted a second time as time of the program.
func TestSpeedKeepsGaps(t *testing.T) {
	for speed, want := range map[float64]time.Duration{1: 66 * time.Second, 6: 11 * time.Second, 60: 1100 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			c := counter{places: 1, workers: 9, took: 6 * time.Second, gather: alone, speed: speed}
			r, took := c.serve(t, 0, 30, 60)
			if diff := cmp.Diff([]float64{6, 6, 6}, delays(r)); diff != "" {
				t.Errorf("seconds to the verdict (-want +got):\n%s", diff)
			}
			if f := r.Figures; f.VerdictMax != 6000 || f.AlertMax != 6000 {
				t.Errorf("at %v times: %v ms to the verdict and %v to the alert, want 6000", speed, f.VerdictMax, f.AlertMax)
			}
			if took.Round(10*time.Millisecond) != want {
				t.Errorf("at %v times it took %v, want %v", speed, took, want)
			}
		})
	}
}

// An interrupt has what is under way finished: it says when that would have been.
func TestInterruptedWhileModelsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := counter{places: 1, workers: 1, took: 6 * time.Second, gather: alone}
		ctx, cancel := context.WithCancel(t.Context())
		var h History
		for n := range 3 {
			h.Read(strings.NewReader(fmt.Sprintf(`{"title":"item %d","guid":"%d","received":%q}`, n, n, at(1_000_000+n*2).Format(time.RFC3339))), "test")
		}
		r := New(&h, Options{
			Desk: func(s flows.Spec[flows.Stage]) (Desk, bool) {
				return Desk{Calls: 1, Batch: 1, Alone: true}, s.Name == "ask"
			},
			Progress: func(p Progress) {
				if p.Done == 2 {
					cancel()
				}
			},
		})
		began := time.Now()
		if err := r.Do(ctx, c.plan(), slog.New(slog.DiscardHandler)); err != nil {
			t.Error(err)
		}
		rep := r.Report(new(Calls))
		if took := time.Since(began); took > time.Second || !rep.Interrupted || rep.Figures.Lost > 0 {
			t.Errorf("it took %v, %+v; want an end at once and nothing lost", took, rep.Figures)
		}
		if o := rep.Outcomes[0]; o.Fate != Delivered || o.VerdictMS != 6000 {
			t.Errorf("the first %+v, want its verdict after 6 s", o)
		}
	})
}
