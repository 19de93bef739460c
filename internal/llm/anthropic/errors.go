package anthropic

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"catalyst/internal/llm"
)

// said is the body of an error.
type said struct {
	Error struct {
		Type, Message string
		Details       struct {
			Code string `json:"error_code"`
		}
	}
}

// fault classifies err by the server's own words where it has them. The SDK's own
// text is not used: it has the URL in it.
func (p *provider) fault(err error) error {
	e := *llm.AsError(err)
	var api *sdk.Error
	if errors.As(err, &api) {
		var body said
		json.Unmarshal([]byte(api.RawJSON()), &body) // what is no JSON is shown as it is
		message := cmp.Or(body.Error.Message, llm.ServerText(api.RawJSON()), http.StatusText(api.StatusCode))
		if api.StatusCode != http.StatusOK { // else an error in the middle of a stream
			e.Status = api.StatusCode
		}
		e.Class = classify(e.Status, body)
		e.Err = errors.New(message)
		if api.Response != nil {
			e.RetryAfter = llm.RetryAfter(api.Response.Header)
			e.Rates = rates(api.Response.Header)
		}
	}
	e.Provider, e.Model = p.name, p.config.Model
	e.Err = llm.RedactError(e.Err, p.secrets...)
	return &e
}

var classOfType = map[string]llm.Class{
	"authentication_error": llm.Auth,
	"permission_error":     llm.Auth,
	"billing_error":        llm.Billing,
	"not_found_error":      llm.ModelMissing,
	"request_too_large":    llm.Context,
	"rate_limit_error":     llm.RateMinute,
	"timeout_error":        llm.Timeout,
	"api_error":            llm.Overloaded,
	"overloaded_error":     llm.Overloaded,
}

// classify looks at the text of an invalid_request_error, as an empty balance, a
// spending limit and a long prompt all come as one, with status 400. The month's
// spending limit of an account comes as a rate limit, told apart by its code.
func classify(status int, e said) llm.Class {
	has := func(words ...string) bool { return llm.Says(e.Error.Message, words...) }
	switch {
	case e.Error.Details.Code == "enforced_spend_limit_reached", has("credit balance", "usage limits"):
		return llm.Billing
	case has("prompt is too long", "context limit", "context window"):
		return llm.Context
	case has("content filtering policy"):
		return llm.ContentFilter
	}
	if class, ok := classOfType[e.Error.Type]; ok {
		return class
	}
	if status == 0 { // in the middle of a stream
		return llm.Overloaded
	}
	return llm.ClassOfStatus(status)
}
