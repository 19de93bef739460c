package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/edgar/edgartest"
	"catalyst/internal/news"
	"catalyst/internal/replay"
	sqlitestore "catalyst/internal/store/sqlite"
)

// An unsteadyFeed answers a poll after the other with what feeds come up with, and then with
// the same again and again.
type unsteadyFeed struct {
	*httptest.Server
	token string
	asked atomic.Int64
}

func (f *unsteadyFeed) answer(w http.ResponseWriter, r *http.Request) {
	entry := func(n int) string {
		return fmt.Sprintf("<item><guid isPermaLink=\"false\">%d</guid><title>Acme Robotics wins order number %d</title><pubDate>%s</pubDate></item>",
			n, n, time.Date(2026, 1, 5, 14, 0, n, 0, time.UTC).Format(time.RFC1123Z))
	}
	feed := func(entries ...string) {
		slices.Reverse(entries)
		w.Header().Set("Content-Type", "application/rss+xml")
		w.Header().Set("Set-Cookie", "session="+f.token)
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, len(entries)))
		fmt.Fprintf(w, "<rss version=\"2.0\"><channel><title>%s</title><lastBuildDate>%v</lastBuildDate>%s</channel></rss>", f.token, time.Now(), strings.Join(entries, ""))
	}
	switch f.asked.Add(1) {
	case 1:
		feed(entry(1), entry(2), entry(3))
	case 2:
		w.WriteHeader(http.StatusNotModified)
	case 3:
		fmt.Fprint(w, "<!DOCTYPE html><html><title>Scheduled maintenance</title></html>")
	case 4:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "no access for %s", f.token)
	case 5:
		fmt.Fprint(w, "<rss version=\"2.0\"><channel><item><title>half a f")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // the connection breaks
	case 6, 7: // more than max_items
		var many []string
		for n := range 12 {
			many = append(many, entry(n+1))
		}
		feed(many...)
	default:
		feed(entry(11), entry(12), entry(13))
	}
}

// recordedPolls are the records of a file, with the bodies of polls that stand alone as text.
func recordedPolls(t *testing.T, name string) (records []replay.Record, bodies string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var r replay.Record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Logf("%.100s: %v", line, err)
			continue
		}
		records = append(records, r)
		if r.Kind != replay.KindPoll || len(r.Fetched.Body) == 0 {
			continue
		}
		z, err := gzip.NewReader(bytes.NewReader(r.Fetched.Body))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		bodies += string(body)
	}
	return records, bodies + string(text)
}

// stopWhen stops a run when something holds.
func stopWhen(ctx context.Context, stop func(), holds func() bool) {
	for tick := time.Tick(5 * time.Millisecond); ctx.Err() == nil && !holds(); {
		select {
		case <-tick:
		case <-ctx.Done():
		}
	}
	stop()
}

// What sources were answered in a run they are answered in its replay, by nobody but the
// recording: the same items come, each time.
func TestRecordedPollsAreReplayed(t *testing.T) {
	const token, key = "sesame-7281-open", "finnhub-key-4711"
	feed := &unsteadyFeed{token: token}
	feed.Server = httptest.NewServer(http.HandlerFunc(feed.answer))
	defer feed.Close()
	var market atomic.Int64
	finnhub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := min(market.Add(1), 6) // the end of the run comes in the middle of nothing new
		fmt.Fprintf(w, `[{"datetime":1767621600,"headline":"Beta cuts its outlook, part %d, says %s","id":%d,"url":"https://publisher.example/%d"}]`,
			n/3, r.Header.Get("X-Finnhub-Token"), n/3+1, n/3+1)
	}))
	defer finnhub.Close()
	sec := edgartest.NewServer(t)
	sec.List(edgartest.Company{CIK: 1234567, Ticker: "ACMX", Name: "Acme"})
	sec.Add(edgartest.Filing{
		Accession: "0001234567-26-000001", Form: "8-K", Accepted: time.Now().Add(-time.Minute), Filers: []edgartest.Filer{{Name: "Acme", CIK: "0001234567", Role: "Filer"}},
	})

	dir := t.TempDir()
	database := filepath.ToSlash(filepath.Join(dir, "run.db"))
	pipeline := write(t, dir, "pipeline.yaml", fmt.Sprintf(`
name: polled
broker: sqlite://%[1]s
store: sqlite://%[1]s
sources:
  - rss: {name: wire, url: "${FEED}", every: 20ms, max_items: 5}
  - finnhub: {base_url: "${FINNHUB}", key: "${FINNHUB_KEY:-}", categories: [general], every: 30ms}
  - edgar: {base_url: "${EDGAR}", contact: Example Ltd news@example.com, dir: %[2]s, every: 300ms}
  - newsapi: {key: ""}
stages:
  - dedupe
  - announce: {sink: console}
  - topic: news.analyse
sinks:
  - console
http: {listen: "off"}
`, database, filepath.ToSlash(filepath.Join(dir, "edgar"))))
	env := map[string]string{"FEED": feed.URL + "/feed?token=" + token, "FINNHUB": finnhub.URL, "FINNHUB_KEY": key, "EDGAR": sec.URL}
	tape := filepath.Join(dir, "tape.jsonl")
	if err := os.WriteFile(tape, []byte(`{"record":"item","item":{"ti`), 0o600); err != nil { // of a process that was killed
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go stopWhen(ctx, cancel, func() bool {
		return feed.asked.Load() >= 10 && market.Load() >= 8 && len(sec.Requests("/cgi-bin")) >= 2
	})
	var out, log bytes.Buffer
	a := &app{stdio: stdio{strings.NewReader(""), &out, &log}, env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	root := a.command()
	root.SetArgs([]string{"run", "-f", pipeline, "--record", tape, "--env-file", "none"})
	if err := root.ExecuteContext(ctx); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}

	records, all := recordedPolls(t, tape)
	if strings.Contains(all, token) || strings.Contains(all, key) {
		t.Errorf("the recording has a secret:\n%.3000s", all)
	}
	recorded, polls := map[string][]string{}, map[string]int{}
	for _, r := range records {
		switch r.Kind {
		case replay.KindItem:
			item, err := news.Decode(r.Item)
			if err != nil {
				t.Fatal(err)
			}
			recorded[r.Source] = append(recorded[r.Source], item.Key)
		case replay.KindPoll:
			polls[r.Source]++
		}
	}
	if len(recorded["wire"]) != 13 || polls["wire"] < 9 || len(recorded["finnhub"]) == 0 || len(recorded["edgar"]) != 1 {
		t.Fatalf("%d, %d and %d items of %v polls; want 13 of the feed, some and 1", len(recorded["wire"]), len(recorded["finnhub"]), len(recorded["edgar"]), polls)
	}

	asked := func() int64 { return feed.asked.Load() + market.Load() + int64(len(sec.Requests("/"))) }
	before := asked()
	delete(env, "FINNHUB_KEY") // it is not needed where nobody asks
	// Once, and then beside a pipeline with fewer of the sources, which polls by other rules.
	var once replay.Report
	var twice replay.Comparison
	fewer := write(t, dir, "fewer.yaml", strings.NewReplacer("max_items: 5", "max_items: 2", "  - edgar:", "  # - edgar:").Replace(readText(t, pipeline)))
	for args, into := range map[string]any{"": &once, fewer: &twice} {
		text := inProcess(t, env, "replay", "-f", pipeline, "--json", "-", "--compare", args, tape)
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	var outcomes []byte
	for _, r := range []*replay.Report{&once, twice.A} {
		again := map[string][]string{}
		for _, o := range r.Outcomes {
			source := o.Source
			if source == "edgar" && !slices.Equal(o.Tickers, []string{"ACMX"}) {
				t.Errorf("the filing is of %v, want ACMX as the list of companies says", o.Tickers)
			}
			if source == "finnhub" || source == "edgar" || source == "wire" {
				again[source] = append(again[source], o.Key)
			}
		}
		if diff := cmp.Diff(recorded, again); diff != "" {
			t.Errorf("items by source (-recorded +replayed):\n%s", diff)
		}
		same, err := json.Marshal([]any{r.Outcomes, r.Polls, r.Notes})
		if err != nil {
			t.Fatal(err)
		}
		if outcomes != nil && !bytes.Equal(outcomes, same) {
			t.Errorf("the second replay came to\n%s\nthe first one to\n%s", same, outcomes)
		}
		outcomes = same
		wire := r.Polls[0]
		want := map[string]int{"ok": polls["wire"] - 4, "not_modified": 1, "malformed": 1, "refused": 1, "network": 1}
		if diff := cmp.Diff(want, wire.Results); diff != "" || wire.Source != "wire" || wire.NotModified != 1 || wire.Malformed != 1 ||
			wire.Failed != 3 || wire.Items != 13 || wire.Most != 5 || wire.Unrecorded != 0 {
			t.Errorf("polls of the feed are %+v; results (-want +got):\n%s", wire, diff)
		}
		if f := r.Figures; f.PollsMalformed != 1 || f.Polls < 9 || f.Lost != 0 || f.In != len(r.Outcomes) || f.Items != f.In {
			t.Errorf("figures %+v", f)
		}
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "newsapi is off") }) {
			t.Errorf("that newsapi is off is not said in %q", r.Notes)
		}
	}
	if b := twice.B; b.Polls[0].Most != 2 || len(twice.Changes) == 0 || twice.Changes[0].What[0] != "there" {
		t.Errorf("%+v and %d changes %+v, want two items a poll and items that are not there", b.Polls, len(twice.Changes), twice.Changes)
	}
	if n := asked() - before; n != 0 {
		t.Errorf("the replays made %d requests", n)
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A source that knew how far it had read when the recording began knows it in the replay: it
// reads on over the pages that it read then.
func TestAReplayBeginsWhereTheRecordingDid(t *testing.T) {
	sec := edgartest.NewServer(t)
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	add := func(from, to int) {
		for n := from; n < to; n++ {
			sec.Add(edgartest.Filing{
				Accession: fmt.Sprintf("0001234567-26-%06d", n+1), Form: "8-K", Accepted: began.Add(time.Duration(n) * 20 * time.Second),
				Filers: []edgartest.Filer{{Name: "Acme", CIK: "0001234567", Role: "Filer"}},
			})
		}
	}
	dir := t.TempDir()
	database := filepath.Join(dir, "run.db")
	pipeline := write(t, dir, "pipeline.yaml", fmt.Sprintf(`
name: filings
broker: sqlite://%[1]s
store: sqlite://%[1]s
sources:
  - edgar: {base_url: "${EDGAR}", contact: Example Ltd news@example.com, dir: %[2]s, every: 200ms}
stages:
  - dedupe
  - topic: news.analyse
sinks:
  - console
http: {listen: "off"}
`, filepath.ToSlash(database), filepath.ToSlash(filepath.Join(dir, "edgar"))))
	env := map[string]string{"EDGAR": sec.URL}
	tape := filepath.Join(dir, "tape.jsonl")
	run := func(requests int, args ...string) { // the last of them begins another poll: the one before is done
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		was := len(sec.Requests("/cgi-bin"))
		go stopWhen(ctx, cancel, func() bool { return len(sec.Requests("/cgi-bin")) >= was+requests })
		var out, log bytes.Buffer
		a := &app{stdio: stdio{strings.NewReader(""), &out, &log}, env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
		root := a.command()
		root.SetArgs(append([]string{"run", "-f", pipeline, "--env-file", "none"}, args...))
		if err := root.ExecuteContext(ctx); err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
	}
	add(0, 110)
	inProcess(t, env, "migrate", "-f", pipeline)
	notes, err := sqlitestore.Open(t.Context(), database, "filings")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(notes.Note(t.Context(), "edgar:edgar:feed:8-K", []byte(began.UTC().Format(time.RFC3339)), time.Hour), notes.Close()); err != nil {
		t.Fatal(err)
	}
	run(3, "--record", tape) // two pages, and the first of the next poll
	var r replay.Report
	if err := json.Unmarshal([]byte(inProcess(t, env, "replay", "-f", pipeline, "--json", "-", tape)), &r); err != nil {
		t.Fatal(err)
	}
	if r.Figures.In != 110 || r.Polls[0].Most != 110 || r.Polls[0].Failed+r.Polls[0].Unrecorded != 0 {
		t.Errorf("%d filings of %+v, want all 110 of two pages", r.Figures.In, r.Polls)
	}
}
