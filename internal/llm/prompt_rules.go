package llm

import (
	"sync"

	"catalyst/flows"
)

// builtinRules choose among the built-in prompts: by what a filing is, then by what a text
// says. Where words of several kinds meet, the kind that hurts a holder most is
// first: a trial is often the reason given for selling shares.
var builtinRules = sync.OnceValue(func() []PromptRule {
	rules := make([]PromptRule, len(promptRules))
	for i, r := range promptRules {
		when, err := flows.ParseCondition(r.when)
		if err != nil {
			panic(err) // a test builds them
		}
		rules[i] = PromptRule{Use: r.use, When: when}
	}
	return rules
})

var promptRules = []struct{ use, when string }{
	{"filing", `form != ""`},
	{"news", ""},
}
