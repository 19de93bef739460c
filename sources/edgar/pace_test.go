package edgar

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/intake"
)

// Of a backlog the newest go first, and the rest with the next looks; also after a restart
// in the middle, nothing is left out.
func TestTheNewestOfABacklogGoFirst(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	process := processes(t, s, func(c *Config) { c.MaxItems = 80 })
	source, _ := process()
	to := &topic{}
	s.Add(filings(0, 95)...)
	source.pollOnce(t, to)
	if got := to.take(); !slices.Equal(got, accessions(15, 95)) {
		t.Errorf("the first look published %v, want the newest 80", got)
	}
	s.Add(filings(95, 110)...) // they push others off the first page
	source.pollOnce(t, to)
	if got := to.take(); !slices.Equal(got, append(accessions(0, 15), accessions(95, 110)...)) {
		t.Errorf("the second look published %v, want what was left and what is new", got)
	}

	s.Add(filings(10_000, 10_095)...)
	source.pollOnce(t, to)
	if got := to.take(); !slices.Equal(got, accessions(10_015, 10_095)) {
		t.Errorf("of 95 the newest 80 go first, and not %v", got)
	}
	again, _ := process()
	var all []string
	for range 2 {
		again.pollOnce(t, to)
		got := to.take()
		if len(got) > 80 {
			t.Errorf("%d filings in one look", len(got))
		}
		all = append(all, got...)
	}
	for _, want := range accessions(10_000, 10_095) {
		if !slices.Contains(all, want) {
			t.Fatalf("%s was lost with the restart", want)
		}
	}
}

// No form takes the place of the others.
func TestFormsShareALook(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	source, _ := processes(t, s, func(c *Config) { c.Forms, c.MaxItems = []string{"10-Q", "8-K"}, 20 })()
	for n := range 60 {
		quarterly := filing(1000 + n)
		quarterly.Form = "10-Q"
		s.Add(filing(n), quarterly)
	}
	to := &topic{}
	source.pollOnce(t, to)
	forms := map[string]int{}
	for _, it := range to.items {
		forms[it.Form]++
	}
	if forms["8-K"] != 10 || forms["10-Q"] != 10 {
		t.Errorf("published %v, want 10 of each", forms)
	}
}

// The company watched, too, brings the newest first.
func TestTheWatchListIsCapped(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1234567, Ticker: "ACME"})
	for n := range 5 {
		f := filing(n)
		f.Accepted = time.Now().UTC().Add(time.Duration(n-10) * time.Minute)
		s.Add(f)
	}
	source, _ := processes(t, s, func(c *Config) { c.Watch, c.MaxItems = []string{"ACME"}, 3 })()
	to := &topic{}
	for _, want := range [][]string{accessions(2, 5), accessions(0, 2), nil} {
		source.watch(t.Context(), to.publish)
		if got := to.take(); !slices.Equal(got, want) {
			t.Errorf("published %v, want %v", got, want)
		}
	}
}

func TestAnEmptyFormIsReported(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1, Ticker: "X"})
	s.Add(filing(1))
	source, _ := processes(t, s, func(c *Config) { c.Forms, c.Rare = []string{"10-L", "8-K", "SC 13E3"}, []string{"SC 13E3"} })()
	to := &topic{}
	for range 2 {
		source.pollOnce(t, to)
		if h := source.Health(); h.EmptyPart != "10-L" || h.EmptySince.IsZero() || h.Silent() != h.EmptySince || h.Entries != 1 {
			t.Errorf("health %+v, want 10-L empty", h)
		}
	}
	odd := filing(2)
	odd.Form = "10-L"
	s.Add(odd)
	source.pollOnce(t, to)
	if h := source.Health(); h.EmptyPart != "" || !h.EmptySince.IsZero() || h.Entries != 2 {
		t.Errorf("health %+v, want nothing empty", h)
	}
	look, _ := processes(t, s, func(c *Config) { c.Forms = []string{"8-K", "9-K"} })()
	if err := look.Look(t.Context()); err != nil || look.Health().EmptyPart != "9-K" {
		t.Errorf("a look: %v, %+v; want 9-K empty", err, look.Health())
	}
}

// That nothing has changed is no success of another kind, and it is heeded how long EDGAR
// asks to be left alone only as far as max_every allows.
func TestNothingHasChanged(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.List(edgartest.Company{CIK: 1234567, Ticker: "ACME"})
	s.Add(filing(1))
	source, log := processes(t, s, func(c *Config) { c.Forms, c.Watch = []string{"10-Q", "8-K"}, []string{"ACME"} })()
	changed := ""
	s.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/cgi-bin") {
			return false
		}
		w.Header().Set("Cache-Control", "max-age=120")
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") != "" && r.URL.Query().Get("type") != changed {
			w.WriteHeader(http.StatusNotModified)
		} else {
			w.Write([]byte(`<feed xmlns="http://www.w3.org/2005/Atom"></feed>`))
		}
		return true
	})
	to := &topic{}
	pace := Defaults.Pace
	feed := &task{what: "feed", pace: pace, look: source.look}
	counted := func(result string) float64 { return testutil.ToFloat64(intake.Polls.WithLabelValues(t.Name(), result)) }
	for i, want := range []string{"ok", "not_modified", "not_modified", "ok"} {
		if changed = ""; i == 3 {
			changed = "8-K"
		}
		before := counted(want)
		if wait := source.poll(t.Context(), feed, to.publish); wait != pace.Every {
			t.Errorf("poll %d: the next in %v, want %v", i, wait, pace.Every)
		}
		if counted(want)-before != 1 {
			t.Errorf("poll %d is not counted as %s", i, want)
		}
	}
	feed.pace.MaxEvery = time.Minute
	if wait := source.poll(t.Context(), feed, to.publish); wait != time.Minute {
		t.Errorf("with max_every: the next in %v, want 1m", wait)
	}
	watch := &task{what: "watch", pace: intake.Pace{Every: time.Minute}, look: source.watch}
	before := counted("not_modified")
	source.poll(t.Context(), watch, to.publish)
	source.poll(t.Context(), watch, to.publish)
	if got := counted("not_modified") - before; got != 1 {
		t.Errorf("%v of two looks at a company are counted as not_modified, want the second", got)
	}
	if h := source.Health(); h.Unchanged == 0 || h.Fault != nil || log.Len() > 0 {
		t.Errorf("health %+v, logged %q", h, log)
	}
}
