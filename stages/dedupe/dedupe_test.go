package dedupe

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/config"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// memory is store.Stories in maps, with its contract but for the bounds. The stores' own
// suites show that they do the same.
type memory struct {
	mu       sync.Mutex
	held     map[string]holding
	groups   map[string][]store.Arrival
	seen     map[string][]store.Sighting
	joins    int
	yields   int
	err      error // of all
	yieldErr error // of Yield
}

type holding struct {
	owner string
	until time.Time
}

func (s *memory) Join(ctx context.Context, arrivals []store.Arrival, keep store.Keep) ([]store.Joined, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joins++
	if err := errors.Join(ctx.Err(), s.err); err != nil {
		return nil, err
	}
	if s.held == nil {
		s.held, s.groups, s.seen = map[string]holding{}, map[string][]store.Arrival{}, map[string][]store.Sighting{}
	}
	joined := make([]store.Joined, len(arrivals))
	for i, a := range arrivals {
		h, held := s.held[a.Key]
		if held = held && time.Now().Before(h.until); !held {
			s.held[a.Key] = holding{a.ID, time.Now().Add(keep.Key)}
		}
		joined[i].Owner = s.held[a.Key].owner
		if joined[i].Owner != a.ID || a.Group == "" {
			continue
		}
		group := s.groups[a.Group]
		at := slices.IndexFunc(group, func(b store.Arrival) bool { return b.ID == a.ID })
		if at < 0 && !held {
			at = len(group)
			s.groups[a.Group] = append(group, a)
		}
		joined[i].Before = slices.Clone(group[:max(at, 0)])
	}
	return joined, nil
}

func (s *memory) Yield(ctx context.Context, yields []store.Yield, _ store.Keep) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.yields++
	if err := errors.Join(ctx.Err(), s.err, s.yieldErr); err != nil {
		return err
	}
	for _, y := range yields {
		if h := s.held[y.Key]; h.owner == y.ID {
			s.held[y.Key] = holding{y.To, h.until}
		}
		s.groups[y.Group] = slices.DeleteFunc(s.groups[y.Group], func(a store.Arrival) bool { return a.ID == y.ID })
		if !slices.ContainsFunc(s.seen[y.To], func(saw store.Sighting) bool { return saw.Source == y.Saw.Source }) {
			s.seen[y.To] = append(s.seen[y.To], y.Saw)
		}
	}
	return nil
}

func (s *memory) Sightings(_ context.Context, ids []string) ([][]store.Sighting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([][]store.Sighting, len(ids))
	for i, id := range ids {
		all[i] = slices.Clone(s.seen[id])
	}
	return all, nil
}

func build(tb testing.TB, stories store.Stories, c Config) flows.Stage {
	tb.Helper()
	kind := Kind(func() (store.Stories, error) { return stories, nil })
	s, err := kind.New(&flows.Build{Pipeline: "test"}, c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func message(id, accession string) *flows.Message {
	return flows.NewMessage(id, &news.Item{Accession: accession})
}

const filing, other = "0001193125-25-000001", "0001193125-25-000002"

func TestStageContract(t *testing.T) {
	flowstest.Stage(t, func() flows.Stage { return build(t, &memory{}, DefaultConfig) }, []*news.Item{
		{Accession: filing, Title: "8-K"},
		{Accession: filing, Title: "8-K again"},
		{Source: "wire", GUID: "1", Title: "By its GUID"},
		{URL: "https://news.example/a?utm_source=x", Title: "By its address"},
		{URL: "https://news.example/a", Title: "The same address"},
		{Title: "By its content"},
		{GUID: "2", Source: "wire", Tickers: []string{"ACME"}, Title: "Acme wins a contract for harbour cranes in Norway"},
		{GUID: "3", Source: "other", Tickers: []string{"ACME"}, Title: "ACME WINS CONTRACT FOR HARBOUR CRANES IN NORWAY"},
		{GUID: "4", Source: "other", Tickers: []string{"ACME"}, Title: "UPDATE: Acme wins a contract for harbour cranes in Norway"},
		{},
		{},
	})
}

func TestTheFirstMessageWins(t *testing.T) {
	s := build(t, &memory{}, DefaultConfig)
	batch := []*flows.Message{message("a", filing), message("b", filing), message("c", other)}
	if diff := cmp.Diff([]string{"a", "c"}, process(t, s, batch)); diff != "" {
		t.Errorf("passed (−want +got):\n%s", diff)
	}
	if o := batch[1].Outcome(); o.Fate != flows.Dropped || o.Reason != "duplicate" {
		t.Errorf("the second message is %v %q, want dropped as duplicate", o.Fate, o.Reason)
	}
	if got := process(t, s, []*flows.Message{message("d", filing)}); len(got) != 0 {
		t.Errorf("%v passed in a later batch, want none", got)
	}
}

// The old bot lost alerts here: it marked an item as seen, died before the
// alert was sent, and skipped it after the restart.
func TestAMessageIsNeverADuplicateOfItself(t *testing.T) {
	shared := &memory{}
	for restart := range 3 {
		s := build(t, shared, DefaultConfig)
		if got := process(t, s, []*flows.Message{message("a", filing)}); len(got) != 1 {
			t.Errorf("delivery %d did not pass", restart+1)
		}
	}
	// Both deliveries of a message whose lease ran out may meet in one batch.
	got := process(t, build(t, shared, DefaultConfig), []*flows.Message{message("a", filing), message("a", filing)})
	if len(got) != 2 {
		t.Errorf("%d of 2 deliveries of one message passed", len(got))
	}
}

func TestTheSameNewsFromManyProcessesPassesOnce(t *testing.T) {
	shared := &memory{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	passed := map[string]int{}
	for p := range 4 {
		s := build(t, shared, DefaultConfig)
		wg.Go(func() {
			for i := range 50 {
				id := strconv.Itoa(p) + "-" + strconv.Itoa(i)
				out, err := s.Process(t.Context(), []*flows.Message{message(id, filing)})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				passed[filing] += len(out)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if passed[filing] != 1 {
		t.Errorf("%d of 200 messages with one key passed, want 1", passed[filing])
	}
}

func TestAfterTheWindowItIsNewsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := build(t, &memory{}, Config{Window: time.Hour, Near: DefaultConfig.Near})
		process(t, s, []*flows.Message{message("a", filing)})
		time.Sleep(time.Hour - time.Second)
		if got := process(t, s, []*flows.Message{message("b", filing)}); len(got) != 0 {
			t.Errorf("%v passed within the window, want none", got)
		}
		time.Sleep(time.Second) // the refused claim has not prolonged it
		if got := process(t, s, []*flows.Message{message("c", filing)}); len(got) != 1 {
			t.Errorf("nothing passed after the window, want c")
		}
	})
}

func TestABatchAsksOnce(t *testing.T) {
	shared := &memory{}
	var batch []*flows.Message
	for i := range 100 {
		batch = append(batch, flows.NewMessage(strconv.Itoa(i), &news.Item{Title: strconv.Itoa(i)}))
	}
	process(t, build(t, shared, DefaultConfig), batch)
	if shared.joins != 1 {
		t.Errorf("%d calls for a batch, want 1", shared.joins)
	}
}

func TestPipelinesDoNotShareTheirNews(t *testing.T) {
	shared := &memory{}
	kind := Kind(func() (store.Stories, error) { return shared, nil })
	for _, name := range []string{"mine", "yours"} {
		s, err := kind.New(&flows.Build{Pipeline: name}, DefaultConfig)
		if err != nil {
			t.Fatal(err)
		}
		if got := process(t, s, []*flows.Message{message(name, filing)}); len(got) != 1 {
			t.Errorf("nothing passed in pipeline %s", name)
		}
	}
}

func TestAnOutageParks(t *testing.T) {
	down := errors.New("connection refused")
	opens := Kind(func() (store.Stories, error) { return nil, down })
	closed, err := opens.New(&flows.Build{}, DefaultConfig)
	if err != nil {
		t.Fatal(err)
	}
	late, stop := context.WithTimeout(t.Context(), 0)
	defer stop()
	for _, c := range []struct {
		name  string
		ctx   context.Context
		stage flows.Stage
	}{
		{"the store refuses", t.Context(), build(t, &memory{err: down}, DefaultConfig)},
		{"the store cannot be opened", t.Context(), closed},
		{"the store takes too long", late, build(t, &memory{}, DefaultConfig)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := message("a", filing)
			_, err := c.stage.Process(c.ctx, []*flows.Message{m})
			if u, ok := flows.AsUnavailable(err); !ok || u.Dependency != "dedupe store" {
				t.Errorf("Process: %v, want the dedupe store unavailable", err)
			}
			if m.Settled() {
				t.Errorf("the message is %v, want it left to the engine", m.Outcome().Fate)
			}
		})
	}
}

func TestAHostileKeyIsBounded(t *testing.T) {
	shared := &memory{}
	long := "https://news.example/" + strings.Repeat("x", 1<<20)
	process(t, build(t, shared, DefaultConfig), []*flows.Message{
		flows.NewMessage("a", &news.Item{URL: long}),
		flows.NewMessage("b", &news.Item{URL: long + "y"}),
	})
	if len(shared.held) != 2 {
		t.Errorf("%d keys held, want 2: different long keys must stay different", len(shared.held))
	}
	for key := range shared.held {
		if len(key) > 300 {
			t.Errorf("a key of %d bytes was stored", len(key))
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []Config{
		{Window: time.Second},
		{Window: time.Hour, Near: Near{Enabled: true, Window: time.Second, Similarity: 0.5, Amends: time.Hour}},
		{Window: time.Hour, Near: Near{Enabled: true, Window: 48 * time.Hour, Similarity: 0.5, Amends: 72 * time.Hour}},
		{Window: time.Hour, Near: Near{Enabled: true, Window: time.Hour, Similarity: 0, Amends: time.Hour}},
		{Window: time.Hour, Near: Near{Enabled: true, Window: time.Hour, Similarity: 75, Amends: time.Hour}},
		{Window: time.Hour, Near: Near{Enabled: true, Window: time.Hour, Similarity: 0.5, Amends: time.Minute}},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	for _, c := range []Config{DefaultConfig, {Window: time.Hour}} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// process returns the IDs that passed.
func process(tb testing.TB, s flows.Stage, batch []*flows.Message) []string {
	tb.Helper()
	out, err := s.Process(tb.Context(), batch)
	if err != nil {
		tb.Fatal(err)
	}
	var ids []string
	for _, m := range out {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestConfigFromYAML(t *testing.T) {
	doc, issues := config.Load("pipeline.yaml", []byte(`window: 7d`), nil)
	c := DefaultConfig
	if issues = append(issues, config.Decode(doc, doc.Root, &c)...); len(issues) > 0 {
		t.Fatal(issues)
	}
	if c.Window != 7*24*time.Hour {
		t.Errorf("window %v, want 168h", c.Window)
	}
	if err := config.CheckStruct(DefaultConfig); err != nil {
		t.Error(err)
	}
}
