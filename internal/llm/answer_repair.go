package llm

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// repair puts right what an answer has written otherwise than it was asked to, where
// there is no doubt of what it means:
//
//   - a number as a text, "0.8" or "85%", but not 85, which may as well be a slip;
//   - a direction, risk, urgency or horizon in capitals, or in a plain synonym;
//   - null or "N/A" where a verdict can do without: in lists, for risk, urgency and
//     horizon. For a direction, score or confidence it stays, and is no verdict;
//   - one text where a list of texts was asked for;
//   - a detail that is null, or a number, or one of its words otherwise written.
func repair(o object, details []detail) {
	for _, key := range []string{"score", "confidence"} {
		if s, ok := o[key].(string); ok {
			if n, ok := parseNumber(s); ok {
				o[key] = n
			}
		}
	}
	for _, key := range []string{"direction", "risk", "urgency", "horizon"} {
		if s, ok := o[key].(string); ok {
			word := strings.ToLower(strings.Trim(s, " \t\r\n.!*"))
			if meant := synonyms[key][word]; meant != "" {
				word = meant
			}
			o[key] = word
		}
	}
	for _, key := range []string{"risk", "urgency", "horizon"} {
		if o[key] == nil || isNothing(o[key]) {
			delete(o, key)
		}
	}
	for _, key := range []string{"catalysts", "key_figures"} {
		o[key] = repairList(o[key])
	}
	for _, d := range details {
		d.repair(o)
	}
}

func repairList(v any) any {
	switch v := v.(type) {
	case nil:
		return []any{}
	case string:
		return repairList([]any{v})
	case []any:
		if !slices.ContainsFunc(v, func(one any) bool { return one == nil || isNothing(one) }) {
			return v
		}
		kept := make([]any, 0, len(v))
		for _, one := range v {
			if one != nil && !isNothing(one) {
				kept = append(kept, one)
			}
		}
		return kept
	}
	return v
}

// synonyms are words that mean nothing else, by field.
var synonyms = map[string]map[string]string{
	"direction": {"bull": "bullish", "positive": "bullish", "up": "bullish", "bear": "bearish", "negative": "bearish", "down": "bearish"},
	"risk":      {"moderate": "medium"},
	"urgency":   {"moderate": "medium", "immediate": "critical"},
	"horizon":   {"intra-day": "intraday", "day": "days", "week": "weeks", "month": "months"},
}

// nothing are texts that say that there is nothing to say.
var nothing = map[string]bool{
	"": true, "n/a": true, "na": true, "none": true, "null": true, "nil": true, "-": true, "—": true,
	"unknown": true, "not applicable": true, "not available": true, "not specified": true, "not provided": true,
}

// longestNothing is how many bytes a text has at most that nothing has in lower case: İ,
// which has two, is an i there.
const longestNothing = len("not applİcable")

func isNothing(v any) bool {
	s, ok := v.(string)
	if s = strings.Trim(s, " \t\r\n."); len(s) > longestNothing {
		return false
	}
	return ok && nothing[strings.ToLower(s)]
}

var plainNumber = regexp.MustCompile(`^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?( ?%)?$`)

// parseNumber reads a number, or a percentage as a part of 1.
func parseNumber(s string) (float64, bool) {
	s = strings.Replace(strings.TrimSpace(s), "−", "-", 1)
	if len(s) > maxBare || !plainNumber.MatchString(s) {
		return 0, false
	}
	digits, percent := strings.CutSuffix(s, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || math.IsInf(n, 0) {
		return 0, false
	}
	if percent {
		n /= 100
	}
	return n, true
}
