// Package llmtest has fake servers of the wire APIs that the pipeline's providers
// speak: Ollama, OpenAI, Gemini, Anthropic, and llama.cpp's own. They stream or answer
// at once, as they are asked; count connections and tokens, those of thoughts and
// of a prompt cache too; keep every request; refuse what the real ones refuse (no
// key, a schema with bounds, thinking set twice, a temperature for a model that
// takes none); and misbehave on demand, step by step of a script.
//
//	server := llmtest.NewGemini(
//		llmtest.Step{Status: 429, Body: llmtest.GeminiQuotaPerDay},
//		llmtest.Step{Ending: llmtest.Stalls, After: 3},
//	)
//	defer server.Close()
//
// Without a script, and after its end, the answer is [Answer] to the
// prompt: no model, but different items get different verdicts, and equal
// ones the same.
package llmtest

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Step is what a server does with one request for an answer.
type Step struct {
	// Status other than 0 and 200 is an error: Body is sent with it (by default the
	// API's own form of an error). With 200, a Body is sent in place of an answer.
	Status int
	Body   string
	Header http.Header // of whatever is sent

	// Silence passes before anything is sent, headers included; Hold, if it is not
	// nil, has to be closed before.
	Silence time.Duration
	Hold    <-chan struct{}
	// Whole answers at once, though a stream was asked for.
	Whole bool

	// Text is the answer; empty is [Answer] to the prompt.
	Text string
	// Delay passes before the first piece of the answer, after the stream was
	// opened and whatever was thought.
	Delay time.Duration
	// Thoughts are sent before the answer, in the API's own way.
	Thoughts string
	// Ending is how the answer ends; After is how many pieces of it are sent before
	// an ending other than Complete, Truncated and Filtered.
	Ending Ending
	After  int
}

// Ending is how an answer ends.
type Ending int

const (
	Complete  Ending = iota
	Truncated        // by the limit of tokens: half the text, and the API's word for it
	Filtered         // blocked: no text, and the API's word for it
	Stalls           // nothing more is sent until the client goes
	Breaks           // the connection is closed
	Resets           // the connection is reset
	Ends             // the stream ends as if complete, without the API's last word
	Fails            // an error in the stream, after status 200
)

// A Request is what a server was sent.
type Request struct {
	Path   string
	Header http.Header
	Body   string
}

// A Server is one fake. Close it when done.
type Server struct {
	// URL is its address, with the API's version where a base URL has it.
	URL string

	api    api
	http   http.Server
	closed chan struct{}
	once   sync.Once

	mu          sync.Mutex
	script      []Step
	always      *Step
	requests    []Request
	connections int
}

// api is one wire format.
type api interface {
	// ask reads a request for an answer. ok is false for other endpoints, which it
	// then has served; a refusal is what the real API would refuse it for.
	ask(w http.ResponseWriter, r *http.Request, body []byte) (a asked, ok bool)
	// fault is the body of an error with a status.
	fault(status int, message string) string
	// stream returns the writer of a streamed answer.
	stream(w io.Writer, a asked) stream
	// whole is an answer at once.
	whole(a asked, text string, e Ending) string
}

type asked struct {
	model   string
	prompt  string
	stream  bool
	refusal string // with status
	status  int
	// cached and written are tokens of a prompt cache, where there is one.
	cached, written int
}

type stream interface {
	open()
	thought(text string)
	piece(text string)
	end(e Ending)
	fail(message string)
}

func newServer(a api, path string, script []Step) *Server {
	s := &Server{api: a, script: script, closed: make(chan struct{})}
	s.http.Handler = http.HandlerFunc(s.serve)
	s.http.ErrorLog = log.New(io.Discard, "", 0) // connections that Breaks cuts
	s.http.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			s.connections++
			s.mu.Unlock()
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // a machine without loopback runs no test
	}
	s.URL = "http://" + listener.Addr().String() + path
	go s.http.Serve(listener)
	return s
}

// Close ends the server and every answer it is in the middle of. Closing it again
// does nothing.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.closed)
		s.http.Close()
	})
}

// Handler is the server without its address, for tests whose time is synctest's. Its
// answers must not wait: what ends with Stalls, or a Hold, waits for the machine.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Script adds steps, each for one request for an answer.
func (s *Server) Script(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, steps...)
}

// Always is the step of every request after the script's end, until it is called
// again; Always(Step{}) is the answer by keywords.
func (s *Server) Always(step Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = &step
}

// Requests returns the requests for an answer so far, refused ones included.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Connections returns how many connections were opened so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

func (s *Server) next(r Request) Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	if len(s.script) > 0 {
		step := s.script[0]
		s.script = s.script[1:]
		return step
	}
	if s.always != nil {
		return *s.always
	}
	return Step{}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	a, ok := s.api.ask(w, r, body)
	if !ok {
		return
	}
	step := s.next(Request{Path: r.URL.Path, Header: r.Header.Clone(), Body: string(body)})
	if a.refusal != "" {
		step = Step{Status: a.status, Body: s.api.fault(a.status, a.refusal)}
	}
	s.wait(r, step.Silence)
	s.hold(r, step.Hold)
	for key, values := range step.Header {
		w.Header()[key] = values
	}
	if step.Status == 0 {
		step.Status = http.StatusOK
	}
	if step.Status != http.StatusOK || step.Body != "" {
		if step.Body == "" {
			step.Body = s.api.fault(step.Status, http.StatusText(step.Status))
		}
		w.WriteHeader(step.Status)
		io.WriteString(w, step.Body)
		return
	}
	if step.Text == "" {
		step.Text = Answer(a.prompt)
	}
	if a.stream && !step.Whole {
		s.streamed(w, r, a, step)
		return
	}
	s.whole(w, r, a, step)
}

// whole answers at once. An answer that Breaks, Resets or Ends has lost its second
// half, one that Fails is an error.
func (s *Server) whole(w http.ResponseWriter, r *http.Request, a asked, step Step) {
	s.wait(r, step.Delay)
	text := step.Text
	switch step.Ending {
	case Truncated:
		text = text[:len(text)/2]
	case Filtered:
		text = ""
	}
	body := s.api.whole(a, strings.ToValidUTF8(text, "?"), step.Ending)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch step.Ending {
	case Stalls:
		w.(http.Flusher).Flush()
		s.stall(r)
	case Breaks, Resets, Ends:
		io.WriteString(w, body[:len(body)/2])
		w.(http.Flusher).Flush()
		s.cut(w, step.Ending)
	case Fails:
		io.WriteString(w, s.api.fault(http.StatusServiceUnavailable, accident))
	default:
		io.WriteString(w, body)
	}
}

const accident = "the server had an accident"

// cut ends a connection as e says.
func (s *Server) cut(w http.ResponseWriter, e Ending) {
	switch e {
	case Breaks:
		panic(http.ErrAbortHandler)
	case Resets:
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	}
}

const pieceSize = 24 // bytes

func (s *Server) streamed(w http.ResponseWriter, r *http.Request, a asked, step Step) {
	out := s.api.stream(flusher{w}, a)
	out.open()
	if step.Thoughts != "" {
		out.thought(step.Thoughts)
	}
	s.wait(r, step.Delay)

	text := step.Text
	switch step.Ending {
	case Truncated:
		text = text[:len(text)/2]
	case Filtered:
		text = ""
	case Stalls, Breaks, Resets, Ends, Fails:
		text = text[:min(len(text), step.After*pieceSize)]
	}
	for len(text) > 0 {
		n := min(len(text), pieceSize)
		out.piece(strings.ToValidUTF8(text[:n], "?"))
		text = text[n:]
	}
	switch step.Ending {
	case Stalls:
		s.stall(r)
	case Breaks, Resets, Ends:
		s.cut(w, step.Ending)
	case Fails:
		out.fail(accident)
	default:
		out.end(step.Ending)
	}
}

func (s *Server) stall(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
}

func (s *Server) hold(r *http.Request, until <-chan struct{}) {
	if until == nil {
		return
	}
	select {
	case <-until:
	case <-r.Context().Done():
	case <-s.closed:
	}
}

func (s *Server) wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	case <-s.closed:
	}
}

// flusher sends every write at once.
type flusher struct{ w http.ResponseWriter }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	f.w.(http.Flusher).Flush()
	return n, err
}

func event(w io.Writer, name string, data any) {
	if name != "" {
		name = "event: " + name + "\n"
	}
	fmt.Fprintf(w, "%sdata: %s\n\n", name, encode(data))
}
