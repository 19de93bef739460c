package replay

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
)

// PromptHash names what a model is asked: the task, the data and the form of the
// answer, whichever model it is and however long it may take.
func PromptHash(r llm.Request) string {
	h := sha256.New()
	for _, part := range []string{r.System, r.Prompt, string(r.Schema)} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		io.WriteString(h, part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// An Answer is what a model said to a prompt, or why it did not.
type Answer struct {
	Prompt        string    `json:"prompt"` // its [PromptHash]
	Provider      string    `json:"provider,omitempty"`
	Model         string    `json:"model,omitempty"`
	Text          string    `json:"text,omitempty"`
	Stop          string    `json:"stop,omitempty"`
	TokensIn      int       `json:"tokens_in,omitempty"`
	TokensCached  int       `json:"tokens_cached,omitempty"`
	TokensWritten int       `json:"tokens_written,omitempty"`
	TokensOut     int       `json:"tokens_out,omitempty"`
	FirstTokenMS  int64     `json:"first_token_ms,omitempty"`
	LatencyMS     int64     `json:"latency_ms,omitempty"`
	Class         llm.Class `json:"class,omitempty"` // of the error; empty is none
	Status        int       `json:"status,omitempty"`
	RetryAfterMS  int64     `json:"retry_after_ms,omitempty"`
	Error         string    `json:"error,omitempty"`
}

// AnswerOf is an exchange with a provider as an Answer.
func AnswerOf(p llm.Provider, q llm.Request, r llm.Response, err error) *Answer {
	a := &Answer{
		Prompt: PromptHash(q), Provider: p.Name(), Model: p.Model(), Text: r.Text, Stop: r.Stop,
		TokensIn: r.TokensIn, TokensCached: r.TokensCached, TokensWritten: r.TokensWritten, TokensOut: r.TokensOut,
		FirstTokenMS: r.FirstToken.Milliseconds(), LatencyMS: r.Latency.Milliseconds(),
	}
	if fault := llm.AsError(err); fault != nil {
		a.Class, a.Status, a.RetryAfterMS, a.Error = fault.Class, fault.Status, fault.RetryAfter.Milliseconds(), fault.Error()
	}
	return a
}

func (a *Answer) reply() (llm.Response, error) {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	r := llm.Response{
		Text: a.Text, Model: a.Model, Stop: a.Stop, FirstToken: ms(a.FirstTokenMS), Latency: ms(a.LatencyMS),
		TokensIn: a.TokensIn, TokensCached: a.TokensCached, TokensWritten: a.TokensWritten, TokensOut: a.TokensOut,
	}
	if a.Class != "" {
		fault := llm.Errorf(a.Class, "as recorded: %s", a.Error)
		fault.Status, fault.RetryAfter = a.Status, ms(a.RetryAfterMS)
		return r, fault
	}
	return r, nil
}

// A Stand is a provider that asks nobody. It has the name, model and limits of the one it
// stands in for.
type Stand struct {
	ProviderName, ModelName string
	Bounds                  llm.Limits
	Reply                   Reply
}

func (s *Stand) Name() string       { return s.ProviderName }
func (s *Stand) Model() string      { return s.ModelName }
func (s *Stand) Limits() llm.Limits { return s.Bounds }

// Complete implements [llm.Provider]. It returns at once: how long the answer takes is said in
// it, and to whoever keeps the time.
func (s *Stand) Complete(ctx context.Context, r llm.Request) (llm.Response, error) {
	if ctx.Err() != nil {
		return llm.Response{}, &llm.Error{Class: llm.Canceled, Err: ctx.Err()}
	}
	response, err := s.reply(r)
	tookTime(ctx, timedCall{s.ProviderName, s.Bounds.Concurrency, PromptHash(r), response.Latency})
	return response, err
}

func (s *Stand) reply(r llm.Request) (llm.Response, error) {
	response, err := s.Reply(s.ProviderName, r)
	if r.Timeout > 0 && response.Latency > r.Timeout {
		return llm.Response{Latency: r.Timeout}, llm.Errorf(llm.Timeout, "no complete answer in time (%v)", r.Timeout)
	}
	if err == nil && r.FirstToken > 0 && response.FirstToken > r.FirstToken {
		return llm.Response{Latency: r.FirstToken}, llm.Errorf(llm.FirstToken, "nothing came in time (%v)", r.FirstToken)
	}
	if response.Model == "" {
		response.Model = s.ModelName
	}
	return response, err
}

// A Fake makes answers up, by a rule that knows a few words: see [llmtest.Verdict]. What
// it says, how long it takes and whether it fails depends on seed, provider and
// prompt, and on nothing else.
type Fake struct {
	Seed    uint64
	Latency time.Duration // half of the answers take less, one in fifty more than three times that
	Errors  float64       // share of calls that give no answer of use, 0 … 1
}

// The classes of a Fake's errors: of those that are the answer's fault, so that neither
// waits nor breakers follow.
var fakeFaults = []llm.Class{llm.Truncated, llm.BadJSON, llm.ContentFilter}

// Reply answers for a provider.
func (f Fake) Reply(name string, r llm.Request) (llm.Response, error) {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64([]byte(name+"\x00"), f.Seed), PromptHash(r)...))
	rng := rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])))
	factor := math.Exp(0.55 * rng.NormFloat64())
	response := llm.Response{
		Text: llmtest.Answer(r.Prompt), Stop: "stop",
		TokensIn: llm.EstimateTokens(r.System) + llm.EstimateTokens(r.Prompt),
		Latency:  time.Duration(float64(f.Latency) * factor).Round(time.Millisecond),
	}
	response.FirstToken = (response.Latency / 3).Round(time.Millisecond)
	response.TokensOut = llm.EstimateTokens(response.Text)
	if rng.Float64() < f.Errors {
		response.Text = ""
		return response, llm.Errorf(fakeFaults[rng.IntN(len(fakeFaults))], "made up by the replay")
	}
	return response, nil
}

// Recorded answers as models once did. Of several answers to one prompt each is given once,
// in the order recorded, and the last again and again. It may be used concurrently.
type Recorded struct {
	mu      sync.Mutex
	answers map[[2]string][]*Answer // by prompt and provider
	any     map[string]*Answer      // by prompt
	asked   map[[2]string]int
}

// NewRecorded returns the answers of a history.
func NewRecorded(h *History) *Recorded {
	r := &Recorded{answers: map[[2]string][]*Answer{}, any: map[string]*Answer{}, asked: map[[2]string]int{}}
	for _, record := range h.Answers {
		a := record.Answer
		key := [2]string{a.Prompt, a.Provider}
		r.answers[key] = append(r.answers[key], a)
		if known := r.any[a.Prompt]; known == nil || known.Class != "" {
			r.any[a.Prompt] = a
		}
	}
	return r
}

// Reply answers for a provider as it answered, or where it was not asked, as another did.
// A prompt that nobody was asked has no answer, which no retry will change.
func (r *Recorded) Reply(name string, q llm.Request) (llm.Response, error) {
	hash := PromptHash(q)
	key := [2]string{hash, name}
	r.mu.Lock()
	defer r.mu.Unlock()
	if list := r.answers[key]; len(list) > 0 {
		n := r.asked[key]
		r.asked[key]++
		return list[min(n, len(list)-1)].reply()
	}
	if a := r.any[hash]; a != nil {
		response, err := a.reply()
		response.Model = ""
		return response, err
	}
	// The class lets the item go on without a verdict: the recording is no outage.
	return llm.Response{}, llm.Errorf(llm.Budget, "no answer to this prompt was recorded")
}
