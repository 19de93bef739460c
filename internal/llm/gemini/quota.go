package gemini

import (
	"strconv"
	"strings"
	"time"

	"catalyst/internal/llm"
)

// details is what an error says beside its status: of quotas, keys and waits.
type details struct {
	perDay bool          // a quota of a day is used up
	badKey bool          // the key is not valid
	wait   time.Duration // that the server asks for; zero if it does not
	quotas []quota
}

// A quota is one that was used up.
type quota struct {
	kind  llm.RateKind
	limit int // -1 if it is not named
}

func readDetails(list []map[string]any) (d details) {
	for _, detail := range list {
		switch kind, _ := detail["@type"].(string); {
		case strings.HasSuffix(kind, "google.rpc.RetryInfo"):
			text, _ := detail["retryDelay"].(string)
			wait, err := time.ParseDuration(text)
			if err == nil && wait > 0 {
				d.wait = wait
			}
		case strings.HasSuffix(kind, "google.rpc.QuotaFailure"):
			violations, _ := detail["violations"].([]any)
			for _, v := range violations {
				violation, _ := v.(map[string]any)
				d.violated(violation)
			}
		case strings.HasSuffix(kind, "google.rpc.ErrorInfo"):
			reason, _ := detail["reason"].(string)
			d.badKey = d.badKey || strings.HasPrefix(reason, "API_KEY_")
		}
	}
	return d
}

// violated reads a quota out of its ID, such as
// GenerateRequestsPerDayPerProjectPerModel-FreeTier.
func (d *details) violated(violation map[string]any) {
	id, _ := violation["quotaId"].(string)
	value, _ := violation["quotaValue"].(string)
	limit, err := strconv.Atoi(value)
	if err != nil || limit <= 0 {
		limit = -1
	}
	day := strings.Contains(id, "PerDay")
	d.perDay = d.perDay || day
	switch tokens := strings.Contains(id, "Token"); {
	case day && tokens: // of a kind that nobody counts
	case day:
		d.quotas = append(d.quotas, quota{llm.RequestsDay, limit})
	case !strings.Contains(id, "PerMinute"):
	case tokens:
		d.quotas = append(d.quotas, quota{llm.TokensMinute, limit})
	default:
		d.quotas = append(d.quotas, quota{llm.RequestsMinute, limit})
	}
}

// rates says of each quota that nothing is left of it: a minute's until the wait
// is over, a day's until midnight in zone.
func (d details) rates(now time.Time, zone *time.Location) (rates []llm.Rate) {
	for _, q := range d.quotas {
		r := llm.Rate{Kind: q.kind, Limit: q.limit}
		switch {
		case q.kind == llm.RequestsDay:
			r.Reset = midnight(now, zone)
		case d.wait > 0:
			r.Reset = now.Add(d.wait)
		}
		rates = append(rates, r)
	}
	return rates
}

// midnight is when the day after now begins in zone; nil is UTC.
func midnight(now time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := now.In(zone).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, zone)
}
