package openai

import (
	"net/http"
	"strconv"
	"time"

	"catalyst/internal/llm"
)

// rates reads what is left of a server's limits from the X-Ratelimit headers of
// OpenAI and its relatives. A limit of tokens is one of a minute. One of requests
// is of a minute at OpenAI and of a day at others, in the same header; see isDay.
func rates(h http.Header, now time.Time) (rates []llm.Rate) {
	if r, _, ok := rate(h, "Tokens", now); ok {
		r.Kind = llm.TokensMinute
		rates = append(rates, r)
	}
	if r, reset, ok := rate(h, "Requests", now); ok {
		r.Kind = llm.RequestsMinute
		if isDay(r, reset) {
			r.Kind = llm.RequestsDay
		}
		rates = append(rates, r)
	}
	return rates
}

func rate(h http.Header, what string, now time.Time) (r llm.Rate, reset time.Duration, ok bool) {
	limit, err := strconv.Atoi(h.Get("X-Ratelimit-Limit-" + what))
	if err != nil || limit <= 0 {
		limit = -1
	}
	left, err := strconv.Atoi(h.Get("X-Ratelimit-Remaining-" + what))
	if err != nil || left < 0 {
		return r, 0, false
	}
	r = llm.Rate{Limit: limit, Remaining: left}
	if reset, ok = resetIn(h.Get("X-Ratelimit-Reset-"+what), now); ok {
		r.Reset = now.Add(reset)
	}
	return r, reset, true
}

// resetIn reads a duration (6m0s), seconds (7.66), or the seconds since 1970.
func resetIn(text string, now time.Time) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	if err != nil {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds >= 0 && seconds < 1e10) {
			return 0, false
		}
		if seconds > 1e9 {
			seconds -= float64(now.Unix())
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	if d < 0 || d > 48*time.Hour {
		return 0, false
	}
	return d, true
}

// isDay tells a day's limit from a minute's by when it is whole again: after more
// than a minute, or, as these limits fill up evenly, at the pace of a day.
func isDay(r llm.Rate, reset time.Duration) bool {
	if reset > time.Minute {
		return true
	}
	used := r.Limit - r.Remaining
	if r.Limit <= 0 || used <= 0 || reset <= 0 {
		return false
	}
	hours := reset.Hours() * float64(r.Limit) / float64(used)
	return hours > 20 && hours < 28
}
