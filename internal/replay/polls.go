package replay

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"catalyst/internal/config"
	"catalyst/internal/fetch"
)

// A Fetched is one answer that a source got in a poll. Its body stands in Text, or compressed
// in Body, of which a feed that says the same with every poll has only what differs: the rest
// is as in an answer before it, that of Of.
type Fetched struct {
	Poll    time.Time         `json:"poll"` // when the poll began; those of one poll have it in common
	Task    string            `json:"task,omitempty"`
	Address string            `json:"address"` // without secrets
	Status  int               `json:"status,omitempty"`
	Header  map[string]string `json:"header,omitempty"`
	Length  int64             `json:"length,omitempty"` // announced, where the body has less
	Error   string            `json:"error,omitempty"`  // instead of an answer, or at the end of its body

	Text string `json:"text,omitempty"`
	Body []byte `json:"body,omitempty"` // gzip
	Hash string `json:"hash,omitempty"` // of the whole body
	Of   string `json:"of,omitempty"`   // hash of the body whose beginning and end this one shares
	Head int    `json:"head,omitempty"` // so many bytes of its beginning
	Tail int    `json:"tail,omitempty"` // and of its end
}

// headers are those of an answer that matter to who reads it. No other is recorded.
var headers = []string{"Etag", "Last-Modified", "Content-Type", "Retry-After", "Cache-Control", "Expires", "Age", "Date"}

const (
	// maxBody is how long a body may be: none that is asked for is longer.
	maxBody = 32<<20 + 1
	// maxPacked is how long one may be in a line.
	maxPacked = maxLine / 4 * 3 * 9 / 10
	// maxBases is how many bytes of bodies are kept to compare the next ones with.
	maxBases = 16 << 20
)

var errNotRecorded = errors.New("the body was too long to be recorded")

// A PollRecorder makes records of what sources fetch. It is for one goroutine at a time.
type PollRecorder struct {
	redact func(string) string
	bases  map[string]base // by source and address
	size   int
}

// A base is the body that was last written whole.
type base struct {
	hash string
	body []byte
}

// NewPollRecorder returns one. redact takes secrets out of a text.
func NewPollRecorder(redact func(string) string) *PollRecorder {
	return &PollRecorder{redact: redact, bases: map[string]base{}}
}

// Record returns the record of an exchange, which has no secret.
func (p *PollRecorder) Record(source string, e fetch.Exchange) Record {
	redact := secretsIn(e.Address, p.redact)
	f := &Fetched{Poll: e.Poll.UTC(), Task: e.Task, Address: addressOf(e.Address, p.redact), Status: e.Status}
	for _, name := range headers {
		if v := e.Header.Get(name); v != "" {
			if f.Header == nil {
				f.Header = map[string]string{}
			}
			f.Header[name] = redact(v)
		}
	}
	if e.Length > int64(len(e.Body)) {
		f.Length = e.Length
	}
	if e.Err != nil {
		f.Error = redact(e.Err.Error())
	}
	if len(e.Body) > 0 {
		p.pack(f, source+" "+f.Address, []byte(redact(string(e.Body))))
	}
	return Record{Kind: KindPoll, At: e.At.UTC(), Source: source, Fetched: f}
}

// pack puts a body into f: whole, or where most of it is as it was, what differs.
func (p *PollRecorder) pack(f *Fetched, from string, body []byte) {
	f.Hash = hashOf(body)
	was, known := p.bases[from]
	head, tail := shared(was.body, body)
	if known && head+tail >= len(body)/2 {
		if f.Body = packed(body[head : len(body)-tail]); len(f.Body) <= maxPacked {
			f.Of, f.Head, f.Tail = was.hash, head, tail
			return
		}
	}
	if f.Body = packed(body); len(f.Body) > maxPacked {
		f.Body, f.Hash, f.Error = nil, "", cmp.Or(f.Error, errNotRecorded.Error())
		return
	}
	if p.size += len(body) - len(was.body); p.size > maxBases {
		clear(p.bases) // the next ones are written whole again
		p.size = len(body)
	}
	if len(body) <= maxBases/4 {
		p.bases[from] = base{f.Hash, body}
	} else {
		delete(p.bases, from)
		p.size -= len(body)
	}
}

// shared is how much of b is the beginning, and how much the end, of a.
func shared(a, b []byte) (head, tail int) {
	most := min(len(a), len(b))
	for head < most && a[head] == b[head] {
		head++
	}
	for tail < most-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head, tail
}

func packed(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	return out.Bytes()
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// secretParameter are names of what stands in an address and nobody should read.
var secretParameter = regexp.MustCompile(`(?i)(token|secret|passw?d?|password|key|auth|sig|signature|credentials?)$`)

// secretsIn returns redact, which also knows the secrets of an address: answers may repeat them.
func secretsIn(address string, redact func(string) string) func(string) string {
	u, err := url.Parse(address)
	if err != nil {
		return redact
	}
	own := new(config.Redactor)
	for name, values := range u.Query() {
		if secretParameter.MatchString(name) {
			own.Add(values...)
		}
	}
	if password, has := u.User.Password(); has {
		own.Add(password)
	}
	return func(s string) string { return own.String(redact(s)) }
}

// addressOf is an address without secrets: those that redact knows, users and passwords, and
// parameters whose names say so.
func addressOf(address string, redact func(string) string) string {
	// All of it may be one secret, so that is looked for first.
	address = strings.Replace(redact(address), "://[secret]@", "://", 1)
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		address, _, _ = strings.Cut(address, "?")
		return address
	}
	u.User, u.Fragment = nil, ""
	asked := u.Query()
	for name := range asked {
		if secretParameter.MatchString(name) {
			asked.Set(name, "[secret]")
		}
	}
	u.RawQuery = asked.Encode()
	return redact(u.String())
}

// pathOf is what tells one address of a source from another: hosts change.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.RequestURI()
}

// A body is what was recorded of one, as small as it came.
type body struct {
	base       *body // nil: it stands alone
	head, tail int
	packed     []byte
	text       string
}

// bodies are those of a history that others may be based on.
type bodies struct {
	whole map[string]*body // by hash
	open  map[*body][]byte // those that were read last
	size  int
}

// read returns a body. What it returns must not be changed.
func (b *bodies) read(of *body) ([]byte, error) {
	if of == nil {
		return nil, nil
	}
	if text, open := b.open[of]; open {
		return text, nil
	}
	text := []byte(of.text)
	if len(of.packed) > 0 {
		r, err := gzip.NewReader(bytes.NewReader(of.packed))
		if err == nil {
			text, err = io.ReadAll(io.LimitReader(r, maxBody+1))
		}
		if err != nil {
			return nil, fmt.Errorf("unpack body: %w", err)
		}
	}
	if of.base != nil {
		base, err := b.read(of.base)
		if err != nil {
			return nil, err
		}
		if of.head > len(base) || of.tail > len(base)-of.head {
			return nil, errors.New("the body shares more than there is")
		}
		text = slices.Concat(base[:of.head], text, base[len(base)-of.tail:])
	} else if len(text) <= maxBases/4 {
		if b.size += len(text); b.size > maxBases || b.open == nil {
			b.open, b.size = map[*body][]byte{}, len(text)
		}
		b.open[of] = text
	}
	if len(text) > maxBody {
		return nil, fmt.Errorf("the body has more than %d bytes", maxBody)
	}
	return text, nil
}

// add returns the body of f, which is read once to see whether it can be. It is nil if there is
// none.
func (b *bodies) add(f *Fetched) (*body, error) {
	if f.Text == "" && len(f.Body) == 0 && f.Of == "" {
		return nil, nil
	}
	if f.Text != "" && (len(f.Body) > 0 || f.Of != "") {
		return nil, errors.New("the poll has two bodies")
	}
	one := &body{head: f.Head, tail: f.Tail, packed: f.Body, text: f.Text}
	if f.Of != "" {
		if one.base = b.whole[f.Of]; one.base == nil {
			return nil, errors.New("the poll repeats a body that is not in the recording before it")
		}
	}
	if f.Head < 0 || f.Tail < 0 || f.Of == "" && f.Head+f.Tail > 0 {
		return nil, errors.New("the poll shares what there is not")
	}
	text, err := b.read(one)
	switch {
	case err != nil:
		return nil, err
	case f.Hash != "" && f.Hash != hashOf(text):
		return nil, errors.New("the body is not what was recorded")
	case one.base == nil && f.Hash != "":
		if b.whole == nil {
			b.whole = map[string]*body{}
		}
		b.whole[f.Hash] = one
	}
	return one, nil
}

// A Look is one poll of a source, with what it was answered. It comes when the last
// answer came.
type Look struct {
	At      time.Time
	Source  string
	Task    string
	answers []*answer
}

type lookKey struct {
	source, task string
	began        time.Time
}

// An answer is a Fetched, ready to be given again.
type answer struct {
	at     time.Time
	path   string
	status int
	header map[string]string
	length int64
	fault  string
	body   *body
}

// look adds what one poll fetched. Those of one poll need not stand together.
func (h *History) look(r Record) error {
	f := r.Fetched
	switch {
	case f == nil || r.Source == "":
		return errors.New("the poll says not of which source, or not what was fetched")
	case r.At.IsZero():
		return errors.New("the poll has no time")
	case r.At.Before(earliest) || r.At.After(latest):
		return fmt.Errorf("the poll came at %v, which none did", r.At)
	case f.Status == 0 && f.Error == "":
		return errors.New("the poll has neither a status nor an error")
	case f.Status != 0 && (f.Status < 100 || f.Status > 999):
		return fmt.Errorf("the poll has a status of %d", f.Status)
	}
	body, err := h.bodies.add(f)
	if err != nil {
		return err
	}
	key := lookKey{r.Source, f.Task, f.Poll.UTC()}
	if f.Poll.IsZero() { // it was written by hand, and is a poll of its own
		key.began = r.At.UTC()
	}
	l := h.looks[key]
	if l == nil {
		l = &Look{Source: r.Source, Task: f.Task}
		if h.looks == nil {
			h.looks = map[lookKey]*Look{}
		}
		h.looks[key], h.Looks = l, append(h.Looks, l)
	}
	if at := r.At.UTC(); at.After(l.At) {
		l.At = at
	}
	l.answers = append(l.answers, &answer{
		at: r.At.UTC(), path: pathOf(f.Address), status: f.Status, header: f.Header, length: f.Length, fault: f.Error, body: body,
	})
	return nil
}

// whole reports whether the answer has a document, so that it may stand for one that has not
// changed since.
func (a *answer) whole() bool { return a.status == http.StatusOK && a.fault == "" && a.body != nil }

// For returns the history as a pipeline with these sources sees it: with polls, and without the
// items that came of them; and what is to be said of that. Without any poll that is all of it.
func (h *History) For(sources []string) (own *History, notes []string) {
	if len(h.Looks) == 0 {
		return h, nil
	}
	polls, items, foreign := map[string]int{}, map[string]int{}, map[string]int{}
	for _, l := range h.Looks {
		if slices.Contains(sources, l.Source) {
			polls[l.Source]++
		} else {
			foreign[l.Source]++
		}
	}
	mine := *h
	mine.Looks = slices.DeleteFunc(slices.Clone(h.Looks), func(l *Look) bool { return polls[l.Source] == 0 })
	mine.Events = slices.DeleteFunc(slices.Clone(h.Events), func(e Event) bool {
		items[e.source]++
		return polls[e.source] > 0
	})
	for _, name := range sources {
		switch {
		case polls[name] > 0 && items[name] > 0:
			notes = append(notes, fmt.Sprintf("%d recorded items of %s are left to its polls, which bring them again", items[name], name))
		case polls[name] == 0 && items[name] > 0:
			notes = append(notes, fmt.Sprintf("%s is off, as no poll of it was recorded; its %d items come as they were", name, items[name]))
		case polls[name] == 0:
			notes = append(notes, name+" is off: the recording has no poll of it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(foreign)) {
		notes = append(notes, fmt.Sprintf("%d polls of %s are of no source of this pipeline that polls; its %d items come as they were", foreign[name], name, items[name]))
	}
	return &mine, notes
}

// WithoutPolls leaves out polls, so that what was recorded of their items comes.
func (h *History) WithoutPolls() { h.Looks, h.looks, h.Notes = nil, nil, nil }

// responseTo returns the answer as the client gets it from the network.
func (a *answer) responseTo(req *http.Request, bodies *bodies) (*http.Response, error) {
	if a.status == 0 {
		return nil, errors.New(a.fault)
	}
	text, err := bodies.read(a.body)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, value := range a.header {
		header.Set(name, value)
	}
	length := int64(-1)
	var end io.Reader = strings.NewReader("")
	switch {
	case a.length > int64(len(text)):
		length, end = a.length, failing{io.ErrUnexpectedEOF}
	case a.fault != "":
		end = failing{errors.New(a.fault)}
	}
	return &http.Response{
		StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, ContentLength: length, Request: req,
		Body: io.NopCloser(io.MultiReader(bytes.NewReader(text), end)),
	}, nil
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }
