package semanticcache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/config"
	"catalyst/internal/embed"
	"catalyst/internal/news"
	"catalyst/internal/operator"
	"catalyst/internal/store"
)

// memory is store.Answers in a slice, with its contract: the live answer of the
// scope that is most similar, an equal hash before all. The stores' own suites
// show that they do the same.
type memory struct {
	mu      sync.Mutex
	answers []store.Answer
	lookups int
	expires int
	err     error
	hang    bool
	garble  func(*store.Match)
}

func (s *memory) Nearest(ctx context.Context, queries []store.Query) ([]store.Match, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookups++
	if err := s.fault(ctx); err != nil {
		return nil, err
	}
	matches := make([]store.Match, len(queries))
	for i, q := range queries {
		for _, a := range s.answers {
			if a.Scope != q.Scope || !time.Now().Before(a.Expires) {
				continue
			}
			similarity := 1.0
			if a.Hash != q.Hash {
				similarity = cosine(a.Vector, q.Vector)
			}
			if m := &matches[i]; !m.Found || similarity > m.Similarity {
				*m = store.Match{Found: true, Similarity: similarity, Key: a.Key, Value: a.Value, At: a.At}
			}
		}
		if s.garble != nil {
			s.garble(&matches[i])
		}
	}
	return matches, nil
}

func (s *memory) fault(ctx context.Context) error {
	if s.hang {
		<-ctx.Done()
	}
	return errors.Join(ctx.Err(), s.err)
}

func (s *memory) Remember(ctx context.Context, answers []store.Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fault(ctx); err != nil {
		return err
	}
	for _, a := range answers {
		s.answers = append(s.without(a), a)
	}
	return nil
}

func (s *memory) without(a store.Answer) []store.Answer {
	var left []store.Answer
	for _, b := range s.answers {
		if b.Scope != a.Scope || b.Hash != a.Hash {
			left = append(left, b)
		}
	}
	return left
}

func (s *memory) Expire(context.Context, int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expires++
	return 0, nil
}

// setting is a cache over a memory.
type setting struct {
	*stage
	store  *memory
	notes  *notebook
	logged *bytes.Buffer
	model  string
}

func newSetting(tb testing.TB, edit ...func(*Config)) *setting {
	tb.Helper()
	x := &setting{store: &memory{}, notes: &notebook{}, logged: new(bytes.Buffer), model: "prompt 1, model 1"}
	c := DefaultConfig
	c.Similarity, c.Audit = 0.8, 0
	for _, e := range edit {
		e(&c)
	}
	if err := c.Validate(); err != nil {
		tb.Fatal(err)
	}
	o := operator.New(func() (store.Notes, error) { return x.notes, nil }, slog.New(slog.DiscardHandler))
	tb.Cleanup(func() { o.Close() })
	kind := Kind(Deps{
		Answers:  func() (store.Answers, error) { return x.store, nil },
		Notes:    func() (store.Notes, error) { return x.notes, nil },
		Operator: func() (*operator.Operator, error) { return o, nil },
		Models:   func(*news.Item) string { return x.model },
	})
	s, err := kind.New(&flows.Build{Name: "cache", Logger: slog.New(slog.NewTextHandler(x.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))}, c)
	if err != nil {
		tb.Fatal(err)
	}
	x.stage = s.(*stage)
	return x
}

func (x *setting) remember(tb testing.TB, items ...*news.Item) {
	tb.Helper()
	messages := flowstest.Messages(items...)
	for _, m := range messages {
		m.Item.Key = "first " + m.Item.Key
		m.Item.Analysis = verdict()
	}
	if err := x.Remember(tb.Context(), messages); err != nil {
		tb.Fatal(err)
	}
}

func verdict() *news.Analysis {
	return &news.Analysis{
		Direction: news.Bullish, Score: 0.5, Confidence: 0.75, Reasoning: "a new drug may be sold",
		Catalysts: []string{"approval"}, Model: "tiny", At: time.Now().UTC().Truncate(time.Second),
	}
}

// ask looks one item up and returns its analysis.
func (x *setting) ask(tb testing.TB, item *news.Item) *news.Analysis {
	tb.Helper()
	m := flowstest.Messages(item)[0]
	out, err := x.Process(tb.Context(), []*flows.Message{m})
	if err != nil || len(out) != 1 || out[0] != m {
		tb.Fatalf("Process returned %d messages, %v; want the message, whatever the cache says", len(out), err)
	}
	return m.Item.Analysis
}

const title = "Harbor Biotech wins FDA approval for its migraine drug after priority review"

func story(edit ...func(*news.Item)) *news.Item {
	item := &news.Item{Key: "a", Title: title, Summary: "The company expects to launch in spring.", Tickers: []string{"HRBR", "ALT"}}
	for _, e := range edit {
		e(item)
	}
	return item
}

func filing(edit ...func(*news.Item)) *news.Item {
	item := &news.Item{
		Key: "f", Form: "8-K", Accession: "0001193125-25-000001", Items: []string{"2.02", "9.01"},
		Title: "8-K - HARBOR BIOTECH", Summary: "Item 2.02: Results of Operations", Tickers: []string{"HRBR"},
	}
	for _, e := range edit {
		e(item)
	}
	return item
}

func TestStageContract(t *testing.T) {
	flowstest.Stage(t, func() flows.Stage {
		x := newSetting(t)
		x.remember(t, story(), filing())
		return x.stage
	}, []*news.Item{
		story(),
		filing(),
		story(func(i *news.Item) { i.Title = "Copper prices slide" }),
		{Title: "no ticker"},
		{Form: "8-K", Title: "no accession"},
		{},
		{Title: "done", Analysis: verdict()},
		{Title: "tried", Tickers: []string{"A"}, Analysis: &news.Analysis{Unavailable: "no model is configured"}},
	})
}

func TestWhatIsTheSameStory(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*news.Item)
		hit  bool
	}{
		{"the same text", func(i *news.Item) {}, true},
		{"under another key", func(i *news.Item) { i.Key = "b" }, true},
		{"case and space", func(i *news.Item) { i.Title = strings.ToUpper(title) + " " }, true},
		{"a few words moved", func(i *news.Item) {
			i.Title = "After priority review, Harbor Biotech wins FDA approval for migraine drug"
		}, true},
		{"tickers in another order", func(i *news.Item) { i.Tickers = []string{"ALT", "HRBR", "ALT"} }, true},
		{"another ticker", func(i *news.Item) { i.Tickers = []string{"HRBR"} }, false},
		{"another story", func(i *news.Item) { i.Title = "Harbor Biotech names a new head of sales in Europe" }, false},
		{"a number more", func(i *news.Item) { i.Title = title + " of 3" }, false},
		{"the opposite", func(i *news.Item) { i.Title = strings.Replace(title, "wins", "fails to win", 1) }, false},
		{"a filing", func(i *news.Item) { i.Form, i.Accession = "8-K", "0001193125-25-000009" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newSetting(t)
			x.remember(t, story())
			if got := x.ask(t, story(c.edit)); (got != nil) != c.hit {
				t.Errorf("analysis %+v, want a hit: %v", got, c.hit)
			}
		})
	}
}

// Titles and headings of filings repeat from filer to filer and from day to day:
// only the filing itself, word for word, has its verdict.
func TestFilingsAreNeverAlike(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*news.Item)
		hit  bool
	}{
		{"the same filing", func(i *news.Item) {}, true},
		{"another accession", func(i *news.Item) { i.Accession = "0001193125-25-000002" }, false},
		{"its text has come meanwhile", func(i *news.Item) { i.Body = "Revenue was flat." }, false},
		{"another item", func(i *news.Item) { i.Items = []string{"2.02"} }, false},
		{"an amendment", func(i *news.Item) { i.Form = "8-K/A" }, false},
		{"no accession", func(i *news.Item) { i.Accession = "" }, false},
		{"as news", func(i *news.Item) { i.Form, i.Accession = "", "" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newSetting(t)
			x.remember(t, filing())
			if got := x.ask(t, filing(c.edit)); (got != nil) != c.hit {
				t.Errorf("analysis %+v, want a hit: %v", got, c.hit)
			}
		})
	}
	x := newSetting(t)
	x.remember(t, filing(func(i *news.Item) { i.Accession = "" }))
	if len(x.store.answers) != 0 {
		t.Error("a filing without an accession number was remembered")
	}
}

func TestWithoutATickerOnlyTheSameTextWillDo(t *testing.T) {
	nobody := func(i *news.Item) { i.Tickers = nil }
	x := newSetting(t)
	x.remember(t, story(nobody))
	if x.ask(t, story(nobody)) == nil {
		t.Error("the same text is a miss, want a hit")
	}
	if got := x.ask(t, story(nobody, func(i *news.Item) { i.Title += "s" })); got != nil {
		t.Errorf("a near text has %+v, want a miss: nobody knows whom it is about", got)
	}
}

func TestAVerdictBelongsToItsPromptAndModels(t *testing.T) {
	x := newSetting(t)
	x.remember(t, story(), filing())
	x.model = "prompt 2, model 1"
	if x.ask(t, story()) != nil || x.ask(t, filing()) != nil {
		t.Error("the verdict of another prompt is given, want misses")
	}
}

func TestWhereAVerdictComesFrom(t *testing.T) {
	x := newSetting(t)
	x.remember(t, story())
	want := verdict()
	got := x.ask(t, story(func(i *news.Item) { i.Key = "b" }))
	if got == nil || got.Cached == nil || got.Cached.Key != "first a" || got.Cached.Similarity != 1 || got.Cached.At.IsZero() {
		t.Fatalf("analysis %+v, want one cached from \"first a\"", got)
	}
	got.Cached, got.At, want.At = nil, time.Time{}, time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdict (−want +got):\n%s", diff)
	}
	if !strings.Contains(x.logged.String(), "msg=llm_cache_hit ticker=ALT,HRBR similarity=1") {
		t.Errorf("no event of the hit in:\n%s", x.logged)
	}
}

// After a crash between remember and the ack the message comes again: the verdict is
// its own, not somebody else's.
func TestARedeliveredItemGetsItsOwnVerdict(t *testing.T) {
	x := newSetting(t)
	m := flowstest.Messages(story())[0]
	m.Item.Analysis = verdict()
	if err := x.Remember(t.Context(), []*flows.Message{m}); err != nil {
		t.Fatal(err)
	}
	before := x.store.answers[0]
	got := x.ask(t, story())
	if got == nil || got.Cached != nil {
		t.Fatalf("analysis %+v, want its own", got)
	}
	m.Item.Analysis = got
	if err := x.Remember(t.Context(), []*flows.Message{m}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]store.Answer{before}, x.store.answers); diff != "" {
		t.Errorf("remembering again changed the answer (−before +after):\n%s", diff)
	}
}

func TestWhatIsRemembered(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*news.Analysis) *news.Analysis
		want int
	}{
		{"a verdict", func(a *news.Analysis) *news.Analysis { return a }, 1},
		{"none", func(a *news.Analysis) *news.Analysis { return nil }, 0},
		{"a failure", func(a *news.Analysis) *news.Analysis { return &news.Analysis{Unavailable: "quota"} }, 0},
		{"a copy", func(a *news.Analysis) *news.Analysis { a.Cached = &news.Cached{Key: "b"}; return a }, 0},
		{"an unsure one", func(a *news.Analysis) *news.Analysis { a.Confidence = 0.29; return a }, 0},
		{"a stopgap's", func(a *news.Analysis) *news.Analysis { a.Degraded = true; return a }, 0},
		{"an old one", func(a *news.Analysis) *news.Analysis { a.At = a.At.Add(-25 * time.Hour); return a }, 0},
		{"an undated one", func(a *news.Analysis) *news.Analysis { a.At = time.Time{}; return a }, 1},
	} {
		x := newSetting(t)
		m := flowstest.Messages(story())[0]
		m.Item.Analysis = c.edit(verdict())
		if err := x.Remember(t.Context(), []*flows.Message{m}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := len(x.store.answers); got != c.want {
			t.Errorf("%s: %d answers stored, want %d", c.name, got, c.want)
		}
	}
}

func TestAVerdictExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSetting(t, func(c *Config) { c.TTL = time.Hour })
		x.remember(t, story())
		time.Sleep(time.Hour - time.Second)
		if x.ask(t, story()) == nil {
			t.Error("a miss within the ttl, want a hit")
		}
		time.Sleep(time.Second)
		if got := x.ask(t, story()); got != nil {
			t.Errorf("%+v after the ttl, want a miss", got)
		}
	})
}

func TestABatchIsLookedUpOnce(t *testing.T) {
	x := newSetting(t)
	x.remember(t, story())
	var items []*news.Item
	for i := range 50 {
		items = append(items, story(func(it *news.Item) { it.Key = fmt.Sprint(i) }))
	}
	messages := flowstest.Messages(items...)
	hits := testutil.ToFloat64(requests.WithLabelValues("hit"))
	if _, err := x.Process(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	if x.store.lookups != 1 {
		t.Errorf("%d look-ups for a batch, want 1", x.store.lookups)
	}
	for _, m := range messages {
		if !m.Item.Analysis.Done() {
			t.Fatalf("message %s has no verdict", m.ID)
		}
	}
	if got := testutil.ToFloat64(requests.WithLabelValues("hit")) - hits; got != 50 {
		t.Errorf("%v hits counted, want 50", got)
	}
}

func TestAnOutageIsAMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSetting(t)
		x.remember(t, story())
		x.store.err = errors.New("connection refused")
		failed := testutil.ToFloat64(requests.WithLabelValues("error"))
		for range 10 {
			if got := x.ask(t, story()); got != nil {
				t.Errorf("%+v out of a store that is down", got)
			}
		}
		if got := strings.Count(x.logged.String(), "level=WARN"); got != 1 {
			t.Errorf("%d warnings in one outage, want 1:\n%s", got, x.logged)
		}
		if got := testutil.ToFloat64(requests.WithLabelValues("error")) - failed; got != 10 {
			t.Errorf("%v errors counted, want 10", got)
		}
		x.store.err = nil
		time.Sleep(rest)
		if x.ask(t, story()) == nil {
			t.Error("a miss after the outage, want a hit")
		}
	})
}

func TestAStoreThatHangsHoldsUpOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSetting(t)
		x.store.hang = true
		start := time.Now()
		for range 10 {
			x.ask(t, story())
		}
		if took, most := time.Since(start), x.Embedder.Timeout+storePatience; took > most {
			t.Errorf("ten batches took %v, want at most %v", took, most)
		}
	})
}

func TestWritingMayFail(t *testing.T) {
	x := newSetting(t)
	x.store.err = errors.New("disk full")
	m := flowstest.Messages(story())[0]
	m.Item.Analysis = verdict()
	failed := testutil.ToFloat64(writes.WithLabelValues("error"))
	for range 3 {
		if err := x.Remember(t.Context(), []*flows.Message{m}); err == nil {
			t.Error("Remember: no error")
		}
	}
	if got := testutil.ToFloat64(writes.WithLabelValues("error")) - failed; got != 3 {
		t.Errorf("%v errors counted, want 3", got)
	}
	if got := strings.Count(x.logged.String(), "level=WARN"); got != 1 {
		t.Errorf("%d warnings in one outage, want 1:\n%s", got, x.logged)
	}
}

func TestALyingStoreIsAMiss(t *testing.T) {
	for name, garble := range map[string]func(*store.Match){
		"no JSON":        func(m *store.Match) { m.Value = []byte("neutral") },
		"nothing":        func(m *store.Match) { m.Value = nil },
		"no verdict":     func(m *store.Match) { m.Value = []byte(`{"v":2,"analysis":{"unavailable":"quota"}}`) },
		"another form":   func(m *store.Match) { m.Value = []byte(`{"v":99,"analysis":{"direction":"bullish"}}`) },
		"not a number":   func(m *store.Match) { m.Similarity = nan() },
		"not that alike": func(m *store.Match) { m.Similarity = 0.79 },
		"another ticker": func(m *store.Match) { m.Value = bytes.ReplaceAll(m.Value, []byte("ALT"), []byte("ELS")); m.Key = "x" },
		"not found":      func(m *store.Match) { m.Found = false },
	} {
		x := newSetting(t)
		x.remember(t, story())
		x.store.garble = garble
		if got := x.ask(t, story()); got != nil {
			t.Errorf("%s: %+v, want a miss", name, got)
		}
	}
}

func nan() float64 { var zero float64; return zero / zero }

func TestExpiredAnswersAreDeletedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSetting(t)
		for range 60 { // a minute apart
			x.remember(t, story())
			time.Sleep(time.Minute)
		}
		if x.store.expires != 6 {
			t.Errorf("Expire was called %d times in an hour, want 6", x.store.expires)
		}
	})
}

// With an embedder that has to be paid for, what was embedded for the look-up is
// not embedded again for remembering.
func TestEachTextIsEmbeddedOnce(t *testing.T) {
	x := newSetting(t)
	slow := &counting{}
	x.stage.embedder = embed.Cached(slow, nil, time.Hour, slog.New(slog.DiscardHandler))
	x.ask(t, story())
	x.remember(t, story())
	if slow.texts != 1 {
		t.Errorf("%d texts embedded, want 1", slow.texts)
	}
}

type counting struct {
	embed.Lexical
	texts int
}

func (c *counting) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	c.texts += len(texts)
	return c.Lexical.Embed(ctx, texts)
}

func TestValidate(t *testing.T) {
	for key, edit := range map[string]func(*Config){
		"mode":           func(c *Config) { c.Mode = "on" },
		"similarity":     func(c *Config) { c.Similarity = nan() },
		"gray":           func(c *Config) { c.Gray = -0.1 },
		"ttl":            func(c *Config) { c.TTL = 0 },
		"window":         func(c *Config) { c.Window = 0 },
		"min_confidence": func(c *Config) { c.MinConfidence = 2 },
		"audit":          func(c *Config) { c.Audit = nan() },
		"audit_bound":    func(c *Config) { c.AuditBound = 1.5 },
	} {
		c := DefaultConfig
		edit(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %+v is accepted, or without its name: %v", key, c, err)
		}
	}
	if err := DefaultConfig.Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
}

func TestConfigFromYAML(t *testing.T) {
	doc, issues := config.Load("pipeline.yaml", []byte(`
similarity: 0.9
ttl: 86400
embedder: {kind: ollama, model: nomic-embed-text, dimensions: 768, key: sk-1}
`), nil)
	c := DefaultConfig
	if issues = append(issues, config.Decode(doc, doc.Root, &c)...); len(issues) > 0 {
		t.Fatal(issues)
	}
	if c.Similarity != 0.9 || c.TTL != 24*time.Hour || c.Embedder.Dimensions != 768 || c.Embedder.Timeout != 10*time.Second {
		t.Errorf("%+v is not what the file says", c)
	}
	if err := config.CheckStruct(DefaultConfig); err != nil {
		t.Error(err)
	}
}

func TestEmbedderFromYAML(t *testing.T) {
	for text, want := range map[string]string{
		"embedder: lexical":                           "",
		"embedder: {kind: openai}":                    "model",
		"embedder: {kind: magic}":                     "magic",
		"embedder: {kind: ollama, model: m}":          "dimensions",
		"embedder: {kind: openai, base_url: 'ftp:x'}": "base_url",
	} {
		doc, issues := config.Load("pipeline.yaml", []byte(text), nil)
		c := DefaultConfig
		issues = append(issues, config.Decode(doc, doc.Root, &c)...)
		if got := fmt.Sprint(issues); (len(issues) == 0) != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %v, want an issue with %q", text, got, want)
		}
	}
}
