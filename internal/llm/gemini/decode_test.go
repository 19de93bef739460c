package gemini

import (
	"encoding/json"
	"testing"
	"time"

	"google.golang.org/genai"

	"catalyst/internal/llm"
)

// Whatever an error's details are, its class is one, and its rates can be counted
// with.
func FuzzDetails(f *testing.F) {
	f.Add(429, "quota", []byte(`[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaValue":"20"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"43s"}]`))
	f.Add(429, "limit: 0, model", []byte(`[{"@type":"google.rpc.QuotaFailure","violations":[null,1,{"quotaId":"TokensPerMinute","quotaValue":"-5"}]}]`))
	f.Add(400, "", []byte(`[{"@type":"google.rpc.ErrorInfo","reason":7},{"@type":"google.rpc.RetryInfo","retryDelay":"-9s"}]`))
	f.Fuzz(func(t *testing.T, status int, message string, details []byte) {
		e := genai.APIError{Code: status, Message: message}
		if json.Unmarshal(details, &e.Details) != nil {
			return
		}
		said := readDetails(e.Details)
		if said.wait < 0 {
			t.Errorf("a wait of %v", said.wait)
		}
		class := classify(status, e, said)
		if class == "" || class == llm.Canceled || class == llm.QuotaDay && !said.perDay {
			t.Errorf("class %q", class)
		}
		now := time.Now()
		for _, r := range said.rates(now, nil) {
			if r.Kind == "" || r.Remaining != 0 || r.Limit == 0 || r.Limit < -1 || r.Reset.Before(now) && !r.Reset.IsZero() {
				t.Errorf("rate %+v", r)
			}
		}
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"candidates":[]}`))
	f.Add([]byte(` [{"a":1},
		{"b":2}] `))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, whole []byte) {
		list, err := events(whole)
		if json.Valid(whole) && err != nil {
			t.Fatalf("error %v of %q", err, whole)
		}
		for _, e := range list {
			if !json.Valid(e.Data) {
				t.Errorf("event %q is no JSON", e.Data)
			}
		}
	})
}

func TestMidnight(t *testing.T) {
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now  string
		zone *time.Location
		want string
	}{
		{"2026-11-21T20:00:00Z", pacific, "2026-11-22T08:00:00Z"},
		{"2026-11-22T07:59:59Z", pacific, "2026-11-22T08:00:00Z"},
		{"2026-11-22T08:00:00Z", pacific, "2026-11-23T08:00:00Z"},
		{"2026-11-01T07:30:00Z", pacific, "2026-11-02T08:00:00Z"}, // a day of 25 hours
		{"2026-12-31T23:59:59Z", nil, "2027-01-01T00:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := midnight(now, c.zone).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("after %s comes midnight at %s, want %s", c.now, got, c.want)
		}
	}
}
