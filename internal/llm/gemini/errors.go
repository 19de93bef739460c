package gemini

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"google.golang.org/genai"

	"catalyst/internal/llm"
)

// fault classifies err by the server's own words where it has them.
func (p *provider) fault(err error, seen *exchange) error {
	e := *llm.AsError(err)
	var api genai.APIError
	if errors.As(err, &api) {
		now := time.Now()
		status := cmp.Or(seen.status, api.Code)
		if status == http.StatusOK { // an error in the middle of a stream has its own code
			status = cmp.Or(api.Code, http.StatusInternalServerError)
		}
		said := readDetails(api.Details)
		e.Status = status
		e.Class = classify(status, api, said)
		switch e.Class {
		case llm.QuotaDay: // whatever wait it names: that is the one for a minute's quota
			e.RetryAfter = midnight(now, p.limits.ResetZone).Sub(now)
		case llm.RateMinute, llm.Overloaded:
			e.RetryAfter = cmp.Or(said.wait, llm.RetryAfter(seen.header), llm.RetryIn(api.Message))
		}
		if e.Class == llm.QuotaDay || e.Class == llm.RateMinute {
			e.Rates = said.rates(now, p.limits.ResetZone)
		}
		e.Err = errors.New(cmp.Or(llm.ServerText(api.Message), api.Status, http.StatusText(status)))
	}
	e.Provider, e.Model = p.name, p.config.Model
	e.Err = llm.RedactError(e.Err, p.secrets...)
	return &e
}

// classify reads the class out of an error's details and text, which say more than
// its status: what kind of quota was used up, what is wrong with a key.
func classify(status int, e genai.APIError, said details) llm.Class {
	has := func(words ...string) bool { return llm.Says(e.Message, words...) }
	switch {
	case said.badKey, has("api key not valid", "api key expired", "user location is not supported"):
		return llm.Auth
	// A quota of 0 is a model that the free tier does not have.
	case has("credits are depleted", "spending cap", "enable billing", "limit: 0,", "limit: 0\n"):
		return llm.Billing
	case status == http.StatusTooManyRequests && said.perDay:
		return llm.QuotaDay
	case status == http.StatusBadRequest && has("token") && has("exceed"):
		return llm.Context
	}
	return llm.ClassOfStatus(status)
}
