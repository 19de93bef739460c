package ollama

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"catalyst/internal/llm"
)

const (
	maxLine  = 1 << 20  // bytes of one line of a stream
	maxError = 64 << 10 // bytes of an error's body that are read
)

type chatRequest struct {
	Model     string          `json:"model"`
	Messages  []chatMessage   `json:"messages"`
	Stream    bool            `json:"stream"`
	Format    json.RawMessage `json:"format,omitempty"`
	Options   chatOptions     `json:"options"`
	KeepAlive any             `json:"keep_alive,omitempty"`
	Think     *bool           `json:"think,omitempty"`
	// Truncate and Shift, where the server knows them, keep it from cutting the prompt.
	Truncate bool `json:"truncate"`
	Shift    bool `json:"shift"`
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type chatOptions struct {
	NumCtx      int      `json:"num_ctx"`
	NumPredict  int      `json:"num_predict,omitempty"`
	Temperature *float64 `json:"temperature,omitempty"`
}

// chatLine is one line of the answer.
type chatLine struct {
	Model           string      `json:"model"`
	Message         chatMessage `json:"message"`
	Done            bool        `json:"done"`
	DoneReason      string      `json:"done_reason"`
	PromptEvalCount int         `json:"prompt_eval_count"`
	EvalCount       int         `json:"eval_count"`
	EvalDuration    int64       `json:"eval_duration"` // nanoseconds
	Error           string      `json:"error"`
}

func (p *Provider) request(r llm.Request, maxTokens int) chatRequest {
	temperature := r.Temperature
	if temperature == nil {
		temperature = p.config.Temperature
	}
	messages := make([]chatMessage, 0, 2)
	if r.System != "" {
		messages = append(messages, chatMessage{"system", r.System})
	}
	return chatRequest{
		Model:     p.config.Model,
		Messages:  append(messages, chatMessage{"user", r.Prompt}),
		Stream:    true,
		Format:    r.Schema,
		Options:   chatOptions{NumCtx: p.config.NumCtx, NumPredict: maxTokens, Temperature: temperature},
		KeepAlive: p.keepAlive(),
		Think:     p.config.Think,
	}
}

// keepAlive is a number of seconds where it is written as one: "-1" as text would
// be refused for its missing unit.
func (p *Provider) keepAlive() any {
	if p.config.KeepAlive == "" {
		return nil
	}
	if seconds, err := strconv.Atoi(p.config.KeepAlive); err == nil {
		return seconds
	}
	return p.config.KeepAlive
}

func (p *Provider) chat(ctx context.Context, r chatRequest, token func()) (llm.Response, error) {
	response, err := p.do(ctx, http.MethodPost, "/api/chat", r)
	if err != nil {
		return llm.Response{}, err
	}
	defer response.Body.Close()
	return readChat(response.Body, token)
}

// readChat reads a stream of lines. Only a last line that says so makes an answer
// complete.
func readChat(body io.Reader, token func()) (llm.Response, error) {
	var text strings.Builder
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var line chatLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return llm.Response{}, llm.Errorf(llm.Network, "a line of the stream is no JSON")
		}
		if line.Error != "" {
			return llm.Response{}, serverError(0, line.Error)
		}
		if line.Message.Content != "" {
			token()
			text.WriteString(line.Message.Content)
		}
		if !line.Done {
			continue
		}
		response := llm.Response{
			Text:      text.String(),
			Model:     line.Model,
			Stop:      line.DoneReason,
			TokensIn:  line.PromptEvalCount,
			TokensOut: line.EvalCount,
		}
		if line.EvalDuration > 0 {
			response.TokensPerSecond = float64(line.EvalCount) / (float64(line.EvalDuration) / 1e9)
		}
		switch line.DoneReason {
		case "stop", "": // servers before 0.3 give no reason
			return response, nil
		case "length":
			return response, llm.Errorf(llm.Truncated, "the answer hit num_predict or num_ctx")
		}
		return response, llm.Errorf(llm.Overloaded, "the server ended the answer: %s", line.DoneReason)
	}
	if err := lines.Err(); err != nil {
		return llm.Response{}, err
	}
	return llm.Response{}, llm.Errorf(llm.Network, "the stream ended before the answer did")
}

// do sends a request and returns a response with status 200.
func (p *Provider) do(ctx context.Context, method, path string, payload any) (*http.Response, error) {
	var body io.Reader
	if payload != nil {
		data, err := json.Marshal(payload)
		if err != nil {
			return nil, llm.Errorf(llm.BadRequest, "encode request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return nil, llm.Errorf(llm.BadRequest, "base_url: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if key := p.config.Key.Reveal(); key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := p.client.Do(request)
	if err != nil || response.StatusCode == http.StatusOK {
		return response, err
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(io.LimitReader(response.Body, maxError))
	fault := serverError(response.StatusCode, errorMessage(data))
	fault.RetryAfter = llm.RetryAfter(response.Header)
	return nil, fault
}

// errorMessage reads {"error":"…"}, and the OpenAI form that proxies have.
func errorMessage(body []byte) string {
	var e struct{ Error json.RawMessage }
	if json.Unmarshal(body, &e) != nil {
		return llm.ServerText(string(body))
	}
	var text string
	var inner struct{ Message string }
	if json.Unmarshal(e.Error, &text) != nil && json.Unmarshal(e.Error, &inner) == nil {
		text = inner.Message
	}
	return cmp.Or(text, string(body))
}

// serverError classifies what the server said, with the status it said it with;
// 0 in the middle of a stream.
func serverError(status int, message string) *llm.Error {
	class := llm.Overloaded
	if status != 0 {
		class = llm.ClassOfStatus(status)
	}
	has := func(words ...string) bool { return llm.Says(message, words...) }
	switch {
	case has("context length", "context window", "context size"):
		class = llm.Context
	case has("model") && has("not found"):
		class = llm.ModelMissing
	// A model that does not fit or a server that is full, whatever the status.
	case has("server busy", "more system memory", "runner process", "out of memory"):
		class = llm.Overloaded
	}
	e := llm.Errorf(class, "%s", message)
	e.Status = status
	return e
}
