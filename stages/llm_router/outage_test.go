package llmrouter

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/flows"
	"catalyst/internal/broker/brokertest"
	"catalyst/internal/llm"
	"catalyst/internal/llm/anthropic"
	"catalyst/internal/llm/gemini"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/llm/quota"
	"catalyst/internal/news"
)

// wire leads to a fake without a socket, whose time would be the machine's, and notes
// when it was asked.
type wire struct {
	fake http.Handler

	mu    sync.Mutex
	asked []time.Time
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked = append(w.asked, time.Now())
	w.mu.Unlock()
	recorder := httptest.NewRecorder()
	w.fake.ServeHTTP(recorder, r)
	response := recorder.Result()
	response.Request = r
	return response, nil
}

// most returns the most calls that fell within any hour, and all of them.
func (w *wire) most() (hour, all int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, from := range w.asked {
		n := 0
		for _, at := range w.asked[i:] {
			if at.Sub(from) < time.Hour {
				n++
			}
		}
		hour = max(hour, n)
	}
	return hour, len(w.asked)
}

// outageItems is how many there were on the day that this is about.
const outageItems = 1136

// backlog is a source that publishes so many items and ends.
type backlog int

func (n backlog) Run(ctx context.Context, publish flows.Publish) error {
	var all []*flows.Message
	for i := range n {
		all = append(all, flows.NewMessage("", &news.Item{
			Source: "wire", GUID: fmt.Sprint(i), Title: fmt.Sprintf("Company %d wins contract %d", i, i), Tickers: []string{"ACME"},
		}))
	}
	return publish(ctx, all...)
}

// shelf is a sink that keeps what it is given, and what it was told of the rest.
type shelf struct {
	mu     sync.Mutex
	judged map[string]int // by title
	other  []string
	parked int
}

func (s *shelf) Deliver(_ context.Context, batch []*flows.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range batch {
		if a := m.Item.Analysis; !a.Done() || a.Direction != news.Bullish {
			s.other = append(s.other, fmt.Sprintf("%s: %+v", m.Item.Title, a))
			continue
		}
		s.judged[m.Item.Title]++
	}
	return nil
}

func (s *shelf) Report(_ context.Context, _ *flows.Message, o flows.Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.Fate == flows.Parked {
		s.parked++
	}
	return nil
}

// The night on which Gemini's key was leaked, Anthropic's credit was used up and there
// was no local model: with the engine, and the clients of both.
func TestDoubleOutage(t *testing.T) {
	g, a := llmtest.NewGemini(), llmtest.NewAnthropic()
	t.Cleanup(g.Close)
	t.Cleanup(a.Close)
	g.Always(llmtest.Step{Status: http.StatusForbidden, Body: llmtest.GeminiKeyLeaked})
	a.Always(llmtest.Step{Status: http.StatusBadRequest, Body: llmtest.AnthropicNoCredit})
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t, g, a)
		time.Sleep(88 * time.Minute) // as long as it was then
		n.wantQuiet(t)
		time.Sleep(3*time.Hour - 88*time.Minute)
		n.wantQuiet(t)
		g.Always(llmtest.Step{})
		a.Always(llmtest.Step{})
		n.wantRecovery(t)
	})
}

// night is a pipeline with two providers.
type night struct {
	began     time.Time
	place     *place
	providers map[string]*wire
	sink      *shelf
	log       *bytes.Buffer
	stop      func()
}

func newNight(t *testing.T, g, a *llmtest.Server) *night {
	n := &night{
		began: time.Now(), sink: &shelf{judged: map[string]int{}}, log: &bytes.Buffer{},
		providers: map[string]*wire{"gemini": {fake: g.Handler()}, "anthropic": {fake: a.Handler()}},
	}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	n.place = newPlace(t, log, nil)
	config := Defaults
	config.Tiers = []string{"gemini", "anthropic"}
	router := New(config, n.place.deps(func(name string) (llm.Provider, error) {
		client := &http.Client{Transport: n.providers[name]}
		if name == "gemini" {
			c := gemini.Defaults
			c.Key = key
			return gemini.New(name, c, client)
		}
		c := anthropic.Defaults
		c.Key = key
		return anthropic.New(name, c, client)
	}), log)
	n.stop = engine(t, router, n.sink, log)
	return n
}

// wantQuiet checks that in the outage until now hardly anything was asked, nothing was
// paid, nothing went on, and who can mend it was told once.
func (n *night) wantQuiet(t *testing.T) {
	t.Helper()
	synctest.Wait()
	lasts := time.Since(n.began)
	for name, w := range n.providers {
		hour, all := w.most()
		if hour > 4 {
			t.Errorf("%d doomed calls of %s in an hour, want 4 at most", hour, name)
		}
		if all < int(lasts/(20*time.Minute)) {
			t.Errorf("%d calls of %s in %v: nobody looks whether it is back", all, name, lasts)
		}
		if pages := strings.Count(n.log.String(), "msg=operator_page cause=llm/"+name+"/"); pages != 1 {
			t.Errorf("%d pages about %s, want one:\n%.3000s", pages, name, n.log)
		}
		t.Logf("%s: %d calls in %v, %d in the worst hour", name, all, lasts, hour)
	}
	if all := strings.Count(n.log.String(), "operator_page"); all != 2 {
		t.Errorf("%d pages, want one for each provider", all)
	}
	if on := len(n.sink.judged) + len(n.sink.other); on > 0 {
		t.Errorf("%d items went on in the outage: %.500v", on, n.sink.other)
	}
	if n.sink.parked == 0 {
		t.Error("the sink was not told that anything waits")
	}
	for name, s := range n.place.booked(t) {
		if s.NanoDollars != 0 || s.Unpriced != 0 || s.Failed != s.Calls {
			t.Errorf("%s: %+v is booked in the outage, want failures and no dollars", name, s)
		}
	}
	// Nothing is spent or set aside: a call for the whole day's money would be let through.
	whole := quota.Ask{Provider: "gemini", Model: "other", NanoDollars: int64(n.place.budget.Day)}
	if refusal := n.place.quota.Check(t.Context(), whole); refusal != nil {
		t.Errorf("the outage took money from the budget: %v", refusal)
	}
}

// wantRecovery checks that after the outage every item is judged and delivered once,
// and that only answers are in the book.
func (n *night) wantRecovery(t *testing.T) {
	t.Helper()
	doomed := 0
	for _, w := range n.providers {
		_, all := w.most()
		doomed += all
	}
	back := time.Now()
	for n.sink.len() < outageItems && time.Since(back) < time.Hour {
		time.Sleep(10 * time.Second)
	}
	synctest.Wait()
	t.Logf("all is judged %v after the end of the outage", time.Since(back))
	for title, times := range n.sink.judged {
		if times != 1 {
			t.Errorf("%q was delivered %d times", title, times)
		}
	}
	if len(n.sink.judged) != outageItems || len(n.sink.other) > 0 {
		t.Errorf("%d items are judged and %d went on without, want all %d judged: %.500v",
			len(n.sink.judged), len(n.sink.other), outageItems, n.sink.other)
	}
	if !strings.Contains(n.log.String(), "operator_clear") {
		t.Error("nobody was told that it is over")
	}
	n.stop()
	answers, failed := 0, 0
	for name, s := range n.place.spent(t) {
		answers += s.Calls - s.Failed
		failed += s.Failed
		if s.NanoDollars == 0 || s.Unpriced > 0 {
			t.Errorf("answers of %s are booked as %+v", name, s)
		}
	}
	if answers != outageItems || failed != doomed {
		t.Errorf("%d answers and %d failures are booked, want %d and %d", answers, failed, outageItems, doomed)
	}
}

func (s *shelf) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.judged)
}

// engine runs a router between a backlog and a sink. It returns what stops it and
// checks that nothing was poisoned.
func engine(t *testing.T, r *Router, sink flows.Sink, log *slog.Logger) (stop func()) {
	t.Helper()
	b := brokertest.NewMemory()
	plan := &flows.Plan{
		Name: "outage", Topic: "raw", Poison: "poison", Engine: flows.DefaultEngineConfig,
		Sources:  []flows.Spec[flows.Source]{spec[flows.Source]("backlog", backlog(outageItems)), spec[flows.Source]("open", forever{})},
		Segments: []flows.SegmentPlan{{Topic: "raw", Stages: []flows.Spec[flows.Stage]{spec[flows.Stage]("llm_router", r)}}},
		Sinks:    []flows.Spec[flows.Sink]{spec("shelf", sink)},
	}
	plan.Segments[0].Stages[0].Knobs = flows.Knobs{Workers: 5, Timeout: 5 * time.Minute}
	e, err := flows.New(plan, b, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n, err := b.Len(context.Background(), plan.Poison); n > 0 || err != nil {
			t.Errorf("%d in poison, error %v", n, err)
		}
		if lag, _ := b.Lag(context.Background(), plan.Topic, plan.Name); lag.Pending+lag.Waiting > 0 {
			t.Errorf("lag %+v", lag)
		}
	}
}

func spec[T any](name string, it T) flows.Spec[T] {
	return flows.Spec[T]{Name: name, Kind: flows.Kind[T]{Name: name, New: func(*flows.Build, any) (T, error) { return it, nil }}}
}

// forever is a source that has nothing and does not end.
type forever struct{}

func (forever) Run(ctx context.Context, _ flows.Publish) error {
	<-ctx.Done()
	return nil
}
