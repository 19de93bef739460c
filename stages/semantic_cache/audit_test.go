package semanticcache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/likeness"
	"catalyst/internal/news"
)

// notebook is store.Notes in a map.
type notebook struct {
	mu    sync.Mutex
	notes map[string][]byte
	err   error
}

func (n *notebook) Notes(_ context.Context, names []string) ([][]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	values := make([][]byte, len(names))
	for i, name := range names {
		values[i] = n.notes[name]
	}
	return values, n.err
}

func (n *notebook) Note(_ context.Context, name string, value []byte, _ time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.notes == nil {
		n.notes = map[string][]byte{}
	}
	n.notes[name] = value
	return n.err
}

// pass has one item looked up, judged by a model where it must be, and remembered. It
// returns how it ended, as the metric calls it, and the message.
func (x *setting) pass(tb testing.TB, item *news.Item, fresh news.Direction) (string, *flows.Message) {
	tb.Helper()
	m := flowstest.Messages(item)[0]
	m.ID = item.Key
	before := results()
	if _, err := x.Process(tb.Context(), []*flows.Message{m}); err != nil {
		tb.Fatal(err)
	}
	result := ""
	for name, n := range results() {
		if n > before[name] {
			result += name
		}
	}
	if m.Item.Analysis == nil {
		m.Item.Analysis = verdict()
		m.Item.Analysis.Direction = fresh
	}
	if err := x.Remember(tb.Context(), []*flows.Message{m}); err != nil {
		tb.Fatal(err)
	}
	return result, m
}

func results() map[string]float64 {
	counts := map[string]float64{}
	for _, name := range []string{hit, gray, refused, audited, shadow, miss, failed} {
		counts[name] = testutil.ToFloat64(requests.WithLabelValues(name))
	}
	return counts
}

func retold(n int) *news.Item {
	return story(func(i *news.Item) {
		i.Key = fmt.Sprint("retold ", n)
		i.Title = "After priority review, Harbor Biotech wins FDA approval for migraine drug"
	})
}

func TestModes(t *testing.T) {
	for mode, want := range map[string]struct {
		result string
		stored int
	}{Off: {"", 0}, Shadow: {shadow, 2}, Serve: {hit, 1}} {
		x := newSetting(t, func(c *Config) { c.Mode = mode })
		x.remember(t, story())
		agree := testutil.ToFloat64(auditVerdicts.WithLabelValues(shadow, "agree"))
		got, m := x.pass(t, retold(1), news.Bullish)
		if got != want.result || len(x.store.answers) != want.stored {
			t.Errorf("%s: %q and %d answers, want %q and %d", mode, got, len(x.store.answers), want.result, want.stored)
		}
		if served := m.Item.Analysis.Cached != nil; served != (mode == Serve) {
			t.Errorf("%s: served %v", mode, served)
		}
		if n := testutil.ToFloat64(auditVerdicts.WithLabelValues(shadow, "agree")) - agree; (n == 1) != (mode == Shadow) {
			t.Errorf("%s: %v comparisons", mode, n)
		}
	}
}

// Between the thresholds a model is asked, its verdict is compared, and remembered.
func TestTheGrayZone(t *testing.T) {
	x := newSetting(t, func(c *Config) { c.Similarity, c.Gray = 0.97, 0.6 })
	x.remember(t, story())
	before := testutil.ToFloat64(auditVerdicts.WithLabelValues(gray, "contradict"))
	got, m := x.pass(t, retold(1), news.Bearish)
	if got != gray || m.Item.Analysis.Cached != nil {
		t.Errorf("%q, analysis %+v, want the model's in the gray zone", got, m.Item.Analysis)
	}
	if n := testutil.ToFloat64(auditVerdicts.WithLabelValues(gray, "contradict")) - before; n != 1 {
		t.Errorf("%v contradictions counted, want 1", n)
	}
	if got, _ := x.pass(t, retold(2), news.Bullish); got != hit {
		t.Errorf("%q for the same wording again, want what the model said of it", got)
	}
	if x.audits.book.Audits != "" {
		t.Errorf("audits %q: what was never to be served breaks no trust", x.audits.book.Audits)
	}
}

func TestGuardsAreCounted(t *testing.T) {
	now := time.Now()
	for guard, edit := range map[string]func(*news.Item){
		likeness.Numbers:   func(i *news.Item) { i.Title += " 2" },
		likeness.Period:    func(i *news.Item) { i.Title = strings.Replace(i.Title, "Q3", "Q4", 1) },
		likeness.Direction: func(i *news.Item) { i.Title = strings.Replace(i.Title, "wins", "loses", 1) },
		likeness.Progress:  func(i *news.Item) { i.Title = strings.Replace(i.Title, "wins", "may win", 1) },
		"window":           func(i *news.Item) { i.Published = now.Add(-13 * time.Hour) },
	} {
		x := newSetting(t)
		third := func(i *news.Item) { i.Title, i.Published = title+" in Q3", now }
		x.remember(t, story(third))
		before := testutil.ToFloat64(refusals.WithLabelValues(guard))
		if got, _ := x.pass(t, story(third, edit), news.Bullish); got != refused {
			t.Errorf("%s: %q, want it refused", guard, got)
		}
		if n := testutil.ToFloat64(refusals.WithLabelValues(guard)) - before; n != 1 {
			t.Errorf("%s: %v refusals counted, want 1", guard, n)
		}
	}
}

// Which hits are audited hangs on the item and nothing else.
func TestOneInTwentyIsAudited(t *testing.T) {
	n := 0
	for i := range 10_000 {
		key := fmt.Sprint("item ", i)
		if chosen(key, 0.05) {
			n++
		}
		if again := chosen(key, 0.05); chosen(key, 0) || !chosen(key, 1) || chosen(key, 0.05) != again {
			t.Fatalf("%q is decided otherwise the second time, or against 0 and 1", key)
		}
	}
	if n < 430 || n > 570 {
		t.Errorf("%d of 10,000 are audited, want about 500", n)
	}
}

func TestAnAuditAsksTheModel(t *testing.T) {
	x := newSetting(t, func(c *Config) { c.Audit = 1 })
	x.remember(t, story())
	for i, fresh := range []news.Direction{news.Bullish, news.Neutral, news.Bearish} {
		x.store.answers = x.store.answers[:1]
		item := retold(i)
		again := retold(i)
		got, m := x.pass(t, item, fresh)
		if got != audited || m.Item.Analysis.Cached != nil {
			t.Errorf("%q, analysis %+v, want the model's", got, m.Item.Analysis)
		}
		if _, left := m.Meta[metaCompare]; left {
			t.Error("the comparison would be made again")
		}
		if got, _ := x.pass(t, again, fresh); got != hit {
			t.Errorf("redelivered: %q, want its own verdict", got)
		}
	}
	if got := x.audits.book.Audits; got != "+--" {
		t.Errorf("audits %q, want +--", got)
	}
}

// A broken bound stops the serving, in this process, after a restart, and until enough
// audits agree.
func TestABrokenBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strict := func(c *Config) { c.Audit, c.AuditBound = 1, 0.15 }
		x := newSetting(t, strict)
		x.remember(t, story())
		n := 0
		audit := func(fresh news.Direction) string {
			n++
			x.store.answers = x.store.answers[:1]
			got, _ := x.pass(t, retold(n), fresh)
			return got
		}
		for range auditsLeast - 1 {
			audit(news.Bearish)
		}
		if !x.serves() {
			t.Fatalf("it stopped after %d audits, want it to wait for %d", auditsLeast-1, auditsLeast)
		}
		audit(news.Bearish)
		if x.serves() || !strings.Contains(x.logged.String(), "stops serving") {
			t.Fatalf("it serves on, or says nothing:\n%s", x.logged)
		}
		if got := testutil.ToFloat64(serving.WithLabelValues()); got != 0 {
			t.Errorf("llm_cache_serving is %v", got)
		}

		y := newSetting(t, strict) // the process after it
		y.notes, y.store = x.notes, x.store
		x = y
		if err := x.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := audit(news.Bullish); got != shadow {
			t.Errorf("after a restart: %q, want shadow", got)
		}
		for range auditsKept - 1 {
			audit(news.Bullish)
		}
		if !x.serves() || !strings.Contains(x.logged.String(), "serves again") {
			t.Errorf("it does not serve after %d audits that agree", auditsKept)
		}

		other := newSetting(t, strict, func(c *Config) { c.Similarity = 0.9 })
		other.notes = x.notes
		if err := other.Start(t.Context()); err != nil || other.audits.book.Audits != "" {
			t.Errorf("another threshold begins with audits %q, error %v", other.audits.book.Audits, err)
		}
	})
}

// Notes that are down, or hold what nobody can read, cost nothing but memory.
func TestAuditsWithoutNotes(t *testing.T) {
	x := newSetting(t, func(c *Config) { c.Audit = 1 })
	x.notes.err = context.DeadlineExceeded
	x.remember(t, story())
	if got, _ := x.pass(t, retold(1), news.Bearish); got != audited {
		t.Errorf("%q, want an audit", got)
	}
	if x.audits.book.Audits != "-" {
		t.Errorf("audits %q, want -", x.audits.book.Audits)
	}
	x = newSetting(t)
	x.notes.notes = map[string][]byte{NoteOf("cache"): []byte("{"), "x": nil}
	x.remember(t, story())
	if got, _ := x.pass(t, retold(1), news.Bearish); got != hit {
		t.Errorf("%q, want a hit", got)
	}
}

func TestLikeItemsUnderWayAreOneGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSetting(t)
		other := story(func(i *news.Item) { i.Title = "Harbor Biotech names a new head of sales in Europe" })
		opposite := story(func(i *news.Item) { i.Title = strings.Replace(title, "wins", "loses", 1) })
		batch := flowstest.Messages(story(), retold(1), other, opposite)
		if _, err := x.Process(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		group := func(m *flows.Message) string { g, _ := likeness.Group(m.Meta); return g }
		lead := group(batch[0])
		if lead == "" || group(batch[1]) != lead {
			t.Errorf("groups %q and %q, want one", lead, group(batch[1]))
		}
		if _, similarity := likeness.Group(batch[1].Meta); similarity < 0.8 || similarity >= 1 {
			t.Errorf("similarity %v", similarity)
		}
		for _, m := range batch[2:] {
			if g := group(m); g == "" || g == lead {
				t.Errorf("%q is of group %q, want one of its own", m.Item.Title, g)
			}
		}
		time.Sleep(flight + time.Second)
		late := flowstest.Messages(retold(2))
		if _, err := x.Process(t.Context(), late); err != nil || group(late[0]) == lead {
			t.Errorf("after %v it is still of the group; error %v", flight, err)
		}
		if len(x.flying.order) != 1 || len(x.flying.of) != 1 {
			t.Errorf("%d in memory, want 1", len(x.flying.order))
		}
	})
}

func TestWhatIsUnderWayIsBounded(t *testing.T) {
	x := newSetting(t)
	for i := range maxFlying + 100 {
		x.ask(t, story(func(it *news.Item) { it.Tickers = []string{fmt.Sprint("T", i%50)}; it.Title = fmt.Sprint("story ", i) }))
	}
	if n := len(x.flying.order); n > maxFlying {
		t.Errorf("%d in memory, want at most %d", n, maxFlying)
	}
	n := 0
	for _, of := range x.flying.of {
		n += len(of)
	}
	if n != len(x.flying.order) {
		t.Errorf("%d by scope and %d by age", n, len(x.flying.order))
	}
}

// In shadow nothing is given for another, not even to those that wait.
func TestNoGroupsInShadow(t *testing.T) {
	x := newSetting(t, func(c *Config) { c.Mode = Shadow })
	_, m := x.pass(t, story(), news.Bullish)
	if g, _ := likeness.Group(m.Meta); g != "" {
		t.Errorf("group %q", g)
	}
}

func TestLanguage(t *testing.T) {
	for text, want := range map[string]string{
		"Acme beats estimates":                              "en",
		"Acme steigert Gewinn und hebt die Prognose an":     "de",
		"Acme relève ses prévisions pour la fin de l'année": "fr",
		"Acme sube sus previsiones para el año":             "es",
		"Акме повышает прогноз":                             "cyrillic",
		"アクメ、通期予想を上方修正":                                     "kana",
		"公司上调全年业绩预期":                                        "han",
		"":                                                  "en",
	} {
		if got := language(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
