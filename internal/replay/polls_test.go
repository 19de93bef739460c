package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/config"
	"catalyst/internal/fetch"
)

// feed is a document of so many entries that says when it was made.
func feed(made time.Time, from, entries int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "<rss><channel><lastBuildDate>%s</lastBuildDate>", made.Format(time.RFC1123Z))
	for n := from + entries; n > from; n-- {
		fmt.Fprintf(&b, "<item><guid>%d</guid><title>Order number %d of %x</title></item>", n, n, n*7919*104729)
	}
	return []byte(b.String() + "</channel></rss>")
}

func pollLine(t *testing.T, r Record) []byte {
	t.Helper()
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return append(line, '\n')
}

// given returns what a source is given of a history, poll by poll.
func given(t *testing.T, h *History) (all []string) {
	t.Helper()
	for _, l := range h.Looks {
		for _, a := range l.answers {
			r, err := a.responseTo(&http.Request{}, &h.bodies)
			if err != nil {
				all = append(all, err.Error())
				continue
			}
			text, err := io.ReadAll(r.Body)
			all = append(all, fmt.Sprintf("%d %s %v", r.StatusCode, text, err))
		}
	}
	return all
}

// The same filings each half minute, in a document that is another one each time because it
// says when it was made, must not fill a disk.
func TestPollsThatSayTheSameTakeNoRoom(t *testing.T) {
	p := NewPollRecorder(config.NewRedactor().String)
	var tape bytes.Buffer
	var want []string
	first := 0
	for n := range 100 {
		body := feed(at(n*30), n/50, 139) // halfway an entry comes, and another one goes
		line := pollLine(t, p.Record("wire", fetch.Exchange{
			Poll: at(n * 30), At: at(n*30 + 1), Address: "https://wire.example/rss", Status: 200, Length: -1, Body: body,
		}))
		if tape.Write(line); n == 0 {
			first = len(line)
		}
		want = append(want, fmt.Sprintf("200 %s <nil>", body))
	}
	if most := 3*first + 100*500; tape.Len() > most {
		t.Errorf("100 polls are %d bytes, the first one %d; want at most %d", tape.Len(), first, most)
	}
	var h History
	if err := h.Read(bytes.NewReader(tape.Bytes()), "tape"); err != nil || h.Rejected > 0 {
		t.Fatal(err, h.Why)
	}
	if diff := cmp.Diff(want, given(t, &h)); diff != "" {
		t.Errorf("what was recorded is not given again (-want +got):\n%s", diff)
	}
}

func TestPollsAreRecordedWithoutSecrets(t *testing.T) {
	const known = "sesame/7281&open"
	redact := config.NewRedactor(known).String
	p := NewPollRecorder(redact)
	header := http.Header{"Etag": {`"` + known + `"`}, "Set-Cookie": {"session=hidden-9"}, "X-Key": {"hidden-8"}, "Retry-After": {"7"}}
	for address, want := range map[string]string{
		"https://user:hidden-1@wire.example/feed?b=2&apikey=hidden-2&access_token=hidden-3#hidden-4": "/feed?access_token=%5Bsecret%5D&apikey=%5Bsecret%5D&b=2",
		"https://wire.example/feed?q=sesame%2F7281%26open&a=1":                                       "/feed?a=1&q=%5Bsecret%5D",
		"https://wire.example/news?category=general&from=2026-01-01":                                 "/news?category=general&from=2026-01-01",
		known:                       "[secret]",
		"https://%zz/?key=hidden-5": "https://%zz/",
	} {
		line := string(pollLine(t, p.Record("wire", fetch.Exchange{
			At: at(1), Address: address, Status: 403, Header: header, Body: []byte("no such key: " + known), Err: errors.New("broke off after " + known),
		})))
		if strings.Contains(line, "hidden") || strings.Contains(line, "7281") {
			t.Errorf("%s: a secret is in %s", address, line)
		}
		var h History
		if err := h.Read(strings.NewReader(line), "tape"); err != nil || len(h.Looks) != 1 {
			t.Fatal(err, h.Why)
		}
		if diff := cmp.Diff([]string{"403 no such key: [secret] broke off after [secret]"}, given(t, &h)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		a := h.Looks[0].answers[0]
		if again := pathOf(addressOf(address, redact)); a.path != want || again != want {
			t.Errorf("%s is recorded as %s and asked for as %s, want %s", address, a.path, again, want)
		}
		if diff := cmp.Diff(map[string]string{"Etag": `"[secret]"`, "Retry-After": "7"}, a.header); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
	}
}

// What is damaged, or meant to do damage, is counted and passed over.
func TestHostilePolls(t *testing.T) {
	const begin = `{"record":"poll","at":"2026-01-05T14:00:00Z","source":"wire","poll":{"address":"/x",`
	bomb, err := json.Marshal(bytes.Repeat(packed(make([]byte, 1<<20)), 33)) // files of gzip add up
	if err != nil {
		t.Fatal(err)
	}
	whole := feed(at(0), 0, 20)
	p := NewPollRecorder(config.NewRedactor().String)
	exchange := fetch.Exchange{Poll: at(0), At: at(0), Address: "/x", Status: 200, Body: whole}
	good := string(pollLine(t, p.Record("wire", exchange)))
	same := string(pollLine(t, p.Record("wire", exchange)))
	for name, test := range map[string]struct{ line, why string }{
		"50 MB in a line":           {begin + `"status":200,"text":"` + strings.Repeat("x", 50<<20) + `"}}`, "longer than"},
		"33 MB in a few":            {begin + `"status":200,"body":` + string(bomb) + `}}`, "more than"},
		"half a line":               {good[:len(good)-20], "unexpected end"},
		"no source":                 {`{"record":"poll","at":"2026-01-05T14:00:00Z","poll":{"status":200}}`, "source"},
		"nothing fetched":           {`{"record":"poll","at":"2026-01-05T14:00:00Z","source":"wire"}`, "fetched"},
		"no time":                   {`{"record":"poll","source":"wire","poll":{"status":200}}`, "no time"},
		"of another age":            {strings.Replace(begin, "2026", "9026", 1) + `"status":304}}`, "which none did"},
		"a note of nothing":         {`{"record":"note"}`, "no name"},
		"nothing came of it":        {begin + `"text":"x"}}`, "neither a status nor an error"},
		"no such status":            {begin + `"status":-7}}`, "status of -7"},
		"no gzip":                   {begin + `"status":200,"body":"AAAA"}}`, "unpack"},
		"two bodies":                {begin + `"status":200,"text":"a","body":"AAAA"}}`, "two bodies"},
		"of nothing known":          {same, "not in the recording"},
		"the beginning of nothing":  {begin + `"status":200,"text":"a","head":3}}`, "shares"},
		"more than there is":        {good + strings.Replace(same, `"head":`, `"head":9`, 1), "more than there is"},
		"more than can be counted":  {good + strings.Replace(same, `"head":`, `"tail":9223372036854775807,"head":`, 1), "more than there is"},
		"a body that was exchanged": {strings.Replace(good, `"hash":"`, `"hash":"0`, 1), "not what was recorded"},
	} {
		var h History
		if err := h.Read(strings.NewReader(test.line), "tape"); err != nil {
			t.Fatal(err)
		}
		if h.Rejected != 1 || !strings.Contains(fmt.Sprint(h.Why), test.why) {
			t.Errorf("%s: %d rejected, %v; want it rejected with %q", name, h.Rejected, h.Why, test.why)
		}
	}
}

// A body that does not fit into a line is told to be missing, which a source takes for a
// transfer that broke off.
func TestBodiesTooLongToRecord(t *testing.T) {
	noise := make([]byte, maxPacked+1)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise) // which no compression makes shorter
	p := NewPollRecorder(config.NewRedactor().String)
	line := pollLine(t, p.Record("wire", fetch.Exchange{At: at(0), Address: "/x", Status: 200, Length: -1, Body: noise}))
	var h History
	if err := h.Read(bytes.NewReader(line), "tape"); err != nil || h.Rejected > 0 {
		t.Fatal(err, h.Why)
	}
	if got := given(t, &h); len(line) > 1000 || len(got) != 1 || !strings.Contains(got[0], errNotRecorded.Error()) {
		t.Errorf("%d bytes give %.100q, want only the word that it was too long", len(line), got)
	}
}

func TestPollsBelongToSources(t *testing.T) {
	text := `{"record":"poll","at":"2026-01-05T14:00:02Z","source":"wire","poll":{"poll":"2026-01-05T14:00:00Z","address":"/b","status":304}}
{"record":"poll","at":"2026-01-05T14:00:01Z","source":"wire","poll":{"poll":"2026-01-05T14:00:00Z","address":"/a","status":200,"text":"a"}}
{"record":"item","at":"2026-01-05T14:00:02Z","source":"wire","item":{"title":"a","source":"publisher"}}
{"record":"item","at":"2026-01-05T14:00:03Z","item":{"title":"b","source":"wire"}}
{"record":"item","at":"2026-01-05T14:00:03Z","source":"socket","item":{"title":"c"}}
{"record":"item","at":"2026-01-05T14:00:04Z","source":"gone","item":{"title":"d"}}
{"record":"poll","at":"2026-01-05T14:00:04Z","source":"gone","poll":{"status":500}}
`
	var h History
	if err := h.Read(strings.NewReader(text), "tape"); err != nil || h.Rejected > 0 {
		t.Fatal(err, h.Why)
	}
	h.Sort()
	own, notes := h.For([]string{"wire", "socket", "silent"})
	var titles []string
	for _, e := range own.Events {
		item, err := e.Item()
		if err != nil {
			t.Fatal(err)
		}
		titles = append(titles, item.Title)
	}
	if diff := cmp.Diff([]string{"c", "d"}, titles); diff != "" {
		t.Errorf("items beside the polls (-want +got):\n%s", diff)
	}
	if len(own.Looks) != 1 || len(own.Looks[0].answers) != 2 || !own.Looks[0].At.Equal(time.Date(2026, 1, 5, 14, 0, 2, 0, time.UTC)) {
		t.Errorf("%d polls %+v, want the one of two answers, at the time of the last", len(own.Looks), own.Looks)
	}
	for _, want := range []string{"2 recorded items of wire are left", "socket is off", "silent is off", "1 polls of gone are of no source"} {
		if !strings.Contains(strings.Join(notes, "\n"), want) {
			t.Errorf("%q is not said in %q", want, notes)
		}
	}
	if len(h.Looks) != 2 || len(h.Events) != 4 {
		t.Errorf("the history has now %d polls and %d items", len(h.Looks), len(h.Events))
	}
	h.WithoutPolls()
	if own, notes := h.For([]string{"silent"}); len(own.Events) != 4 || notes != nil {
		t.Errorf("without polls %d items come, and %q; want all", len(own.Events), notes)
	}
}

func FuzzPolls(f *testing.F) {
	p := NewPollRecorder(config.NewRedactor("secret-7281").String)
	for n := range 3 {
		line, err := json.Marshal(p.Record("wire", fetch.Exchange{
			Poll: at(n), At: at(n), Address: "https://wire.example/x?key=secret-7281", Status: 200, Length: 9000, Body: feed(at(n), 0, 3),
			Header: http.Header{"Etag": {"v"}}, Err: io.ErrUnexpectedEOF,
		}))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line, line)
	}
	f.Add([]byte(`{"record":"poll","at":"2026-01-05T14:00:02Z","source":"a","poll":{"status":304}}`), []byte(`{"record":"poll","poll":{"of":"x","head":-1}}`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var h History
		if err := h.Read(bytes.NewReader(bytes.Join([][]byte{one, two}, []byte("\n"))), "fuzz"); err != nil {
			t.Fatal(err)
		}
		h.Sort()
		first := given(t, &h)
		h.bodies.open, h.bodies.size = nil, 0
		if diff := cmp.Diff(first, given(t, &h)); diff != "" {
			t.Errorf("the second time another body comes (-first +second):\n%s", diff)
		}
		for i, l := range h.Looks {
			if len(l.answers) == 0 || l.Source == "" || l.At.IsZero() || i > 0 && l.At.Before(h.Looks[i-1].At) {
				t.Errorf("poll %d is %+v", i, l)
			}
		}
		own, _ := h.For([]string{"wire"})
		own.Between(at(1), time.Time{})
		newPlayer(own, nil)
	})
}
