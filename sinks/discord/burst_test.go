package discord

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/news"
	"catalyst/sinks/discord/discordtest"
	"catalyst/sinks/sinktest"
)

// TestEDGARBurst posts two days of real 8-Ks to one channel, at their real times and
// ten and fifty times as fast, each with its verdict four seconds later, and prints how
// long they waited until the request went out:
//
//	go test ./sinks/discord -run TestEDGARBurst -v
//
// It reads EDGAR's feed of current filings, as many pages of it as are in the folder
// that EDGAR_ATOM names.
func TestEDGARBurst(t *testing.T) {
	filings := readFilings(t)
	t.Logf("%d filings in %s", len(filings), filings[len(filings)-1].Published.Sub(filings[0].Published))
	t.Logf("%6s %9s %9s %9s %9s %9s %11s %9s", "speed", "p50", "p95", "p99", "p99.9", "longest", "in 100 ms", "messages")
	for _, row := range []struct {
		speed  time.Duration
		prompt float64 // share within 100 ms
		p95    time.Duration
	}{
		{1, .99, 100 * time.Millisecond},
		{10, .5, 6 * time.Second},
		{50, 0, 6 * time.Second},
	} {
		delays, messages := burst(t, filings, row.speed)
		at := func(share float64) time.Duration {
			return delays[min(len(delays)-1, int(share*float64(len(delays))))].Round(time.Millisecond)
		}
		late, _ := slices.BinarySearch(delays, 100*time.Millisecond+1)
		prompt := float64(late) / float64(len(delays))
		t.Logf("%5d× %9s %9s %9s %9s %9s %10.1f%% %9d", row.speed, at(.5), at(.95), at(.99), at(.999), at(1), 100*prompt, messages)
		if len(delays) != len(filings) {
			t.Errorf("%d alerts posted, want %d", len(delays), len(filings))
		}
		if prompt < row.prompt {
			t.Errorf("%d×: %.1f %% went out within 100 ms, want %.0f %%", row.speed, 100*prompt, 100*row.prompt)
		}
		if p95 := at(.95); p95 > row.p95 {
			t.Errorf("%d×: p95 is %s, want at most %s", row.speed, p95, row.p95)
		}
	}
}

// burst returns how long each filing waited, the shortest first.
func burst(t *testing.T, filings []*news.Item, speed time.Duration) (delays []time.Duration, messages int) {
	synctest.Test(t, func(t *testing.T) {
		d := discordtest.Realistic()
		d.Delay = discordtest.Spread(1, 120*time.Millisecond, 600*time.Millisecond)
		server := discordtest.New(d)
		outward := &stopwatch{next: server.Transport(), sent: make(map[string]time.Time)}
		sink := newTestSink(t, testConfig(), outward, new(sinktest.Ledger).Open, nil)
		arrived := make(map[string]time.Time)
		var wg sync.WaitGroup
		started := time.Now()
		for _, filing := range filings {
			time.Sleep(time.Until(started.Add(filing.Published.Sub(filings[0].Published) / speed)))
			arrived[filing.URL] = time.Now()
			wg.Go(func() {
				m := sinktest.Message(filing.Key, filing)
				if err := sink.Announce(t.Context(), oneOf(m)); err != nil || m.Settled() {
					t.Error(err, m.Outcome())
				}
				time.Sleep(4 * time.Second)
				m = sinktest.Message(filing.Key, withVerdict(filing))
				if err := sink.Deliver(t.Context(), oneOf(m)); err != nil || m.Settled() {
					t.Error(err, m.Outcome())
				}
			})
		}
		wg.Wait()
		for url, at := range outward.sent {
			delays = append(delays, at.Sub(arrived[url]))
		}
		slices.Sort(delays)
		messages = len(server.Messages())
		for _, v := range server.Violations() {
			t.Errorf("violation: %+v", v)
		}
	})
	return delays, messages
}

// A stopwatch notes when each alert was first sent, by its link.
type stopwatch struct {
	next http.RoundTripper
	mu   sync.Mutex
	sent map[string]time.Time
}

func (w *stopwatch) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var message struct{ Embeds []struct{ URL string } }
	if err := json.Unmarshal(body, &message); err != nil {
		return nil, err
	}
	w.mu.Lock()
	for _, e := range message.Embeds {
		if _, again := w.sent[e.URL]; !again {
			w.sent[e.URL] = time.Now()
		}
	}
	w.mu.Unlock()
	req.Body = io.NopCloser(bytes.NewReader(body))
	return w.next.RoundTrip(req)
}

// readFilings returns the 8-Ks in EDGAR's feeds, by time, each once.
func readFilings(t *testing.T) []*news.Item {
	t.Helper()
	folder := os.Getenv("EDGAR_ATOM")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data", "edgar", "current_atom")
	}
	pages, _ := filepath.Glob(filepath.Join(folder, "*.atom"))
	if len(pages) == 0 {
		t.Skip("no feeds of EDGAR here: set EDGAR_ATOM to a folder with some")
	}
	byKey := make(map[string]*news.Item)
	for _, page := range pages {
		file, err := os.Open(page)
		if err != nil {
			t.Fatal(err)
		}
		var feed struct {
			Entries []struct {
				ID       string    `xml:"id"`
				Title    string    `xml:"title"`
				Updated  time.Time `xml:"updated"`
				Category struct {
					Term string `xml:"term,attr"`
				} `xml:"category"`
				Link struct {
					URL string `xml:"href,attr"`
				} `xml:"link"`
			} `xml:"entry"`
		}
		decoder := xml.NewDecoder(file)
		decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // ASCII is all that is looked at
		err = decoder.Decode(&feed)
		file.Close()
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(page), err)
		}
		for _, e := range feed.Entries {
			if form := e.Category.Term; strings.HasPrefix(form, "8-K") {
				item := &news.Item{Source: "edgar", GUID: e.ID, URL: e.Link.URL, Title: strings.ToValidUTF8(e.Title, "?"), Form: form, Published: e.Updated}
				item.Key = news.KeyOf(item)
				item.URL = fmt.Sprintf("https://filings.example.com/%s", strings.TrimPrefix(item.Key, "acc:"))
				byKey[item.Key] = item
			}
		}
	}
	var filings []*news.Item
	for _, item := range byKey {
		filings = append(filings, item)
	}
	slices.SortFunc(filings, func(a, b *news.Item) int {
		if c := a.Published.Compare(b.Published); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	return filings
}
