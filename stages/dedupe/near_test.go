package dedupe

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

var noon = time.Date(2025, 11, 20, 17, 0, 0, 0, time.UTC)

// told is a message of a source, received so many minutes after noon.
func told(id string, minutes int, tickers, title string) *flows.Message {
	return flows.NewMessage(id, &news.Item{
		Source: "wire " + id, GUID: id, Title: title, URL: "https://news.example/" + id,
		Tickers: strings.Fields(tickers), Received: noon.Add(time.Duration(minutes) * time.Minute),
	})
}

const cranes = "Acme wins a contract for harbour cranes in Norway"

func TestTheSameStoryPassesOnce(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second *flows.Message
		passes        bool
	}{
		{"the same words", told("a", 0, "ACME", cranes), told("b", 1, "ACME", strings.ToUpper(cranes)+"!"), false},
		{"some other words", told("a", 0, "ACME", cranes), told("b", 29, "ACME", "Acme wins Norway contract for new harbour cranes"), false},
		{"the tickers in another order", told("a", 0, "ACME BETA", cranes), told("b", 1, "BETA ACME", cranes), false},
		{"before the first, by its clock", told("a", 5, "ACME", cranes), told("b", 1, "ACME", cranes), false},
		{"no tickers", told("a", 0, "", cranes), told("b", 1, "", "Acme wins contract for harbour cranes, Norway"), false},

		{"other words", told("a", 0, "ACME", cranes), told("b", 1, "ACME", "Acme hires a new chief engineer for its shipyard"), true},
		{"half an hour before the first, by its clock", told("a", 30, "ACME", cranes), told("b", 0, "ACME", cranes), true},
		{"half an hour later", told("a", 0, "ACME", cranes), told("b", 30, "ACME", cranes), true},
		{"other companies", told("a", 0, "ACME", cranes), told("b", 1, "BETA", cranes), true},
		{"one company more", told("a", 0, "ACME", cranes), told("b", 1, "ACME BETA", cranes), true},
		{"no company", told("a", 0, "ACME", cranes), told("b", 1, "", cranes), true},
		{"another number", told("a", 0, "ACME", "Acme raises its quarterly dividend to $0.21 a share"), told("b", 1, "ACME", "Acme raises its quarterly dividend to $0.12 a share"), true},
		{"another direction", told("a", 0, "ACME", "Acme raises full year profit outlook on crane demand"), told("b", 1, "ACME", "Acme cuts full year profit outlook on crane demand"), true},
		{"another quarter", told("a", 0, "ACME", "Acme schedules third quarter results call for investors"), told("b", 1, "ACME", "Acme schedules fourth quarter results call for investors"), true},
		{"few words", told("a", 0, "", "Net Asset Value(s)"), told("b", 1, "", "Net Asset Value(s)"), true},
		{"few words of a company", told("a", 0, "ACME", "Acme halted"), told("b", 1, "ACME", "Acme halted"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			shared := &memory{}
			s := build(t, shared, DefaultConfig)
			process(t, s, []*flows.Message{c.first})
			if got := len(process(t, s, []*flows.Message{c.second})) > 0; got != c.passes {
				t.Errorf("passes: %v, want %v", got, c.passes)
			}
			if c.passes != (len(shared.seen[c.first.ID]) == 0) {
				t.Errorf("the first message's sightings are %v", shared.seen[c.first.ID])
			}
		})
	}
}

func TestFilingsAreToldApartByTheirNumbersAlone(t *testing.T) {
	s := build(t, &memory{}, DefaultConfig)
	for i, it := range []*news.Item{
		{Accession: filing, Title: cranes, Tickers: []string{"ACME"}},
		{Accession: other, Title: cranes, Tickers: []string{"ACME"}},
		{URL: "https://www.sec.gov/Archives/edgar/data/1/0000000001-25-000009.txt", Title: cranes, Tickers: []string{"ACME"}},
		{GUID: "x", Source: "s", Form: "8-K", Title: cranes, Tickers: []string{"ACME"}},
	} {
		if got := process(t, s, []*flows.Message{flows.NewMessage(strconv.Itoa(i), it)}); len(got) != 1 {
			t.Errorf("filing %d did not pass", i)
		}
	}
	if got := process(t, s, []*flows.Message{told("news", 0, "ACME", cranes)}); len(got) != 1 {
		t.Error("news was taken for a filing")
	}
}

func TestOffComparesKeysAlone(t *testing.T) {
	c := DefaultConfig
	c.Near.Enabled = false
	s := build(t, &memory{}, c)
	if got := process(t, s, []*flows.Message{told("a", 0, "ACME", cranes), told("b", 0, "ACME", cranes)}); len(got) != 2 {
		t.Errorf("%q passed, want both", got)
	}
}

func TestSettingsOfNear(t *testing.T) {
	c := DefaultConfig
	c.Near.Window, c.Near.Amends = 2*time.Hour, 3*time.Hour
	s := build(t, &memory{}, c)
	if got := process(t, s, []*flows.Message{told("a", 0, "ACME", cranes), told("b", 119, "ACME", cranes), told("c", 120, "ACME", cranes)}); !cmp.Equal(got, []string{"a", "c"}) {
		t.Errorf("with two hours %q passed, want a, c", got)
	}
	c.Near.Similarity = 0.4
	s = build(t, &memory{}, c)
	if got := process(t, s, []*flows.Message{told("a", 0, "ACME", cranes), told("b", 1, "ACME", "Norway harbour gets cranes by Acme")}); !cmp.Equal(got, []string{"a"}) {
		t.Errorf("with a similarity of 0.4 %q passed, want a", got)
	}
}

func TestAmends(t *testing.T) {
	for _, title := range []string{
		"UPDATE: " + cranes, "UPDATE 1-" + cranes, "Update 2 - " + cranes, "CORRECTED-" + cranes, "CORRECTING and REPLACING " + cranes,
		"/C O R R E C T I O N -- Acme Corp/", "/CORRECTION/ " + cranes, "Correction: " + cranes, cranes + " (Corrected)", cranes + " – Correction",
		"AMENDED: " + cranes, "REFILE-" + cranes, "UPDATE: CORRECTING and REPLACING " + cranes, cranes + " [Amended]", "CLARIFICATION: " + cranes,
	} {
		if !Amends(title) {
			t.Errorf("%q is taken for a story told first", title)
		}
	}
	for _, title := range []string{
		cranes, "Acme provides business update on its cranes", "Acme corrects course", "Update on Acme's cranes", "Acme: market correction ahead",
		"Amended credit agreement gives Acme time", "Acme updates guidance", "Corrections officer sues Acme", "Acme Correctional Services wins award", "",
	} {
		if Amends(title) {
			t.Errorf("%q is taken for an amendment", title)
		}
	}
	if got := Similarity(cranes, "UPDATE: CORRECTING and REPLACING "+cranes+" (Corrected)"); got != 1 {
		t.Errorf("a correction is %.2f like what it corrects, want 1", got)
	}
}

// A correction comes hours later, and with the number that was wrong.
func TestAmendmentsPassAndAreLinked(t *testing.T) {
	s := build(t, &memory{}, DefaultConfig)
	first := told("a", 0, "ACME", "Acme raises its quarterly dividend to $0.21 a share")
	process(t, s, []*flows.Message{first, told("x", 0, "ACME", cranes)})
	for delivery := range 2 {
		update := told("b", 300, "ACME", "CORRECTING and REPLACING Acme raises its quarterly dividend to $0.12 a share")
		if got := process(t, s, []*flows.Message{update}); len(got) != 1 || update.Item.Amends != first.Item.Key {
			t.Errorf("delivery %d: %q passed, amends %q; want b, %q", delivery+1, got, update.Item.Amends, first.Item.Key)
		}
	}
	known := told("c", 301, "ACME", "UPDATE: "+cranes)
	known.Item.Amends = "guid:x|1"
	lone := told("d", 302, "ACME", "UPDATE: Acme opens a yard in Gdansk for repairs")
	if got := process(t, s, []*flows.Message{known, lone}); len(got) != 2 || known.Item.Amends != "guid:x|1" || lone.Item.Amends != "" {
		t.Errorf("%q passed, amend %q and %q; want c and d, what the source knew and nothing", got, known.Item.Amends, lone.Item.Amends)
	}
	// What repeats the correction is a duplicate of it.
	if got := process(t, s, []*flows.Message{told("e", 303, "ACME", "Acme raises its quarterly dividend to $0.12 a share")}); len(got) != 0 {
		t.Errorf("%q passed, want none", got)
	}
}

// One stage compares keys, and another one behind it headlines, as in the default pipeline.
func TestTwoStagesInARow(t *testing.T) {
	shared := &memory{}
	kind := Kind(func() (store.Stories, error) { return shared, nil })
	keys := DefaultConfig
	keys.Near.Enabled = false
	named := func(name string, c Config) flows.Stage {
		s, err := kind.New(&flows.Build{Pipeline: "test", Name: name}, c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := named("dedupe", keys), named("stories", DefaultConfig)
	for range 2 { // also when delivered again
		var got []string
		for i := range 3 {
			m := told(strconv.Itoa(i), i, "ACME", cranes)
			m.Item.GUID = "own " + m.ID
			if passed := process(t, first, []*flows.Message{m}); len(passed) == 1 {
				got = append(got, process(t, second, []*flows.Message{m})...)
			}
		}
		if !cmp.Equal(got, []string{"0"}) {
			t.Errorf("%q passed both, want 0", got)
		}
	}
}

// A, then B like A, then C like B and not like A: B was not shown, so C is news.
func TestTheFirstIsCompared(t *testing.T) {
	c := DefaultConfig
	c.Near.Similarity = 0.6
	titles := []string{"alpha bravo charlie delta echo", "alpha bravo charlie delta echo foxtrot golf", "alpha bravo charlie foxtrot golf"}
	shared := &memory{}
	s := build(t, shared, c)
	var got []string
	for i, title := range titles {
		got = append(got, process(t, s, []*flows.Message{told(strconv.Itoa(i), i, "ACME", title)})...)
	}
	if !cmp.Equal(got, []string{"0", "2"}) {
		t.Errorf("%q passed, want 0, 2", got)
	}
	together := build(t, &memory{}, c)
	var batch []*flows.Message
	for i, title := range titles {
		batch = append(batch, told(strconv.Itoa(i), i, "ACME", title))
	}
	if got := process(t, together, batch); !cmp.Equal(got, []string{"0", "2"}) {
		t.Errorf("in one batch %q passed, want 0, 2", got)
	}
}

func TestPartsOfAMessageAreNotDuplicates(t *testing.T) {
	s := build(t, &memory{}, DefaultConfig)
	if got := process(t, s, []*flows.Message{told("m.0", 0, "ACME", cranes), told("m.1", 0, "ACME", cranes), told("n.1", 0, "ACME", cranes)}); len(got) != 2 {
		t.Errorf("%q passed, want both parts of m", got)
	}
}

// A dies between its place and its alert; B was dropped meanwhile. Both come again, A late.
func TestASecondDeliveryDecidesTheSame(t *testing.T) {
	shared := &memory{}
	first := func(minutes int) []string {
		return process(t, build(t, shared, DefaultConfig), []*flows.Message{told("a", minutes, "ACME", cranes)})
	}
	second := func() []string {
		return process(t, build(t, shared, DefaultConfig), []*flows.Message{told("b", 5, "ACME", strings.ToUpper(cranes))})
	}
	first(0)
	shared.yieldErr = errors.New("connection reset")
	m := told("b", 5, "ACME", strings.ToUpper(cranes))
	if out, err := build(t, shared, DefaultConfig).Process(t.Context(), []*flows.Message{m, told("c", 5, "BETA", cranes)}); err != nil || len(out) != 1 || out[0].ID != "c" {
		t.Errorf("%d passed, error %v; want c, which has nothing to do with it", len(out), err)
	}
	if m.Outcome().Fate != flows.Parked {
		t.Errorf("what could not be recorded is %v, want parked", m.Outcome().Fate)
	}
	shared.yieldErr = nil
	for range 2 {
		if got := second(); len(got) != 0 {
			t.Errorf("%q passed, want none", got)
		}
		if got := first(0); len(got) != 1 {
			t.Error("the first does not pass any more")
		}
	}
	if got := shared.seen["a"]; len(got) != 1 || got[0].Source != "wire b" || got[0].URL != "https://news.example/b" {
		t.Errorf("the first message's sightings are %+v, want one of wire b", got)
	}
	// The group is forgotten, as after hours. Another joins, and then the first comes again.
	clear(shared.groups)
	process(t, build(t, shared, DefaultConfig), []*flows.Message{told("d", 20, "ACME", cranes)})
	if got := first(0); len(got) != 1 {
		t.Error("the first is a duplicate of what came after it")
	}
	if got := second(); len(got) != 0 {
		t.Error("who has handed its key over passes")
	}
}

// Two processes get stories that are nearly the same, in the same instant and in another
// order: one of each passes.
func TestProcessesAgreeOnTheFirst(t *testing.T) {
	for name, open := range map[string]func(testing.TB) [2]store.Stories{"sqlite": twoSQLite, "redis": twoRedis} {
		t.Run(name, func(t *testing.T) {
			stores := open(t)
			const companies, each = 5, 40
			var mu sync.Mutex
			passed := map[string]int{}
			var wg sync.WaitGroup
			for p := range 4 {
				s := build(t, stores[p%2], DefaultConfig)
				wg.Go(func() {
					for i := range each / 4 {
						var batch []*flows.Message
						for c := range companies {
							c = (c + p) % companies
							batch = append(batch, told(strings.Join([]string{strconv.Itoa(p), strconv.Itoa(i), strconv.Itoa(c)}, "-"), i%20, "TK"+string(rune('A'+c)), cranes))
						}
						out, err := s.Process(t.Context(), batch)
						if err != nil {
							t.Error(err)
						}
						mu.Lock()
						for _, m := range out {
							passed[m.Item.Tickers[0]]++
						}
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			for ticker, n := range passed {
				if n != 1 {
					t.Errorf("%d stories of %s passed, want 1", n, ticker)
				}
			}
			if len(passed) != companies {
				t.Errorf("stories of %d companies passed, want %d", len(passed), companies)
			}
		})
	}
}

func TestWhatIsCounted(t *testing.T) {
	before := counts()
	s := build(t, &memory{}, DefaultConfig)
	process(t, s, []*flows.Message{told("a", 0, "ACME", "Acme raises its quarterly dividend to $0.21 a share")})
	process(t, s, []*flows.Message{
		told("b", 0, "ACME", "Acme raises its quarterly dividend to $0.21 a share"),
		flows.NewMessage("a2", told("a", 0, "ACME", "").Item), // the key of a: it has a's GUID and source
		told("c", 0, "ACME", "Acme raises its quarterly dividend to $0.12 a share"),
	})
	after := counts()
	for name, want := range map[string]float64{"exact": 1, "near": 1, "numbers": 1} {
		if got := after[name] - before[name]; got != want {
			t.Errorf("%s counted %v times, want %v", name, got, want)
		}
	}
}

func counts() map[string]float64 {
	all := map[string]float64{}
	for _, name := range []string{"duplicates_total", "duplicates_guarded_total"} {
		for _, s := range metrics.Read(name) {
			for _, label := range s.Labels {
				all[label] = s.Value
			}
		}
	}
	return all
}

func FuzzSimilarity(f *testing.F) {
	f.Add(cranes, "UPDATE: "+cranes)
	f.Add("", "\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := Similarity(a, b), Similarity(b, a)
		if x != y || x < 0 || x > 1 {
			t.Errorf("similarities %v and %v", x, y)
		}
		if len(marks(a)) >= fewest && Similarity(a, a) != 1 {
			t.Errorf("%q is not like itself", a)
		}
		headline(&news.Item{Title: a})
	})
}

// Whatever a row has seen before, it says what one says that is read for the first time.
func TestAKeptRowDecidesAsANewOne(t *testing.T) {
	rule := DefaultConfig.Near.Rule()
	stories := []string{cranes, "Acme wins Norway contract for new harbour cranes", "CORRECTED: " + cranes, "Acme hires a new chief engineer for its shipyard", "Acme hires new chief engineer for shipyard in Norway"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		var all []store.Arrival
		var kept row
		for n := range 60 {
			switch random.IntN(6) {
			case 0: // one yields
				if i := random.IntN(len(all) + 1); i < len(all) {
					all = slices.Delete(slices.Clone(all), i, i+1)
				}
			case 1: // the oldest make room
				all = all[min(len(all), random.IntN(3)):]
			default:
				all = append(slices.Clip(all), store.Arrival{ID: strconv.Itoa(n), Text: stories[random.IntN(len(stories))], At: noon.Add(time.Duration(random.IntN(90)) * time.Minute)})
			}
			seen := all[:len(all)-random.IntN(min(3, len(all)+1))] // a second delivery sees fewer
			var fresh row
			kept.extend(seen)
			fresh.extend(seen)
			for i := range fresh {
				if random.IntN(3) == 0 {
					continue // some are never asked
				}
				if now, want := kept.first(rule, i), fresh.first(rule, i); kept[i].ID != fresh[i].ID || now != want {
					t.Fatalf("headline %d of %d: %s, first %v; want %s, %v", i, len(fresh), kept[i].ID, now, fresh[i].ID, want)
				}
			}
		}
	}
}

// Most groups have one headline and are never met again: the shelf does not grow with them.
func TestTheShelfIsBounded(t *testing.T) {
	for _, headlines := range [][]string{{cranes}, {cranes, "Acme hires a new chief engineer for its shipyard"}} {
		s := build(t, &memory{}, DefaultConfig).(*stage)
		for i := range 2*shelved + 100 {
			for k, headline := range headlines {
				process(t, s, []*flows.Message{told(strconv.Itoa(2*i+k), 0, "T"+strconv.Itoa(i), headline)})
			}
		}
		if n := len(s.rows.young) + len(s.rows.old); n > 2*shelved {
			t.Errorf("groups of %d: %d rows are kept, want %d at most", len(headlines), n, 2*shelved)
		}
	}
}

// BenchmarkFullGroup judges a headline in a group that has as many others as it can, with
// what the stage remembers of them and without.
func BenchmarkFullGroup(b *testing.B) {
	rule := DefaultConfig.Near.Rule()
	var all []store.Arrival
	for i := range store.GroupSize {
		n := strconv.Itoa(i)
		all = append(all, store.Arrival{ID: n, Key: n, At: noon, Text: "Acme " + n + " receives approval for its product number " + n + " in Norway"})
	}
	h := Read(store.Arrival{ID: "new", At: noon, Text: "Acme receives approval for its harbour cranes in Norway"})
	var r row
	r.extend(all)
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			r.extend(all)
			r.judge(rule, h, len(r))
		}
	})
	b.Run("anew", func(b *testing.B) {
		for b.Loop() {
			var r row
			r.extend(all)
			r.judge(rule, h, len(r))
		}
	})
}
