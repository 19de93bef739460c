package openai

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"catalyst/internal/llm"
)

// fault classifies err by the server's own words where it has them.
func (p *provider) fault(err error) error {
	e := *llm.AsError(err)
	var api *sdk.Error
	var mid *ssestream.StreamError
	switch {
	case errors.As(err, &api):
		code, kind, message := api.Code, api.Type, api.Message
		if message == "" {
			code, kind, message = readBody(api)
		}
		e.Status = api.StatusCode
		e.Class = classify(api.StatusCode, code, kind, message)
		e.Err = errors.New(cmp.Or(message, http.StatusText(api.StatusCode), "an error without a text"))
		e.RetryAfter = cmp.Or(llm.RetryAfter(api.Response.Header), llm.RetryIn(message))
		e.Rates = rates(api.Response.Header, time.Now())
	case errors.As(err, &mid):
		said := readFault(mid.Event.Data)
		e.Class = classify(said.status(), said.code(), said.Type, said.Message)
		e.Err = errors.New(cmp.Or(said.Message, mid.Message))
		e.RetryAfter = llm.RetryIn(said.Message)
	}
	e.Provider, e.Model = p.name, p.config.Model
	e.Err = llm.RedactError(e.Err, p.secrets...)
	return &e
}

// readBody reads an error without the envelope that the SDK expects: some servers
// leave it off, and proxies know nothing of it.
func readBody(e *sdk.Error) (code, kind, message string) {
	data, _ := io.ReadAll(io.LimitReader(e.Response.Body, maxError)) // the SDK has kept it
	var bare said
	if json.Unmarshal(data, &bare) == nil && bare.Message != "" {
		return bare.code(), bare.Type, bare.Message
	}
	return "", "", llm.ServerText(string(data))
}

const maxError = 64 << 10 // bytes of an error's body that are read

// said is an error in the middle of a stream. Its code is a word at OpenAI, and an
// HTTP status at llama.cpp and OpenRouter.
type said struct {
	Message, Type string
	Code          any
}

func readFault(event []byte) said {
	var e struct{ Error said }
	if json.Unmarshal(event, &e) != nil || e.Error.Message == "" {
		var text struct{ Error string } // the whole error
		json.Unmarshal(event, &text)
		e.Error.Message = cmp.Or(e.Error.Message, text.Error)
	}
	return e.Error
}

func (s said) status() int {
	if n, ok := s.Code.(float64); ok && n >= 400 && n < 600 {
		return int(n)
	}
	return http.StatusInternalServerError
}

func (s said) code() string {
	word, _ := s.Code.(string)
	return word
}

var classOfCode = map[string]llm.Class{
	"insufficient_quota":                llm.Billing,
	"billing_not_active":                llm.Billing,
	"billing_hard_limit_reached":        llm.Billing,
	"credit_balance_exhausted":          llm.Billing,
	"organization_spend_limit_exceeded": llm.Billing,
	"project_spend_limit_exceeded":      llm.Billing,
	"invalid_api_key":                   llm.Auth,
	"account_deactivated":               llm.Auth,
	"authentication_error":              llm.Auth,
	"context_length_exceeded":           llm.Context,
	"string_above_max_length":           llm.Context,
	"exceed_context_size_error":         llm.Context,
	"content_filter":                    llm.ContentFilter,
	"content_policy_violation":          llm.ContentFilter,
	"model_not_found":                   llm.ModelMissing,
	"unavailable_error":                 llm.Overloaded, // llama.cpp is loading
}

func classify(status int, code, kind, message string) llm.Class {
	for _, word := range []string{code, kind} {
		if class, ok := classOfCode[word]; ok {
			return class
		}
	}
	has := func(words ...string) bool { return llm.Says(message, words...) }
	switch {
	// The last is one request for more tokens than a minute has: waiting is in vain.
	case has("maximum context length", "context size", "context window", "request too large"):
		return llm.Context
	case has("model is not loaded"):
		return llm.Overloaded
	case status == http.StatusBadRequest && has("model") && has("not found", "does not exist"):
		return llm.ModelMissing
	case status == http.StatusTooManyRequests && has("per day"):
		return llm.QuotaDay
	}
	return llm.ClassOfStatus(status)
}
