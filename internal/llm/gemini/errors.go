package gemini

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"
	_ "time/tzdata" // the quota's day is California's, also on Windows

	"google.golang.org/genai"

	"catalyst/internal/llm"
)

// fault classifies err by the server's own words where it has them.
func (p *provider) fault(err error, seen *exchange) error {
	e := *llm.AsError(err)
	var api genai.APIError
	if e.Class != llm.Canceled && e.Class != llm.Timeout && e.Class != llm.FirstToken && errors.As(err, &api) {
		status := cmp.Or(seen.status, api.Code)
		if status == http.StatusOK { // an error in the middle of a stream has its own code
			status = cmp.Or(api.Code, http.StatusInternalServerError)
		}
		e.Status = status
		e.Class, e.RetryAfter = classify(status, api)
		e.RetryAfter = cmp.Or(e.RetryAfter, llm.RetryAfter(seen.header))
		e.Err = errors.New(cmp.Or(api.Message, api.Status, http.StatusText(status)))
	}
	e.Provider, e.Model = p.name, p.config.Model
	e.Err = llm.RedactError(e.Err, p.secrets...)
	return &e
}

// classify reads the class out of an error's details, which say more than its
// status: what kind of quota was used up, what is wrong with a key. The wait is
// zero if they do not name one.
func classify(status int, e genai.APIError) (llm.Class, time.Duration) {
	text := strings.ToLower(e.Message)
	var wait time.Duration
	perDay, badKey := false, strings.Contains(text, "api key not valid")
	for _, detail := range e.Details {
		switch kind, _ := detail["@type"].(string); {
		case strings.HasSuffix(kind, "google.rpc.RetryInfo"):
			delay, _ := detail["retryDelay"].(string)
			wait, _ = time.ParseDuration(delay)
		case strings.HasSuffix(kind, "google.rpc.QuotaFailure"):
			perDay = perDay || hasDailyQuota(detail["violations"])
		case strings.HasSuffix(kind, "google.rpc.ErrorInfo"):
			reason, _ := detail["reason"].(string)
			badKey = badKey || strings.HasPrefix(reason, "API_KEY_")
		}
	}
	switch {
	case badKey:
		return llm.Auth, 0
	case status == http.StatusTooManyRequests && perDay:
		return llm.QuotaDay, untilReset(time.Now())
	case status == http.StatusBadRequest && strings.Contains(text, "enable billing"):
		return llm.Billing, 0
	case status == http.StatusBadRequest && strings.Contains(text, "token") && strings.Contains(text, "exceed"):
		return llm.Context, 0
	}
	return llm.ClassOfStatus(status), max(0, wait)
}

func hasDailyQuota(violations any) bool {
	list, _ := violations.([]any)
	for _, v := range list {
		violation, _ := v.(map[string]any)
		id, _ := violation["quotaId"].(string)
		if strings.Contains(id, "PerDay") {
			return true
		}
	}
	return false
}

var pacific = must(time.LoadLocation("America/Los_Angeles"))

func must(l *time.Location, err error) *time.Location {
	if err != nil {
		panic(err)
	}
	return l
}

// untilReset is the time until midnight in California, when daily quotas begin anew.
func untilReset(now time.Time) time.Duration {
	y, m, d := now.In(pacific).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, pacific).Sub(now)
}
