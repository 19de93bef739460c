package alpaca

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// exchange is a server that does as Alpaca does: it greets, wants the key in the first
// message and one subscription, allows one connection, sends lists of frames, and
// answers for the history with pages, the newest first.
type exchange struct {
	*httptest.Server
	t *testing.T

	mu        sync.Mutex
	conn      *websocket.Conn
	opened    int
	subscribe []string
	past      []map[string]any // the history, oldest first
	asked     []string         // of it
	down      int              // requests to the history that fail
	refuse    int              // code with which subscriptions are refused
}

func newExchange(t *testing.T) *exchange {
	x := &exchange{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", x.stream)
	mux.HandleFunc("/v1beta1/news", x.history)
	x.Server = httptest.NewServer(mux)
	t.Cleanup(func() { x.hangUp(); x.Close() })
	return x
}

func (x *exchange) stream(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	ctx := r.Context()
	say := func(frames ...map[string]any) { wsjson.Write(ctx, conn, frames) }
	say(map[string]any{"T": "success", "msg": "connected"})
	var auth struct{ Action, Key, Secret string }
	if wsjson.Read(ctx, conn, &auth) != nil {
		return
	}
	if auth.Action != "auth" || auth.Key != "id" || auth.Secret != "hush" {
		say(map[string]any{"T": "error", "code": 402, "msg": "auth failed"})
		return
	}
	x.mu.Lock()
	busy := x.conn != nil
	x.mu.Unlock()
	if busy {
		say(map[string]any{"T": "error", "code": 406, "msg": "connection limit exceeded"})
		return
	}
	say(map[string]any{"T": "success", "msg": "authenticated"})
	var wanted struct {
		Action string
		News   []string
	}
	if wsjson.Read(ctx, conn, &wanted) != nil {
		return
	}
	x.mu.Lock()
	refuse := x.refuse
	if refuse == 0 {
		x.conn, x.subscribe = conn, wanted.News
		x.opened++
	}
	x.mu.Unlock()
	if refuse != 0 {
		say(map[string]any{"T": "error", "code": refuse, "msg": "insufficient subscription"})
		return
	}
	say(map[string]any{"T": "subscription", "news": wanted.News})
	<-conn.CloseRead(ctx).Done()
}

func (x *exchange) history(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked = append(x.asked, r.URL.String())
	if r.Header.Get("APCA-API-KEY-ID") != "id" || r.Header.Get("APCA-API-SECRET-KEY") != "hush" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if x.down > 0 {
		x.down--
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"message":"internal error"}`)
		return
	}
	start, _ := time.Parse(time.RFC3339, r.FormValue("start"))
	var found []map[string]any
	for _, a := range slices.Backward(x.past) {
		if at, _ := time.Parse(time.RFC3339, a["updated_at"].(string)); !at.Before(start) {
			found = append(found, a)
		}
	}
	var skip, limit int
	fmt.Sscan(r.FormValue("page_token"), &skip)
	fmt.Sscan(r.FormValue("limit"), &limit)
	answer := map[string]any{"news": found[skip:min(len(found), skip+limit)], "next_page_token": nil}
	if skip+limit < len(found) {
		answer["next_page_token"] = fmt.Sprint(skip + limit)
	}
	json.NewEncoder(w).Encode(answer)
}

// send sends articles to who listens, and keeps them for the history.
func (x *exchange) send(articles ...map[string]any) {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.past = append(x.past, articles...)
	if err := wsjson.Write(context.Background(), x.conn, articles); err != nil {
		x.t.Error(err)
	}
}

// miss has articles in the history only.
func (x *exchange) miss(articles ...map[string]any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.past = append(x.past, articles...)
}

func (x *exchange) hangUp() {
	x.mu.Lock()
	conn := x.conn
	x.conn = nil
	x.mu.Unlock()
	if conn != nil {
		conn.CloseNow()
	}
}

func (x *exchange) connections() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.opened
}

var began = time.Now().UTC().Truncate(time.Second)

// story is an article as the stream sends it, so many seconds after the beginning.
func story(id int, headline string, seconds int, symbols ...string) map[string]any {
	at := began.Add(time.Duration(seconds) * time.Second).Format(time.RFC3339)
	return map[string]any{
		"T": "n", "id": id, "headline": headline, "summary": "", "content": "<p>What happened.</p>", "author": "A. Writer", "source": "example",
		"url": fmt.Sprintf("https://news.example.com/%d", id), "created_at": began.Format(time.RFC3339), "updated_at": at, "symbols": symbols,
	}
}

// A memory keeps notes.
type memory struct {
	mu    sync.Mutex
	notes map[string][]byte
}

func (m *memory) Notes(_ context.Context, names []string) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([][]byte, len(names))
	for i, name := range names {
		values[i] = m.notes[name]
	}
	return values, nil
}

func (m *memory) Note(_ context.Context, name string, value []byte, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes[name] = value
	return nil
}

// A listener is a source that runs, and what it has published.
type listener struct {
	*source
	items chan *news.Item
	stop  func()
	log   *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func listen(t *testing.T, x *exchange, notes *memory, change func(*Config)) *listener {
	t.Helper()
	c := Defaults
	c.Key, c.Secret, c.BaseURL, c.StreamURL = "id", "hush", x.URL, "ws"+strings.TrimPrefix(x.URL, "http")+"/stream"
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	l := &listener{items: make(chan *news.Item, 1000), log: &syncBuffer{}}
	b := &flows.Build{Name: t.Name(), Logger: slog.New(slog.NewTextHandler(l.log, nil))}
	built, err := Kind(func() (store.Notes, error) { return notes, nil }).New(b, c)
	if err != nil {
		t.Fatal(err)
	}
	l.source = built.(*source)
	l.pause = time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- l.Run(ctx, func(_ context.Context, messages ...*flows.Message) error {
			for _, m := range messages {
				l.items <- m.Item
			}
			return nil
		})
	}()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(l.stop)
	return l
}

func (l *listener) next(t *testing.T) *news.Item {
	t.Helper()
	select {
	case it := <-l.items:
		return it
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing was published\n%s", l.log)
		return nil
	}
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20s: %s", what)
		}
	}
}

func open(x *exchange, n int) func() bool { return func() bool { return x.connections() >= n } }

func TestAnArticleIsPublishedOnceAndItsUpdateAmendsIt(t *testing.T) {
	x := newExchange(t)
	l := listen(t, x, &memory{notes: map[string][]byte{}}, nil)
	wait(t, "open", open(x, 1))
	x.send(story(1, "Acme wins a contract", 0, "ACME", "BRK.B", "BTCUSD"))
	it := l.next(t)
	if it.Key != "guid:"+t.Name()+"|1" || it.Title != "Acme wins a contract" || it.Body != "What happened." || !it.Published.Equal(began) ||
		!slices.Equal(it.Tickers, []string{"ACME", "BRK-B"}) || it.TickersFrom["ACME"] != "feed" || it.Source != t.Name() {
		t.Errorf("%+v", it)
	}
	x.send(story(1, "Acme wins a contract", 1, "ACME", "BRK.B", "BTCUSD"))          // said again
	x.send(story(1, "Acme wins a contract of $2 billion", 2, "ACME", "BRK.B", "X")) // said better
	update := l.next(t)
	if update.Amends != it.Key || update.Key == it.Key || update.Title != "Acme wins a contract of $2 billion" || !update.Published.Equal(began.Add(2*time.Second)) {
		t.Errorf("%+v, want an amendment", update)
	}
	x.send(map[string]any{"T": "n", "id": "hostile"}, map[string]any{"T": "n"}, story(2, "The next", 3))
	if it := l.next(t); it.Title != "The next" {
		t.Errorf("%+v", it)
	}
	if h := l.Health(); h.Answered.IsZero() || h.Fault != nil || !h.Newest.After(began.Add(-time.Second)) {
		t.Errorf("health %+v", h)
	}
}

func TestWhatWasMissedIsAskedFor(t *testing.T) {
	x := newExchange(t)
	notes := &memory{notes: map[string][]byte{}}
	l := listen(t, x, notes, nil)
	wait(t, "open", open(x, 1))
	x.send(story(1, "one", 0))
	l.next(t)
	x.hangUp()
	x.mu.Lock()
	x.down = 1 // the history too, at first
	x.mu.Unlock()
	var missed []map[string]any
	for i := range 120 {
		missed = append(missed, story(100+i, fmt.Sprint("missed ", i), 1))
	}
	x.miss(missed...)
	seen := map[string]bool{}
	for range missed {
		seen[l.next(t).Title] = true
	}
	if len(seen) != len(missed) || seen["one"] {
		t.Errorf("%d of %d that were missed were published", len(seen), len(missed))
	}
	wait(t, "open again", open(x, 2))
	x.send(story(2, "two", 2))
	if it := l.next(t); it.Title != "two" {
		t.Errorf("%q, want two: the subscription was not renewed", it.Title)
	}
	l.stop()

	// Another process goes on where this one ended.
	x.hangUp()
	x.miss(story(3, "three", 3))
	again := listen(t, x, notes, nil)
	var titles []string
	for len(titles) == 0 || titles[len(titles)-1] != "three" {
		titles = append(titles, again.next(t).Title)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, address := range x.asked {
		if strings.Contains(address, "hush") {
			t.Errorf("the secret is in the address %s", address)
		}
	}
	if log := l.log.String() + again.log.String(); strings.Contains(log, "hush") || !strings.Contains(log, "catch_up_waits") {
		t.Errorf("logged %s", log)
	}
}

func TestTheNewestIsCaughtUpFirstAndNoMoreThanAsked(t *testing.T) {
	x := newExchange(t)
	notes := &memory{notes: map[string][]byte{"alpaca:" + t.Name() + ":position": []byte(began.Add(-time.Hour).Format(time.RFC3339))}}
	for i := range 100 {
		x.miss(story(i+1, fmt.Sprint(i), i-200))
	}
	l := listen(t, x, notes, func(c *Config) { c.MaxItems, c.Symbols = 60, []string{"ACME"} })
	first := l.next(t)
	for range 59 {
		l.next(t)
	}
	wait(t, "told", func() bool { return strings.Contains(l.log.String(), "catch_up_ends") })
	if first.Title != "50" || len(l.items) > 0 {
		t.Errorf("the first of the newest page is %q, want 50; %d more", first.Title, len(l.items))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !strings.Contains(x.asked[0], "symbols=ACME") || !slices.Equal(x.subscribe, []string{"ACME"}) {
		t.Errorf("asked %v, subscribed %v", x.asked, x.subscribe)
	}
}

func TestWhatIsNotDurableIsAskedForAgain(t *testing.T) {
	x := newExchange(t)
	l := listen(t, x, &memory{notes: map[string][]byte{}}, nil)
	wait(t, "open", open(x, 1))
	l.stop()
	down := errors.New("down")
	err := l.take(t.Context(), func(context.Context, ...*flows.Message) error { return down }, []article{{ID: 1, Headline: "a"}})
	if _, known := l.known.get(1); !errors.Is(err, down) || known {
		t.Errorf("%v, known %v", err, known)
	}
}

func TestRefusals(t *testing.T) {
	x := newExchange(t)
	wrong := listen(t, x, &memory{}, func(c *Config) { c.Secret = config.Secret("wrong-secret") })
	wait(t, "told", func() bool { return strings.Contains(wrong.log.String(), "check ALPACA_KEY") })
	if h := wrong.Health(); h.Fault == nil || strings.Contains(wrong.log.String(), "wrong-secret") {
		t.Errorf("%+v, logged %s", h, wrong.log)
	}
	wrong.stop()
	if err := wrong.Look(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("Look: %v", err)
	}

	listen(t, x, &memory{notes: map[string][]byte{}}, nil)
	wait(t, "open", open(x, 1))
	second := listen(t, x, &memory{notes: map[string][]byte{}}, nil)
	wait(t, "stands by", func() bool { return strings.Contains(second.log.String(), "source_stands_by") })
	if h := second.Health(); h.Fault != nil {
		t.Errorf("standing by is a fault: %v", h.Fault)
	}
	x.miss(story(1, "one", 0))
	if err := second.Look(t.Context()); err != nil || second.Health().Entries != 1 {
		t.Errorf("Look: %v, %+v", err, second.Health())
	}
}

func TestWithoutAKeyItIsOff(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	half := Defaults
	half.Key = "id"
	for _, c := range []Config{Defaults, half} {
		var log bytes.Buffer
		s, err := Kind(nil).New(&flows.Build{Name: "alpaca", Logger: slog.New(slog.NewTextHandler(&log, nil))}, c)
		if err != nil || s.Run(ended, nil) != nil || !strings.Contains(log.String(), "ALPACA_KEY") {
			t.Errorf("%v, logged %s", err, &log)
		}
	}
}

func TestConfig(t *testing.T) {
	if err := config.CheckStruct(Defaults); err != nil {
		t.Error(err)
	}
	bad := Config{Key: "id", StreamURL: "ws://stream.example.com", BaseURL: "x", Symbols: []string{"acme"}, CatchUp: -1}
	for _, want := range []string{"stream_url: the key would travel", "base_url", "acme", "catch_up", "max_items", "timeout"} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestVersionsAreBounded(t *testing.T) {
	var v versions
	for id := range int64(5 * keep) {
		v.put(id, 1)
		if n := len(v.now) + len(v.before); n > 2*keep {
			t.Fatalf("%d are kept", n)
		}
	}
	if _, ok := v.get(5*keep - keep); !ok {
		t.Error("one of the latest is forgotten")
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(`[{"T":"n","id":1,"headline":"a","updated_at":"2026-11-20T15:04:05.123456Z","symbols":["ACME","$",""]}]`))
	f.Add([]byte(`[{"T":"error","code":406,"msg":"x"},null,1,{"T":{}}]`))
	s := build(&flows.Build{Name: "alpaca", Logger: slog.New(slog.DiscardHandler)}, Defaults, nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, _ := decode(data)
		var articles []article
		for _, frame := range frames {
			articles = append(articles, frame.article)
		}
		s.reached(articles)
		_ = s.take(t.Context(), func(_ context.Context, messages ...*flows.Message) error {
			for _, m := range messages {
				if _, err := news.Encode(m.Item); err != nil {
					t.Errorf("%v: %+v", err, m.Item)
				}
			}
			return nil
		}, articles)
	})
}
