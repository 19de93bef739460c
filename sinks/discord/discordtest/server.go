// Package discordtest is a Discord to test against: the part of its REST API
// that alerts need, as strict as the documentation and a little stricter, with a
// memory of everything and failures on demand.
//
//	POST  /api/v10/channels/{channel}/messages
//	PATCH /api/v10/channels/{channel}/messages/{message}
//	GET   /api/v10/channels/{channel}
//
// It enforces
//
//   - the limits of messages and embeds, with Discord's 50035 bodies (50006 for an
//     empty message), counted in UTF-16 units after trimming;
//   - JSON without unknown fields, and no null where Discord documents a value;
//     stricter than Discord, allowed_mentions must be there;
//   - authorization, and a User-Agent of the form that Discord asks of bots;
//   - enforce_nonce within a window: the message posted first is returned;
//   - rate limits for creates and for edits of each channel and for all requests
//     together, as fixed windows with X-RateLimit headers and 429.
//
// A [Fault] is a failure at a chosen request, before or after it took effect.
// Nothing is kept on disk: a test that kills the program under test keeps the
// Server alive.
package discordtest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config configures a Server. The zero value accepts any bot and channel and
// limits nothing.
type Config struct {
	Token       string        // the only one accepted; any if empty
	Channels    []string      // that exist; any if empty
	Creates     Limit         // of one channel
	Edits       Limit         // of one channel
	Global      Limit         // of all requests
	NonceWindow time.Duration // defaults to five minutes
	Latency     time.Duration // of every answer
}

// A Limit is a number of requests in a time; the zero Limit is none.
type Limit struct {
	Requests int
	Per      time.Duration
}

// A Server is a Discord with one memory. It is an http.Handler; see
// [Server.Transport] for use without a network.
type Server struct {
	config Config
	mux    *http.ServeMux

	mu       sync.Mutex
	script   func(Request) *Fault
	lastID   uint64
	messages map[string]*Message // by id
	order    []string            // of ids
	nonces   map[string]nonced   // by channel and nonce
	buckets  map[string]*bucket
	requests []Request
	inFlight map[string]int
	mostBusy map[string]int
}

type nonced struct {
	id string
	at time.Time
}

// A Message is a message with everything it has shown.
type Message struct {
	ID       string
	Channel  string
	Nonce    string
	Deleted  bool
	Versions []Version // the first as it was created, then one for each edit
}

// Last returns what the message shows now.
func (m Message) Last() Version { return m.Versions[len(m.Versions)-1] }

// A Version is what a message showed from a time on.
type Version struct {
	At      time.Time
	Content string
	Embeds  []Embed
	Pings   []string // kinds of mention that were allowed: empty is harmless
}

// A Request is one that came in.
type Request struct {
	N       int    // counts from 1
	Route   string // create, edit or get
	Channel string
	Message string // of an edit
	Nonce   string // of a create
	At      time.Time
	Status  int // of the answer; 0 if there was none, or not yet
}

// New returns a Server.
func New(c Config) *Server {
	if c.NonceWindow == 0 {
		c.NonceWindow = 5 * time.Minute
	}
	s := &Server{
		config:   c,
		mux:      http.NewServeMux(),
		lastID:   1_100_000_000_000_000_000,
		messages: make(map[string]*Message),
		nonces:   make(map[string]nonced),
		buckets:  make(map[string]*bucket),
		inFlight: make(map[string]int),
		mostBusy: make(map[string]int),
	}
	s.mux.HandleFunc("POST /api/v10/channels/{channel}/messages", s.handle("create", s.create))
	s.mux.HandleFunc("PATCH /api/v10/channels/{channel}/messages/{message}", s.handle("edit", s.edit))
	s.mux.HandleFunc("GET /api/v10/channels/{channel}", s.handle("get", s.get))
	return s
}

// Script has fault decide, for each request, whether and how it fails. Nil ends it.
func (s *Server) Script(fault func(Request) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = fault
}

// Messages returns every message, deleted ones too, in the order of their creation.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Message, 0, len(s.order))
	for _, id := range s.order {
		m := *s.messages[id]
		m.Versions = slices.Clone(m.Versions)
		all = append(all, m)
	}
	return all
}

// Requests returns every request in the order they came in.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Statuses counts the answers by status; 0 counts requests without one.
func (s *Server) Statuses() map[int]int {
	counts := make(map[int]int)
	for _, r := range s.Requests() {
		counts[r.Status]++
	}
	return counts
}

// MostAtOnce returns how many requests of each route were under way at the same
// time at most.
func (s *Server) MostAtOnce() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.mostBusy)
}

// Delete removes a message, as a moderator would.
func (s *Server) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.messages[id]; m != nil {
		m.Deleted = true
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern == "" {
		apiError(0, "404: Not Found").write(w, http.StatusNotFound)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// An answer is what a route has to say before faults.
type answer struct {
	status int
	header http.Header
	body   any
}

func (a answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	json.NewEncoder(w).Encode(a.body)
}

// handle surrounds a route with what all have in common.
func (s *Server) handle(route string, do func(*http.Request, []byte) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
		if err != nil {
			return // the client is gone
		}
		req, fault := s.begin(route, r, body)
		status := 0
		defer func() { s.end(req, status) }()

		if s.config.Latency > 0 && !pause(r, s.config.Latency) {
			return
		}
		if fault != nil && !fault.After {
			status = fault.happen(w, r)
			return
		}
		a, limits := s.admit(route, r)
		if a.status == 0 {
			a = do(r, body)
		}
		maps.Copy(limits, a.header)
		a.header = limits
		if fault != nil {
			status = fault.happen(w, r)
			return
		}
		status = a.status
		a.write(w)
	}
}

func (s *Server) begin(route string, r *http.Request, body []byte) (Request, *Fault) {
	var nonce struct{ Nonce any }
	json.Unmarshal(body, &nonce)
	s.mu.Lock()
	defer s.mu.Unlock()
	req := Request{
		N:       len(s.requests) + 1,
		Route:   route,
		Channel: r.PathValue("channel"),
		Message: r.PathValue("message"),
		At:      time.Now(),
	}
	req.Nonce, _ = nonce.Nonce.(string)
	s.requests = append(s.requests, req)
	s.inFlight[route]++
	s.mostBusy[route] = max(s.mostBusy[route], s.inFlight[route])
	if s.script == nil {
		return req, nil
	}
	return req, s.script(req)
}

func (s *Server) end(req Request, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight[req.Route]--
	s.requests[req.N-1].Status = status
}

// admit checks who asks, for what, and how often. The answer's status is 0 if all
// is well.
func (s *Server) admit(route string, r *http.Request) (answer, http.Header) {
	token, isBot := strings.CutPrefix(r.Header.Get("Authorization"), "Bot ")
	if !isBot || token == "" || s.config.Token != "" && token != s.config.Token {
		return refuse(http.StatusUnauthorized, apiError(0, "401: Unauthorized")), http.Header{}
	}
	if !strings.HasPrefix(r.Header.Get("User-Agent"), "DiscordBot (") {
		return refuse(http.StatusForbidden, apiError(40333, "internal network error")), http.Header{}
	}
	channel := r.PathValue("channel")
	if _, err := strconv.ParseUint(channel, 10, 64); err != nil {
		return refuse(http.StatusBadRequest, formError("channel_id", "NUMBER_TYPE_COERCE", fmt.Sprintf("Value %q is not snowflake.", channel))), http.Header{}
	}
	if len(s.config.Channels) > 0 && !slices.Contains(s.config.Channels, channel) {
		return refuse(http.StatusNotFound, apiError(10003, "Unknown Channel")), http.Header{}
	}
	return s.limit(route, channel)
}

func refuse(status int, body errorBody) answer { return answer{status: status, body: body} }

func (s *Server) create(r *http.Request, body []byte) answer {
	in, refused := decode(r, body)
	if refused != nil {
		return refuse(http.StatusBadRequest, *refused)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	channel, now := r.PathValue("channel"), time.Now()
	key := channel + " " + in.Nonce
	if in.EnforceNonce && in.Nonce != "" {
		if first, found := s.nonces[key]; found && now.Sub(first.at) < s.config.NonceWindow {
			return answer{status: http.StatusOK, body: s.messages[first.id].wire()}
		}
	}
	s.lastID += 4_194_304 // a millisecond in Discord's ids
	m := &Message{
		ID:       strconv.FormatUint(s.lastID, 10),
		Channel:  channel,
		Nonce:    in.Nonce,
		Versions: []Version{in.version(now)},
	}
	s.messages[m.ID] = m
	s.order = append(s.order, m.ID)
	if in.Nonce != "" {
		s.nonces[key] = nonced{m.ID, now}
	}
	return answer{status: http.StatusOK, body: m.wire()}
}

func (s *Server) edit(r *http.Request, body []byte) answer {
	s.mu.Lock()
	m := s.messages[r.PathValue("message")]
	known := m != nil && !m.Deleted && m.Channel == r.PathValue("channel")
	s.mu.Unlock()
	if !known {
		return refuse(http.StatusNotFound, apiError(10008, "Unknown Message"))
	}
	in, refused := decode(r, body)
	if refused != nil {
		return refuse(http.StatusBadRequest, *refused)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Versions = append(m.Versions, in.version(time.Now()))
	return answer{status: http.StatusOK, body: m.wire()}
}

func (s *Server) get(r *http.Request, _ []byte) answer {
	return answer{status: http.StatusOK, body: map[string]any{"id": r.PathValue("channel"), "type": 0, "name": "alerts"}}
}

// wire is the message as Discord returns it, as far as anybody may rely on it.
func (m *Message) wire() map[string]any {
	v := m.Last()
	out := map[string]any{
		"id":         m.ID,
		"type":       0,
		"channel_id": m.Channel,
		"content":    v.Content,
		"embeds":     v.Embeds,
		"timestamp":  m.Versions[0].At.UTC().Format(time.RFC3339Nano),
		"author":     map[string]any{"id": "1", "username": "catalyst", "bot": true, "public_flags": "0"},
	}
	if m.Nonce != "" {
		out["nonce"] = m.Nonce
	}
	if len(m.Versions) > 1 {
		out["edited_timestamp"] = v.At.UTC().Format(time.RFC3339Nano)
	}
	return out
}
