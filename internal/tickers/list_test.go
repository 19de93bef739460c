package tickers

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"catalyst/internal/edgar/client"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

// sample is a list in EDGAR's form, of made-up companies.
const sample = `{"fields":["cik","name","ticker","exchange"],"data":[
	[11,"Anvil Works Inc.","ANVL","Nasdaq"],
	[11,"Anvil Works Inc.","ANVLW","Nasdaq"],
	[12,"Great Bank Corp","GBK","NYSE"],
	[12,"Great Bank Corp","GBK-PC","NYSE"],
	[12,"Great Bank Corp","OLDB-PH","NYSE"],
	[13,"Two Classes LLC","TWO-B","NYSE"],
	[13,"Two Classes LLC","TWO-A","NYSE"],
	[14,"Letters Holdings","LTTRA","Nasdaq"],
	[14,"Letters Holdings","LTTRB","Nasdaq"],
	[15,"Snow Plow Co","PLOW","NYSE"],
	[16,"Five Letter Growers","GROWU","Nasdaq"],
	[17,"Blank Check I","BLKC","NYSE"],
	[17,"Blank Check I","BLKC-UN","NYSE"],
	[17,"Blank Check I","BLKC-WT","NYSE"],
	[18,"Overseas plc","OVRS",null],
	[18,"Overseas plc","OVS","NYSE"],
	[18,"Overseas plc","OVSPF","OTC"],
	[19,"Merged Group","MRG","Nasdaq"],
	[19,"Merged Group","OLDSW","Nasdaq"],
	[20,"Units First Acquisition","UFAQU","Nasdaq"],
	[20,"Units First Acquisition","UFAQ","Nasdaq"],
	[0,"No number","NONE","NYSE"], [21,"No ticker","","NYSE"], ["x","Damaged"], []
]}`

func loaded(t *testing.T, file string) *List {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "company_tickers_exchange.json"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	l := New(nil, dir)
	if err := l.Load(); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCommon(t *testing.T) {
	l := loaded(t, sample)
	for ticker, want := range map[string]string{
		"ANVL": "ANVL", "ANVLW": "ANVL",
		"GBK": "GBK", "GBK-PC": "GBK", "OLDB-PH": "GBK",
		"TWO-A": "TWO-A", "TWO-B": "TWO-B", "LTTRA": "LTTRA", "LTTRB": "LTTRB",
		"PLOW": "PLOW", "GROWU": "GROWU", // ends that mean nothing
		"BLKC-WS": "BLKC", "BLKC-WT": "BLKC", "BLKC-U": "BLKC", "BLKC-UN": "BLKC",
		"OVSPF": "OVSPF", "OLDSW": "MRG", "UFAQU": "UFAQ",
		"UNKNW": "UNKNW", "PLTRW": "PLTRW", // nobody knows these
	} {
		if got := l.Common(ticker); got != want {
			t.Errorf("Common(%s) = %s, want %s", ticker, got, want)
		}
	}
	for cik, want := range map[string]string{
		"0000000011": "ANVL", "12": "GBK", "13": "TWO-B", "14": "LTTRA", "16": "GROWU", "17": "BLKC", "18": "OVS", "19": "MRG", "20": "UFAQ",
		"0": "", "21": "", "99": "", "": "", "x": "", "-5": "",
	} {
		if got := l.Primary(cik); got != want {
			t.Errorf("Primary(%q) = %q, want %q", cik, got, want)
		}
	}
	if l.Size() != 21 {
		t.Errorf("%d tickers, want 21", l.Size())
	}
}

func TestWithoutAList(t *testing.T) {
	l := New(nil, filepath.Join(t.TempDir(), "none"))
	if err := l.Load(); err != nil {
		t.Errorf("a copy that is not there: %v", err)
	}
	if err := l.Refresh(t.Context()); err != nil {
		t.Errorf("nobody to ask: %v", err)
	}
	if l.Size() != 0 || l.Primary("11") != "" || l.Common("ANVLW") != "ANVLW" || l.Find("ANVL") != nil || l.CIK("ANVL") != "" || l.Company("11") != nil {
		t.Error("something is known without a list")
	}
}

// edgar is a server with a list, and a list that asks it.
func edgar(t *testing.T, serve http.HandlerFunc) (*List, string) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	kept, err := sqlitestore.Open(t.Context(), testenv.File(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	limits := client.NewLimits(func() (store.Meters, error) { return kept, nil }, func() (store.Notes, error) { return kept, nil })
	dir := t.TempDir()
	return New(client.New(client.Config{Contact: "Test test@example.com", BaseURL: server.URL, Dir: dir}, limits, 1), dir), dir
}

func TestRefresh(t *testing.T) {
	var asked atomic.Int32
	body := atomic.Pointer[string]{}
	body.Store(new(sample))
	l, dir := edgar(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != remote || !strings.Contains(r.UserAgent(), "test@example.com") {
			t.Errorf("asked for %s as %q", r.URL, r.UserAgent())
		}
		w.Write([]byte(*body.Load()))
	})
	for range 3 {
		if err := l.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 1 || l.Primary("11") != "ANVL" {
		t.Errorf("asked %d times, the ticker is %q; want 1, ANVL", n, l.Primary("11"))
	}
	// After a restart the copy is good for a day.
	again := New(l.client, dir)
	if err := again.Load(); err != nil || again.Primary("11") != "ANVL" {
		t.Errorf("after a restart: %v, ticker %q", err, again.Primary("11"))
	}
	if err := again.Refresh(t.Context()); err != nil || asked.Load() != 1 {
		t.Errorf("after a restart: %v, asked %d times; want 1", err, asked.Load())
	}
	// An old copy is as good as its age while EDGAR answers with something else.
	old := time.Now().AddDate(0, 0, -2)
	if err := os.Chtimes(again.path, old, old); err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]string{"a web page": "<html>maintenance</html>", "nobody": `{"fields":[],"data":[]}`, "half": sample[:300]} {
		body.Store(&answer)
		stale := New(l.client, dir)
		if err := stale.Load(); err != nil {
			t.Fatal(err)
		}
		if err := stale.Refresh(t.Context()); err == nil || stale.Primary("11") != "ANVL" {
			t.Errorf("%s: error %v, ticker %q; want an error and ANVL", name, err, stale.Primary("11"))
		}
		before := asked.Load()
		if err := stale.Refresh(t.Context()); err != nil || asked.Load() != before {
			t.Errorf("%s: asked again at once, error %v", name, err)
		}
	}
	if kept, err := os.ReadFile(again.path); err != nil || string(kept) != sample {
		t.Errorf("the copy on disk has changed (%v)", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	body.Store(new(sample))
	if err := New(l.client, dir).Refresh(t.Context()); err != nil {
		t.Errorf("with an old copy: %v", err)
	}
	if info, err := os.Stat(again.path); err != nil || time.Since(info.ModTime()) > time.Hour {
		t.Errorf("the copy was not renewed (%v)", err)
	}
}

// Lists of one folder ask once: what one is given, the others find.
func TestListsOfAFolder(t *testing.T) {
	var asked atomic.Int32
	l, dir := edgar(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("If-None-Match") == "v1" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", "v1")
		w.Write([]byte(sample))
	})
	lists := []*List{l, New(l.client, dir), New(l.client, dir)}
	var refreshing sync.WaitGroup
	for _, l := range lists {
		refreshing.Go(func() {
			if err := l.Refresh(t.Context()); err != nil || l.Primary("11") != "ANVL" {
				t.Errorf("error %v, ticker %q", err, l.Primary("11"))
			}
		})
	}
	refreshing.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	mute := New(nil, dir)
	if err := mute.Refresh(t.Context()); err != nil || mute.Primary("11") != "ANVL" {
		t.Errorf("who asks nobody: error %v, ticker %q", err, mute.Primary("11"))
	}

	// The next day the list has not changed, which is as good as a new one, for all of them.
	old := time.Now().Add(-2 * fresh)
	if err := os.Chtimes(l.path, old, old); err != nil {
		t.Fatal(err)
	}
	for _, l := range lists {
		l.copied, l.tried = old, old
	}
	for i := range lists {
		asker := slices.IndexFunc(lists, func(l *List) bool { return l.versions.ETag != "" })
		if err := lists[(asker+i)%len(lists)].Refresh(t.Context()); err != nil || asked.Load() != 2 {
			t.Errorf("the next day: error %v, asked %d times, want twice", err, asked.Load())
		}
	}
}

// Who waits while another asks waits no longer than its context allows.
func TestWaitingEnds(t *testing.T) {
	asking <- struct{}{}
	defer func() { <-asking }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := New(nil, t.TempDir()).Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestCIK(t *testing.T) {
	l := loaded(t, sample)
	for ticker, want := range map[string]string{
		"anvl": "0000000011", "ANVLW": "0000000011", " two.b ": "0000000013", "TWO/A": "0000000013", "TWO B": "0000000013", "BLKC-WS": "0000000017",
		"NONE": "", "ZZZ": "", "": "",
	} {
		if got := l.CIK(ticker); got != want {
			t.Errorf("CIK(%q) = %q, want %q", ticker, got, want)
		}
	}
}

func TestADamagedCopyIsAnErrorAndNoList(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "company_tickers_exchange.json"), []byte(sample[:200]), 0o600); err != nil {
		t.Fatal(err)
	}
	l := New(nil, dir)
	if err := l.Load(); err == nil || l.Size() != 0 {
		t.Errorf("error %v, %d tickers; want an error and none", err, l.Size())
	}
}

// On EDGAR's own list: no weighty company loses its ticker to its warrants.
func TestRealList(t *testing.T) {
	file, err := os.ReadFile("../../../shared/data/edgar/reference/company_tickers_exchange.json")
	if err != nil {
		t.Skip("EDGAR's list of companies is not here: ", err)
	}
	l := loaded(t, string(file))
	for ticker, want := range map[string]string{
		"PLTR": "PLTR", "UBER": "UBER", "SNOW": "SNOW", "MSTR": "MSTR", "SCHW": "SCHW", "GOOG": "GOOG", "GOOGL": "GOOGL", "BRK-A": "BRK-A", "BRK-B": "BRK-B",
		"CMCSA": "CMCSA", "HEI-A": "HEI-A", "AREBW": "AREB", "RENEW": "RENE", "GSMGW": "CHR", "JPM-PC": "JPM", "DSX-WS": "DSX", "XOSWW": "XOS", "PGYWW": "PGY",
		"HYAC-U": "HYAC", "NVO": "NVO", "TEAM": "TEAM",
	} {
		if got := l.Common(ticker); got != want {
			t.Errorf("Common(%s) = %s, want %s", ticker, got, want)
		}
	}
	for cik, want := range map[string]string{"320193": "AAPL", "1067983": "BRK-B", "1652044": "GOOGL", "217410": "UL", "19617": "JPM"} {
		if got := l.Primary(cik); got != want {
			t.Errorf("Primary(%s) = %s, want %s", cik, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"fields":["ticker","cik"],"data":[["A",1],["A-WT",1]]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		b, err := parse(file)
		if err != nil {
			return
		}
		for ticker, one := range b.listings {
			if ticker == "" || one.Ticker != ticker || one.common == nil || one.common.CIK != one.CIK || one.common.common != one.common {
				t.Fatalf("listing %+v", one)
			}
		}
	})
}
