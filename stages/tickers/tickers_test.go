package tickers

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/config"
	"catalyst/internal/edgar/client"
	"catalyst/internal/news"
	"catalyst/internal/store"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

const list = `{"fields":["cik","name","ticker","exchange"],"data":[[11,"Anvil Works Inc.","ANVL","Nasdaq"],[11,"Anvil Works Inc.","ANVLW","Nasdaq"]]}`

func build(t *testing.T, limits *client.Limits, c Config) flows.Stage {
	t.Helper()
	s, err := Kind(limits).New(&flows.Build{Logger: slog.New(slog.DiscardHandler)}, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.(flows.Starter).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.(flows.Closer).Close() })
	return s
}

func TestStageContract(t *testing.T) {
	flowstest.Stage(t, func() flows.Stage { return build(t, nil, Config{Dir: t.TempDir()}) }, []*news.Item{
		{Title: "Anvil (NASDAQ: ANVL)"}, {Title: "Nothing"}, {Tickers: []string{"ANVL", "X"}}, {Filers: []news.Filer{{CIK: "0000000011"}}},
	})
}

func complete(t *testing.T, s flows.Stage, it *news.Item) []string {
	t.Helper()
	out, err := s.Process(t.Context(), []*flows.Message{flows.NewMessage("m", it)})
	if err != nil || len(out) != 1 {
		t.Fatalf("%d went on, error %v", len(out), err)
	}
	return it.Tickers
}

// Without a network and without a list texts are still read.
func TestWithoutNetworkOrList(t *testing.T) {
	s := build(t, nil, Config{Dir: filepath.Join(t.TempDir(), "none")})
	it := &news.Item{Title: "Warrants of Anvil (NASDAQ: ANVLW)", Filers: []news.Filer{{CIK: "0000000011"}}}
	if diff := cmp.Diff([]string{"ANVLW"}, complete(t, s, it)); diff != "" {
		t.Errorf("tickers (-want +got):\n%s", diff)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "company_tickers_exchange.json"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	s = build(t, nil, Config{Dir: dir}) // with the copy of better days, or of the edgar source
	it = &news.Item{Title: "Warrants of Anvil (NASDAQ: ANVLW)", Filers: []news.Filer{{CIK: "0000000011"}}}
	if diff := cmp.Diff([]string{"ANVL"}, complete(t, s, it)); diff != "" {
		t.Errorf("tickers (-want +got):\n%s", diff)
	}
}

// The list is asked for beside the messages, and kept.
func TestTheListIsAskedFor(t *testing.T) {
	asked := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(list))
		asked <- struct{}{}
	}))
	defer server.Close()
	kept, err := sqlitestore.Open(t.Context(), testenv.File(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	limits := client.NewLimits(func() (store.Meters, error) { return kept, nil }, func() (store.Notes, error) { return kept, nil })
	c := Config{Contact: "Test test@example.com", BaseURL: server.URL, Dir: t.TempDir()}
	s := build(t, limits, c)
	select {
	case <-asked:
	case <-time.After(10 * time.Second):
		t.Fatal("the list is not asked for")
	}
	if err := s.(*stage).list.Refresh(t.Context()); err != nil { // waits for the one under way
		t.Fatal(err)
	}
	it := &news.Item{Filers: []news.Filer{{CIK: "0000000011"}}}
	if diff := cmp.Diff([]string{"ANVL"}, complete(t, s, it)); diff != "" || it.TickersFrom["ANVL"] != news.FromCIK {
		t.Errorf("tickers of %v (-want +got):\n%s", it.TickersFrom, diff)
	}
	if err := s.(flows.Closer).Close(); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{
		{Dir: " "},
		{Contact: "nobody", BaseURL: Defaults.BaseURL, Dir: "data"},
		{Contact: "Test test@example.com", BaseURL: "ftp://x", Dir: "data"},
	} {
		if c.Validate() == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	if err := Defaults.Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	if err := config.CheckStruct(Defaults); err != nil {
		t.Error(err)
	}
}
