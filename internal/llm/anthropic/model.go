package anthropic

import (
	"regexp"
	"strings"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"catalyst/internal/llm"
)

// fixed are the models that refuse a temperature.
var fixed = regexp.MustCompile(`^claude-(opus-4-[789]|[a-z]+-([5-9]|\d\d)(-|$))`)

// minimums are the tokens that a prompt must have at least to be cached, by the
// beginning of a model's name. What is marked and shorter is not cached, and costs
// nothing more; so, where the documents differ, the smaller number stands.
var minimums = []struct {
	model  string
	tokens int
}{
	{"claude-haiku-4-5", 4096},
	{"claude-opus-4-5", 4096}, {"claude-opus-4-6", 4096}, {"claude-opus-4-7", 4096},
	{"claude-3-haiku", 2048}, {"claude-3-5-haiku", 2048},
	{"claude-opus-5", 512},
}

const otherMinimum = 1024

func cacheMinimum(model string) int {
	for _, m := range minimums {
		if strings.HasPrefix(model, m.model) {
			return m.tokens
		}
	}
	return otherMinimum
}

// itemEnd closes an item in a prompt. What follows differs from try to try.
const itemEnd = "</item>"

// blocks are the system prompt and the prompt as blocks of text. The system prompt
// is marked for the cache if it is long enough to be kept there by itself, as
// every request begins with it; so is the item if both together are, for whoever
// asks of it again: a repair, another prompt. The text is the same in any case.
func blocks(r llm.Request, minimum int) (system []sdk.TextBlockParam, prompt []sdk.ContentBlockParamUnion) {
	size := 0
	mark := func(text string) (m sdk.CacheControlEphemeralParam) {
		if size += llm.EstimateTokens(text); minimum > 0 && size >= minimum {
			m = sdk.NewCacheControlEphemeralParam()
		}
		return m
	}
	if r.System != "" {
		system = []sdk.TextBlockParam{{Text: r.System, CacheControl: mark(r.System)}}
	}
	item, rest := r.Prompt, ""
	if i := strings.LastIndex(r.Prompt, itemEnd); i >= 0 {
		item, rest = r.Prompt[:i+len(itemEnd)], r.Prompt[i+len(itemEnd):]
	}
	m := mark(item)
	if m.Type == "" || strings.TrimSpace(rest) == "" {
		item, rest = r.Prompt, ""
	}
	prompt = []sdk.ContentBlockParamUnion{{OfText: &sdk.TextBlockParam{Text: item, CacheControl: m}}}
	if rest != "" {
		prompt = append(prompt, sdk.NewTextBlock(rest))
	}
	return system, prompt
}
