package llmrouter

import (
	"math"
	"slices"
	"strings"
	"time"

	"catalyst/internal/llm"
	"catalyst/internal/news"
)

// Facts are what a rule can ask about: every field of the item, and these.
type Facts struct {
	news.Item
	// Chars is the number of characters of title, summary and body.
	Chars int `expr:"chars"`
	// Filing is true for what has a form.
	Filing bool `expr:"filing"`
	// Jargon is how many of the configured terms the text has.
	Jargon int `expr:"jargon"`
	// GPUMemory is the share of its GPU's memory that the fullest local server uses,
	// 0 … 1; 0 where nobody knows.
	GPUMemory float64 `expr:"gpu_memory"`
	// SinceCrash is how many minutes ago a local server last crashed; infinite if none has.
	SinceCrash float64 `expr:"minutes_since_crash"`
	// Degraded is true while a configured provider cannot be asked.
	Degraded bool `expr:"degraded"`
	// Budget is ok, warning, critical or over.
	Budget string `expr:"budget"`
}

// facts gathers what rules need to know of item.
func (r *Router) facts(item *news.Item) Facts {
	f := Facts{
		Item: *item, Chars: llm.TextLen(item), Filing: item.Form != "",
		SinceCrash: math.Inf(1), Budget: r.quota.Level().String(),
	}
	if r.asksJargon {
		f.Jargon = countJargon(item, r.config.Jargon)
	}
	for _, t := range r.tiers {
		if t.absent != nil {
			continue
		}
		if left, _ := t.breaker.state(); left > 0 {
			f.Degraded = true
		}
		tended, ok := t.Provider.(llm.Tended)
		if !ok {
			continue
		}
		vitals := tended.Vitals()
		f.GPUMemory = max(f.GPUMemory, vitals.Memory)
		if !vitals.Crashed.IsZero() {
			f.SinceCrash = min(f.SinceCrash, time.Since(vitals.Crashed).Minutes())
		}
		f.Degraded = f.Degraded || tended.Ready() != nil
	}
	return f
}

// jargonText is how much of each text is searched: its beginning shows how it is written.
const jargonText = 20_000

// countJargon returns how many of terms, in whatever case, stand in item as words.
func countJargon(item *news.Item, terms []string) (n int) {
	var texts []string
	for _, text := range []string{item.Title, item.Summary, item.Body} {
		texts = append(texts, strings.ToLower(text[:min(len(text), jargonText)]))
	}
	for _, term := range terms {
		if slices.ContainsFunc(texts, func(text string) bool { return hasWord(text, strings.ToLower(term)) }) {
			n++
		}
	}
	return n
}

// hasWord reports whether word begins where a word of text does, and ends where one
// does or with its plural.
func hasWord(text, word string) bool {
	if word == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		if end < len(text) && text[end] == 's' {
			end++
		}
		if (begin == 0 || !letter(text[begin-1])) && (end == len(text) || !letter(text[end])) {
			return true
		}
		from = begin + 1
	}
}

func letter(b byte) bool { return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || b >= 0x80 }
