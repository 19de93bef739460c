package replay

import (
	"errors"
	"fmt"
	"path/filepath"

	"catalyst/flows"
	"catalyst/internal/config"
)

// A Scenario is a replay with what goes wrong in it, and what must hold all the same.
type Scenario struct {
	file string // it was read from

	Doc       string            `yaml:"doc" doc:"what it is about, in one line" required:"true"`
	Pipeline  string            `yaml:"pipeline" doc:"file, seen from this one; without it the pipeline of the command line"`
	Env       map[string]string `yaml:"env" doc:"variables of the pipeline"`
	History   string            `yaml:"history" doc:"file of items as JSON lines, seen from this one" required:"true"`
	Stand     bool              `yaml:"stand" doc:"as --sinks stand"`
	LLMErrors float64           `yaml:"llm_errors" doc:"as --llm-errors"`
	Script    Script            `yaml:",inline"`
	Must      []Condition       `yaml:"must" doc:"expressions over the figures of the report, as --fail-if has them; all must hold" required:"true"`
	Items     []Claim           `yaml:"items" doc:"what must hold of items"`
}

// A Claim is about items: of those that a condition picks, of which there must be one at
// least.
type Claim struct {
	Of   OutcomeCondition `yaml:"of" doc:"expression over the outcome of an item: which ones" required:"true"`
	Must OutcomeCondition `yaml:"must" doc:"expression over the outcome of an item" required:"true"`
}

// An OutcomeCondition is an expression over an [Outcome].
type OutcomeCondition struct{ flows.Predicate[Outcome] }

// ReadScenario reads scenario.yaml. Its error has every mistake, with its place.
func ReadScenario(file string) (*Scenario, error) {
	s := &Scenario{file: file}
	return s, readYAML(file, s)
}

// File is where it was read from, Name that of its folder.
func (s *Scenario) File() string { return s.file }
func (s *Scenario) Name() string { return filepath.Base(filepath.Dir(s.file)) }

// Beside is a file that the scenario names.
func (s *Scenario) Beside(name string) string {
	return filepath.Join(filepath.Dir(s.file), filepath.FromSlash(name))
}

// Validate reports every fault.
func (s Scenario) Validate() error {
	if !(s.LLMErrors >= 0 && s.LLMErrors <= 1) {
		return config.At("llm_errors", "must lie between 0 and 1")
	}
	return nil
}

// A Check is something that must hold, and whether it does.
type Check struct {
	Text string
	Err  error // nil: it holds
}

// Judge checks a report.
func (s *Scenario) Judge(r *Report) (all []Check) {
	for _, c := range s.Must {
		holds, err := c.Holds(r.Figures)
		if err == nil && !holds {
			err = errors.New("does not hold")
		}
		all = append(all, Check{c.String(), err})
	}
	for _, c := range s.Items {
		all = append(all, Check{c.Of.String() + " ⇒ " + c.Must.String(), c.judge(r.Outcomes)})
	}
	return all
}

func (c Claim) judge(outcomes []Outcome) error {
	n := 0
	for _, o := range outcomes {
		picked, err := c.Of.Holds(o)
		if err != nil {
			return err
		}
		if !picked {
			continue
		}
		n++
		if holds, err := c.Must.Holds(o); err != nil || !holds {
			return errors.Join(fmt.Errorf("does not hold of item %d, %q: %s %s %s", o.N, o.Title, o.Fate, o.Stage, o.Verdict), err)
		}
	}
	if n == 0 {
		return errors.New("there is no such item")
	}
	return nil
}
