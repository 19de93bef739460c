package llm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/news"
)

// PromptConfig says which prompts there are and when each is used. The zero
// PromptConfig is the built-in ones.
type PromptConfig struct {
	Dir   string       `yaml:"dir" doc:"folder with prompts of your own: NAME.txt takes the place of the built-in prompt NAME, or adds one; its first line is its name and a version, as in \"news 2\", the rest what the model is to do"`
	Rules []PromptRule `yaml:"rules" doc:"which prompt is used for which items: the first rule that is true, then the built-in rules; a last rule without when leaves nothing to these"`
}

// PromptRule uses a prompt for items.
type PromptRule struct {
	Use  string          `yaml:"use" doc:"name of the prompt: news, 8-k, filing, earnings, dilution, agreement, leadership, restatement, delisting, partnership, clinical, 10-k-delta, or one of dir"`
	When flows.Condition `yaml:"when" doc:"items it is used for; all if not given"`
}

// Validate reports every fault that shows without reading the folder.
func (c PromptConfig) Validate() error {
	var faults []error
	for i, rule := range c.Rules {
		field := fmt.Sprintf("rules[%d]", i)
		if rule.Use == "" {
			faults = append(faults, config.At(field+".use", "is missing: name the prompt these items are judged with"))
		}
		if rule.When.IsZero() && i < len(c.Rules)-1 {
			faults = append(faults, config.At(field, "is always true, so the rules after it are never asked: give it a when, or move it to the end"))
		}
	}
	return errors.Join(faults...)
}

// Prompts are the tasks a model can be given, and the rules that choose among them.
// They may be used concurrently.
type Prompts struct {
	byName map[string]Prompt
	rules  []PromptRule
}

// A Prompt is one task. Prompts of equal ID are equal: items that have one in
// common can share a request.
type Prompt struct {
	// ID is the prompt's name and version, "news/1"; for a text of the user's it
	// ends in a hash of that text. Cached verdicts are told apart by it. The name also says
	// what is asked besides what every verdict has: of earnings, the period and the revenue.
	ID string
	// System is the task, to which [Prompt.Request] adds how to answer.
	System string
}

// NewPrompts reads the prompts and checks the rules. Its error names every fault.
func NewPrompts(c PromptConfig) (*Prompts, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	all, err := builtinPrompts()
	if err != nil {
		return nil, err
	}
	var faults []error
	if c.Dir != "" {
		if err := addPrompts(all, c.Dir); err != nil {
			faults = append(faults, config.At("dir", "%w", err))
		}
	}
	for i, rule := range c.Rules {
		if _, ok := all[rule.Use]; !ok && len(faults) == 0 { // a file that could not be read has its own fault
			faults = append(faults, config.At(fmt.Sprintf("rules[%d].use", i), "%s", unknownPrompt(rule.Use, all)))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return &Prompts{byName: all, rules: c.Rules}, nil
}

func unknownPrompt(name string, all map[string]Prompt) string {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	text := fmt.Sprintf("there is no prompt %q", name)
	if s := config.Suggest(name, names); s != "" {
		text += fmt.Sprintf("; did you mean %q?", s)
	}
	return text + "; there are " + strings.Join(names, ", ") + "; put " + name + ".txt into dir to add it"
}

// Of is the prompt for item: that of the first rule that is true. A rule that fails
// at run time, as one that looks at the first of no tickers does, is not true.
func (p *Prompts) Of(item *news.Item) Prompt {
	for _, rule := range p.rules {
		if ok, err := rule.When.Match(item); err == nil && ok {
			return p.byName[rule.Use]
		}
	}
	return p.byName[builtin(item)]
}
