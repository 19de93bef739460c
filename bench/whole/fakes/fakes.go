// Package fakes is a Discord and a model that answer at once and count what they are
// asked. They check nothing: package discordtest and package llmtest do. Discord's limits
// are announced and are so wide that nobody meets them.
package fakes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"catalyst/internal/llm/llmtest"
)

// Counts are what was asked.
type Counts struct {
	Posts     int // messages
	Edits     int
	Questions int
	Judged    int            // messages whose last edit shows a verdict
	Alerts    map[string]int // how often each address was posted
}

// Unlimited is the limit that is announced.
const Unlimited = 1_000_000

// A Server is both. The zero value is ready; it is an [http.Handler].
type Server struct {
	mu     sync.Mutex
	counts Counts
	judged []bool // by the number of the message
}

// Counts returns what was asked since the last [Server.Reset].
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Alerts = maps.Clone(c.Alerts)
	for _, judged := range s.judged {
		if judged {
			c.Judged++
		}
	}
	return c
}

// Reset forgets everything.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts, s.judged = Counts{}, nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // who asked is gone
	}
	switch _, id, isMessage := strings.Cut(r.URL.Path, "/messages/"); {
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/chat/completions"):
		s.answer(w, body)
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/messages"):
		s.post(w, body)
	case r.Method == http.MethodPatch && isMessage:
		s.edit(w, id, body)
	case r.URL.Path == "/counts":
		json.NewEncoder(w).Encode(s.Counts())
	case r.URL.Path == "/reset":
		s.Reset()
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) answer(w http.ResponseWriter, body []byte) {
	var question struct {
		Stream   bool `json:"stream"`
		Messages []struct {
			Content string `json:"content"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(body, &question); err != nil || len(question.Messages) == 0 {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.counts.Questions++
	s.mu.Unlock()
	verdict, _ := json.Marshal(llmtest.Answer(question.Messages[len(question.Messages)-1].Content))
	const head = `{"id":"chatcmpl-1","created":1,"model":"stand-in",`
	const usage = `"usage":{"prompt_tokens":900,"completion_tokens":120,"total_tokens":1020}`
	if !question.Stream {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, head+`"object":"chat.completion",`+usage+`,"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%s}}]}`, verdict)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	const chunk = "data: " + head + `"object":"chat.completion.chunk",`
	fmt.Fprintf(w, chunk+`"choices":[{"index":0,"finish_reason":null,"delta":{"role":"assistant","content":%s}}]}`+"\n\n", verdict)
	fmt.Fprint(w, chunk+`"choices":[{"index":0,"finish_reason":"stop","delta":{}}]}`+"\n\n")
	fmt.Fprint(w, chunk+`"choices":[],`+usage+"}\n\ndata: [DONE]\n\n")
}

// sent is what of a message matters.
type sent struct {
	Embeds []json.RawMessage `json:"embeds"`
}

func (s *Server) post(w http.ResponseWriter, body []byte) {
	var message sent
	if err := json.Unmarshal(body, &message); err != nil || len(message.Embeds) == 0 {
		http.Error(w, "no embeds", http.StatusBadRequest)
		return
	}
	var urls []string
	for _, raw := range message.Embeds {
		var embed struct{ URL string }
		json.Unmarshal(raw, &embed)
		urls = append(urls, embed.URL)
	}
	s.mu.Lock()
	s.counts.Posts++
	if s.counts.Alerts == nil {
		s.counts.Alerts = make(map[string]int)
	}
	for _, url := range urls {
		s.counts.Alerts[url]++
	}
	s.judged = append(s.judged, false)
	id := len(s.judged)
	s.mu.Unlock()
	show(w, "create", strconv.Itoa(id), message)
}

func (s *Server) edit(w http.ResponseWriter, id string, body []byte) {
	var message sent
	n, err := strconv.Atoi(id)
	if err != nil || json.Unmarshal(body, &message) != nil {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	known := n >= 1 && n <= len(s.judged)
	if known {
		s.counts.Edits++
		s.judged[n-1] = bytes.Contains(body, []byte("confidence"))
	}
	s.mu.Unlock()
	if !known {
		http.Error(w, "unknown message", http.StatusNotFound)
		return
	}
	show(w, "edit", id, message)
}

// show answers as Discord does, with the message as it is now and the limits.
func show(w http.ResponseWriter, route, id string, message sent) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-RateLimit-Limit", strconv.Itoa(Unlimited))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(Unlimited-1))
	h.Set("X-RateLimit-Reset-After", "1")
	h.Set("X-RateLimit-Bucket", route)
	fmt.Fprintf(w, `{"id":"%s","channel_id":"42","type":0,"embeds":[%s]}`, id, bytes.Join(raws(message.Embeds), []byte(",")))
}

func raws(embeds []json.RawMessage) (all [][]byte) {
	for _, e := range embeds {
		all = append(all, e)
	}
	return all
}
