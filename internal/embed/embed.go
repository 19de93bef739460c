// Package embed turns text into vectors whose cosine says how alike two texts
// are. [Lexical] is built in and needs nothing; [NewOllama] and [NewOpenAI] ask a
// model over HTTP; [Cached] remembers what was computed.
//
// Similarities of different embedders are different scales: vectors meet only
// those of the same ID, and a threshold is chosen for one ID.
package embed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"time"

	"catalyst/internal/config"
)

// An Embedder makes vectors.
type Embedder interface {
	// ID names the embedder, its version and the dimension of its vectors, as
	// "lexical-v1/512". Vectors of equal IDs may be compared.
	ID() string

	// Embed returns a unit vector for each text, in their order. A text without a
	// word gets the zero vector, which is like nothing, not even itself. The
	// vectors may be shared and must not be written to.
	//
	// An error that is [ErrUnavailable] may pass by itself; one that is
	// [ErrRefused] needs somebody to change something.
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

var (
	// ErrUnavailable: the server does not answer, is overloaded or broken.
	ErrUnavailable = errors.New("embedder is unavailable")
	// ErrRefused: the server answers, but not with what was configured: no such
	// model, wrong key, another dimension.
	ErrRefused = errors.New("embedder refused")
)

// Config is the `embedder` block of pipeline.yaml.
type Config struct {
	Kind       string        `yaml:"kind,short" enum:"lexical|ollama|openai" doc:"lexical is built in; ollama and openai (any server with /v1/embeddings) ask a model"`
	BaseURL    string        `yaml:"base_url" doc:"address of the server; defaults to http://127.0.0.1:11434 for ollama, https://api.openai.com/v1 for openai"`
	Model      string        `yaml:"model" doc:"embedding model, as the server calls it"`
	Key        config.Secret `yaml:"key" doc:"API key, where the server wants one"`
	Dimensions int           `yaml:"dimensions" doc:"length of the model's vectors; an answer of another length is refused"`
	Timeout    time.Duration `yaml:"timeout" doc:"longest time for one request"`
}

// DefaultConfig is the built-in embedder.
var DefaultConfig = Config{Kind: "lexical", Timeout: 10 * time.Second}

// Servers to ask where BaseURL is empty.
var defaultURLs = map[string]string{
	"ollama": "http://127.0.0.1:11434",
	"openai": "https://api.openai.com/v1",
}

// maxDimensions is what pgvector can hold in a vector column.
const maxDimensions = 16_000

// Validate reports every fault at once.
func (c Config) Validate() error {
	switch c.Kind {
	case "lexical":
		return c.validateLexical()
	case "ollama", "openai":
		return c.validateRemote()
	}
	return config.At("kind", "%q is none of lexical, ollama, openai", c.Kind)
}

func (c Config) validateLexical() error {
	if c.Dimensions != 0 && c.Dimensions != Dimensions {
		return config.At("dimensions", "is %d, but the lexical embedder has %d: leave it out", c.Dimensions, Dimensions)
	}
	return nil
}

func (c Config) validateRemote() error {
	var faults []error
	if u, err := url.Parse(c.baseURL()); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		faults = append(faults, config.At("base_url", "is no http or https URL"))
	}
	if c.Model == "" {
		faults = append(faults, config.At("model", "is missing: name the embedding model of the server"))
	}
	if c.Dimensions < 1 || c.Dimensions > maxDimensions {
		faults = append(faults, config.At("dimensions", "is %d, want the length of the model's vectors, as 768; at most %d", c.Dimensions, maxDimensions))
	}
	if c.Timeout <= 0 {
		faults = append(faults, config.At("timeout", "is %v, want more than 0s", c.Timeout))
	}
	return errors.Join(faults...)
}

func (c Config) baseURL() string {
	if c.BaseURL != "" {
		return c.BaseURL
	}
	return defaultURLs[c.Kind]
}

// New returns the embedder that c describes. It connects to nothing.
func New(c Config) (Embedder, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("embedder: %w", err)
	}
	switch c.Kind {
	case "ollama":
		return NewOllama(c), nil
	case "openai":
		return NewOpenAI(c), nil
	}
	return Lexical{}, nil
}

// normalise makes v a unit vector in place. It reports false, and leaves v as it
// is, if v has no direction: all zero, or not all finite.
func normalise(v []float32) bool {
	var sum float64
	for _, x := range v {
		// The conversion forbids a fused multiply-add: the same bits on every CPU.
		sum += float64(float64(x) * float64(x))
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return false
	}
	norm := math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) / norm)
	}
	return true
}
