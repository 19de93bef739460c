package anthropic

import (
	"net/http"
	"strconv"
	"time"

	"catalyst/internal/llm"
)

// rates reads what is left of the account's limits, all of a minute, from the
// Anthropic-Ratelimit headers. Those for tokens name prompts, answers and their
// sum; a part that is used up uses up the whole.
func rates(h http.Header) (rates []llm.Rate) {
	if r, ok := rate(h, "Requests"); ok {
		r.Kind = llm.RequestsMinute
		rates = append(rates, r)
	}
	all, ok := rate(h, "Tokens")
	in, hasIn := rate(h, "Input-Tokens")
	out, hasOut := rate(h, "Output-Tokens")
	if !ok && hasIn && hasOut {
		all, ok = in, in.Limit >= 0 && out.Limit >= 0
		all.Limit, all.Remaining = in.Limit+out.Limit, in.Remaining+out.Remaining
	}
	if !ok {
		return rates
	}
	if hasIn && in.Remaining == 0 {
		all.Remaining, all.Reset = 0, in.Reset
	}
	if hasOut && out.Remaining == 0 {
		all.Remaining, all.Reset = 0, out.Reset
	}
	all.Kind = llm.TokensMinute
	return append(rates, all)
}

func rate(h http.Header, what string) (r llm.Rate, ok bool) {
	name := "Anthropic-Ratelimit-" + what
	left, err := strconv.Atoi(h.Get(name + "-Remaining"))
	if err != nil || left < 0 {
		return r, false
	}
	limit, err := strconv.Atoi(h.Get(name + "-Limit"))
	if err != nil || limit <= 0 {
		limit = -1
	}
	reset, _ := time.Parse(time.RFC3339, h.Get(name+"-Reset"))
	return llm.Rate{Limit: limit, Remaining: left, Reset: reset}, true
}
