package flows

import (
	"strings"
	"testing"

	"catalyst/internal/news"
)

// What is wrong with a condition stands in one line of a log, of a validation, and of
// `pipeline dlq ls`.
func TestConditionErrorsAreOneLine(t *testing.T) {
	_, atParse := ParseCondition(`form = "8-K"`)
	_, atRun := condition(t, `tickers[0] == "ACME"`).Match(&news.Item{})
	for _, err := range []error{atParse, atRun} {
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "at character") {
			t.Errorf("got %v, want one line with a place", err)
		}
	}
}
