package replay

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf16"
)

// A DiscordStand stands in for Discord: it takes messages as a channel does, knows them by
// their nonces, refuses what is longer than Discord allows, and answers otherwise when the
// script says so. It has no rate limits but those, and shows nothing to anybody.
type DiscordStand struct {
	faults *Faults
	server *http.Server
	url    string

	mu                           sync.Mutex
	asked                        map[int]int       // requests by fault, since it began
	failed                       map[int]int       // of them answered by it
	nonces                       map[string]string // ids of messages
	messages                     map[string]bool   // by id
	alerts                       map[string]bool   // embeds that were created
	posts, edits, twice, refused int
}

// Stands has one answer on an address of its own on this machine, until it is closed.
func Stands(faults *Faults) (*DiscordStand, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("stand in for Discord: %w", err)
	}
	s := &DiscordStand{
		faults: faults, url: "http://" + l.Addr().String(), asked: map[int]int{}, failed: map[int]int{},
		nonces: map[string]string{}, messages: map[string]bool{}, alerts: map[string]bool{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/{version}/channels/{channel}/messages", s.create)
	mux.HandleFunc("PATCH /api/{version}/channels/{channel}/messages/{id}", s.edit)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(l) // which ends with Close
	return s, nil
}

// URL is its address, in place of Discord's.
func (s *DiscordStand) URL() string { return s.url }

// Close ends it. A second call does nothing.
func (s *DiscordStand) Close() error { return s.server.Close() }

// Fill adds what it saw to the figures of a report.
func (s *DiscordStand) Fill(f *Figures) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.Posts, f.Edits, f.Twice, f.Refused = s.posts, s.edits, s.twice, s.refused
	for _, n := range s.failed {
		f.Troubled += n
	}
}

// What Discord allows, in UTF-16 units as it counts.
const (
	maxEmbeds, maxFields                                = 10, 25
	maxTitle, maxDescription, maxName, maxValue, maxAll = 256, 4096, 256, 1024, 6000
)

type discordMessage struct {
	Nonce  string            `json:"nonce"`
	Embeds []json.RawMessage `json:"embeds"`
}

type embed struct {
	Title, Description string
	Fields             []struct{ Name, Value string }
	Footer             struct{ Text string }
	Author             struct{ Name string }
}

// units is how long Discord takes a text to be.
func units(s string) int { return len(utf16.Encode([]rune(s))) }

// fits says what is longer than Discord allows; nothing if all fits.
func (m *discordMessage) fits() string {
	if n := len(m.Embeds); n < 1 || n > maxEmbeds {
		return fmt.Sprintf("%d embeds", n)
	}
	all := 0
	for _, raw := range m.Embeds {
		var e embed
		if err := json.Unmarshal(raw, &e); err != nil {
			return "an embed that is none"
		}
		if units(e.Title) > maxTitle || units(e.Description) > maxDescription || len(e.Fields) > maxFields {
			return "an embed that is too long"
		}
		all += units(e.Title) + units(e.Description) + units(e.Footer.Text) + units(e.Author.Name)
		for _, f := range e.Fields {
			if f.Name == "" || f.Value == "" || units(f.Name) > maxName || units(f.Value) > maxValue {
				return "a field that is empty or too long"
			}
			all += units(f.Name) + units(f.Value)
		}
	}
	if all > maxAll {
		return fmt.Sprintf("%d characters in all", all)
	}
	return ""
}

func (s *DiscordStand) create(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, func(m *discordMessage) string {
		if id, known := s.nonces[m.Nonce]; known && m.Nonce != "" {
			return id
		}
		id := strconv.Itoa(1_000_000 + len(s.messages))
		s.messages[id], s.nonces[m.Nonce] = true, id
		s.posts++
		for _, e := range m.Embeds {
			if s.alerts[string(e)] {
				s.twice++
			}
			s.alerts[string(e)] = true
		}
		return id
	})
}

func (s *DiscordStand) edit(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, func(*discordMessage) string {
		if !s.messages[r.PathValue("id")] {
			return ""
		}
		s.edits++
		return r.PathValue("id")
	})
}

// answer reads a message, does what is to be done with it and says so, unless the script
// has something else to say.
func (s *DiscordStand) answer(w http.ResponseWriter, r *http.Request, do func(*discordMessage) (id string)) {
	var m discordMessage
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&m)
	s.mu.Lock()
	defer s.mu.Unlock()
	trouble := s.trouble()
	say := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body)
	}
	refuse := func(why string) {
		s.refused++
		say(http.StatusBadRequest, map[string]any{"code": 50035, "message": "Invalid Form Body: " + why})
	}
	switch {
	case trouble != nil && trouble.Answer == "rate_limited":
		wait := trouble.Wait.Seconds()
		w.Header().Set("Retry-After", strconv.FormatFloat(wait, 'f', 3, 64))
		say(http.StatusTooManyRequests, map[string]any{"message": "You are being rate limited.", "retry_after": wait, "global": false})
		return
	case trouble != nil && trouble.Answer == "overloaded":
		say(http.StatusServiceUnavailable, map[string]any{"message": "upstream"})
		return
	case trouble != nil && trouble.Answer == "refused":
		refuse("as the script says")
		return
	case err != nil:
		refuse("no JSON")
		return
	}
	if why := m.fits(); why != "" {
		refuse(why)
		return
	}
	id := do(&m)
	switch {
	case trouble != nil: // a reset: the answer is lost, and only it
		reset(w)
	case id == "":
		say(http.StatusNotFound, map[string]any{"code": 10008, "message": "Unknown Message"})
	default:
		for name, value := range map[string]string{"Limit": "1000", "Remaining": "999", "Reset-After": "1", "Bucket": "stand"} {
			w.Header().Set("X-RateLimit-"+name, value)
		}
		say(http.StatusOK, map[string]any{"id": id, "channel_id": r.PathValue("channel"), "type": 0, "nonce": m.Nonce})
	}
}

// trouble returns the fault that answers this request; nil if none does. s.mu is held.
func (s *DiscordStand) trouble() *DiscordTrouble {
	if s.faults == nil {
		return nil
	}
	now := s.faults.now()
	for i, fault := range s.faults.script.Faults {
		d := fault.Discord
		if d == nil || now.Before(s.faults.spans[i].from) || d.Requests > 0 && s.failed[i] >= d.Requests {
			continue
		}
		if s.asked[i]++; s.asked[i]%max(1, d.Every) == 0 {
			s.failed[i]++
			return d
		}
	}
	return nil
}

// reset breaks the connection.
func reset(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}
