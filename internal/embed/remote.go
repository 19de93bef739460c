package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"catalyst/internal/config"
)

const (
	// maxTexts is how many texts go into one request: well below every server's limit.
	maxTexts = 64
	// maxAnswer bounds what a lying server can make us read.
	maxAnswer = 64 << 20
)

// NewOllama returns an embedder that asks Ollama's /api/embed. c must be valid.
func NewOllama(c Config) Embedder {
	r := newRemote(c, strings.TrimRight(c.baseURL(), "/")+"/api/embed")
	r.decode = decodeOllama
	r.hint = "; `ollama pull " + c.Model + "` fetches the model"
	return r
}

// NewOpenAI returns an embedder that asks /v1/embeddings of any server that
// speaks OpenAI's protocol (llama.cpp, vLLM). The base URL may end in /v1 or
// not. c must be valid.
func NewOpenAI(c Config) Embedder {
	base := strings.TrimRight(c.baseURL(), "/")
	if !strings.HasSuffix(base, "/v1") {
		base += "/v1"
	}
	r := newRemote(c, base+"/embeddings")
	r.decode = decodeOpenAI
	return r
}

// remote is what both protocols share: {"model": …, "input": […]} by POST.
type remote struct {
	service    string // as the configuration calls it
	url        string
	model      string
	key        config.Secret
	dimensions int
	client     *http.Client
	decode     func(answer []byte, n int) ([][]float32, error)
	hint       string // what to do when the server knows no such model
}

func newRemote(c Config, url string) *remote {
	return &remote{
		service:    c.Kind,
		url:        url,
		model:      c.Model,
		key:        c.Key,
		dimensions: c.Dimensions,
		client:     &http.Client{Timeout: c.Timeout},
	}
}

// ID leaves the address out: the same model has the same vectors anywhere.
func (r *remote) ID() string {
	return r.service + ":" + r.model + "/" + strconv.Itoa(r.dimensions)
}

func (r *remote) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	var asked []int // servers refuse texts without a word
	for i, text := range texts {
		if strings.TrimSpace(text) == "" {
			vectors[i] = make([]float32, r.dimensions)
			continue
		}
		asked = append(asked, i)
	}
	for len(asked) > 0 {
		n := min(len(asked), maxTexts)
		if err := r.embed(ctx, texts, asked[:n], vectors); err != nil {
			return nil, fmt.Errorf("embed with %s: %w", r.service, err)
		}
		asked = asked[n:]
	}
	return vectors, nil
}

// embed fills in the vectors of the texts whose indices are in asked.
func (r *remote) embed(ctx context.Context, texts []string, asked []int, vectors [][]float32) error {
	input := make([]string, len(asked))
	for i, t := range asked {
		input[i] = texts[t]
	}
	answer, err := r.post(ctx, map[string]any{"model": r.model, "input": input})
	if err != nil {
		return err
	}
	got, err := r.decode(answer, len(input))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for i, v := range got {
		if len(v) != r.dimensions {
			return fmt.Errorf("%w: model %s gave %d dimensions: write dimensions: %d", ErrRefused, r.model, len(v), len(v))
		}
		if !normalise(v) {
			return fmt.Errorf("%w: model %s gave a vector without direction", ErrRefused, r.model)
		}
		vectors[asked[i]] = v
	}
	return nil
}

func (r *remote) post(ctx context.Context, body any) ([]byte, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	request.Header.Set("Content-Type", "application/json")
	if r.key != "" {
		request.Header.Set("Authorization", "Bearer "+r.key.Reveal())
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, r.interrupted(ctx, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, r.interrupted(ctx, err)
	case response.StatusCode != http.StatusOK:
		return nil, r.status(response.StatusCode, answer)
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("%w: the answer is longer than %d bytes", ErrRefused, maxAnswer)
	}
	return answer, nil
}

// interrupted tells our own stopping from the server's failure.
func (r *remote) interrupted(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// status sorts answers that are none by who has to act.
func (r *remote) status(code int, answer []byte) error {
	class, hint := ErrRefused, ""
	switch {
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		class = ErrUnavailable
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		hint = "; check embedder.key"
	case code == http.StatusNotFound:
		hint = r.hint
	}
	return fmt.Errorf("%w: HTTP %d: %s%s", class, code, r.excerpt(answer), hint)
}

// excerpt is the start of an answer, fit for a log: short, printable, without the
// key, which some servers repeat.
func (r *remote) excerpt(answer []byte) string {
	const most = 200
	text := string(answer)
	if r.key != "" {
		text = strings.ReplaceAll(text, r.key.Reveal(), r.key.String())
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strconv.Quote(text)
}

func decodeOllama(answer []byte, n int) ([][]float32, error) {
	var a struct {
		Embeddings [][]float32 `json:"embeddings"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	if len(a.Embeddings) != n {
		return nil, fmt.Errorf("%d vectors for %d texts", len(a.Embeddings), n)
	}
	return a.Embeddings, nil
}

// decodeOpenAI trusts the index of each vector, not their order.
func decodeOpenAI(answer []byte, n int) ([][]float32, error) {
	var a struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	vectors := make([][]float32, n)
	for _, d := range a.Data {
		if d.Index < 0 || d.Index >= n || vectors[d.Index] != nil {
			return nil, fmt.Errorf("vector %d of %d texts is out of place", d.Index, n)
		}
		vectors[d.Index] = d.Embedding
	}
	for i, v := range vectors {
		if v == nil {
			return nil, fmt.Errorf("no vector for text %d of %d", i, n)
		}
	}
	return vectors, nil
}
