// Package llm is the contract of a language model provider and of the answer
// asked from it: requests, responses, classified errors and what follows from
// each class, prompts, and the JSON Schema of a verdict. The packages below it
// are the providers; stage llm_router chooses between them.
package llm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// A Provider asks one model of one server. It makes a single attempt: whoever
// calls it decides about another, so no client below retries.
type Provider interface {
	// Name is the provider's name in pipeline.yaml.
	Name() string
	// Model is the model's name as the server knows it.
	Model() string
	// Complete streams an answer and returns it whole. Every error is an [*Error]
	// with a class; when it is not nil, the Response holds only what the server is
	// known to have charged for. It may be called concurrently.
	Complete(ctx context.Context, r Request) (Response, error)
}

// Optional powers of providers, found by assertion.
type (
	// Limited is a Provider with limits of its own, set by its configuration.
	Limited interface {
		Limits() Limits
	}

	// Prober is a Provider that may turn out not to be there: a server nobody named,
	// but which is used if it answers. Available returns nil, or a
	// [*NotConfiguredError]; it is cheap enough to be asked for every item.
	Prober interface {
		Available(ctx context.Context) error
	}

	// Accounted is a Provider that asks on somebody's account.
	Accounted interface {
		// Account tells one account at one address from another, and no secret: what is
		// known of one says nothing of the other. See [AccountOf].
		Account() string
	}

	// Tended is a Provider whose server is looked after by package local: its model
	// is loaded, watched and now and then recycled.
	Tended interface {
		// Ready returns nil if the server can be asked now, or why not: the model is
		// being loaded or recycled, the server does not answer. RetryAfter says when to
		// look again. It waits for nothing.
		Ready() *Error
		// Vitals is what was last seen. It waits for nothing.
		Vitals() Vitals
	}
)

// AccountOf is a short hash of a key and the address it is used at.
func AccountOf(key, base string) string {
	hash := sha256.Sum256([]byte(base + "\x00" + key))
	return hex.EncodeToString(hash[:4])
}

// Vitals are how a local server is.
type Vitals struct {
	// Memory is the share of the GPU's memory in use, 0 … 1; negative if unknown.
	Memory float64
	// Crashed is when it last crashed or lost its model; zero if it has not.
	Crashed time.Time
}

// Limits are one provider's limits. Zero leaves a limit to the router, a negative
// number is none.
type Limits struct {
	MaxChars   int           // takes items whose text has at most so many characters
	MaxTokens  int           // of an answer; the worst that a call can cost depends on it
	Context    int           // tokens of prompt and answer together
	Timeout    time.Duration // for a whole call
	FirstToken time.Duration // for the first token of content

	Concurrency       int // calls at the same time
	RequestsPerMinute int
	TokensPerMinute   int // in and out
	RequestsPerDay    int
	Reserve           int            // requests of a day that are left unused
	ResetZone         *time.Location // in which a day begins at midnight; nil is UTC
	Free              bool           // costs nothing by the token: it runs at home
}

// A Request is what a model is asked.
type Request struct {
	System string // the task
	Prompt string // the data
	// Schema is the JSON Schema that the answer must meet, sent in the provider's
	// own way; empty asks for free text. SchemaName names it where a name is needed.
	Schema     json.RawMessage
	SchemaName string
	// MaxTokens limits the answer; 0 leaves it to the provider's configuration.
	MaxTokens int
	// Temperature is omitted when nil and the provider's configuration has none:
	// newer models reject it.
	Temperature *float64
	// Timeout bounds the whole call and FirstToken the wait for the first token of
	// content; what a model thinks or announces before is no content. Loading a
	// model counts towards neither. Zero is no limit.
	Timeout    time.Duration
	FirstToken time.Duration
}

// A Response is what a model answered.
type Response struct {
	Text  string
	Model string // that answered, by the server's account
	Stop  string // why it stopped, in the server's word
	// TokensIn counts the whole prompt, TokensCached the part of it that came from
	// the server's cache, TokensWritten the part that was put there, TokensOut the
	// answer with whatever was thought before it.
	TokensIn, TokensCached, TokensWritten, TokensOut int
	// TokensPerSecond is how fast the answer was written, by the server's own measure;
	// 0 if it does not say.
	TokensPerSecond float64
	// Rates is what the server says is left of its limits.
	Rates []Rate
	// FirstToken and Latency count from the start of the call.
	FirstToken, Latency time.Duration
}

// A Rate is what a server says of one of its limits, in the headers of an answer.
type Rate struct {
	Kind      RateKind
	Limit     int // negative if it does not say
	Remaining int
	Reset     time.Time // when Remaining is Limit again; zero if it does not say
}

// RateKind is what a limit counts, and in how long.
type RateKind string

const (
	RequestsMinute RateKind = "requests_minute"
	TokensMinute   RateKind = "tokens_minute"
	RequestsDay    RateKind = "requests_day"
)

// ErrNotConfigured is what every [*NotConfiguredError] is.
var ErrNotConfigured = errors.New("not configured")

// A NotConfiguredError says that a provider was left out of the configuration:
// no fault, it just cannot be asked. Building such a provider returns it.
type NotConfiguredError struct {
	Provider string
	Variable string // the environment variable that would change it; empty if none would
	Reason   string // optional: what was found instead ("nothing answers at …")
}

func (e *NotConfiguredError) Error() string {
	text := e.Provider + " is not configured"
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.Variable != "" {
		text += "; set " + e.Variable
	}
	return text
}

func (e *NotConfiguredError) Is(target error) bool { return target == ErrNotConfigured }

// EstimateTokens estimates how many tokens text has, rather too many than too
// few: no tokenizer is exact for every model.
func EstimateTokens(text string) int {
	ascii, other := 0, 0
	for _, r := range text {
		if r < 0x80 {
			ascii++
		} else {
			other++
		}
	}
	return (ascii+2)/3 + other
}
