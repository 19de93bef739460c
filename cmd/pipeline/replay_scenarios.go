package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"catalyst/internal/replay"
)

func (a *app) scenariosCommand() *cobra.Command {
	return &cobra.Command{
		Use: "scenarios [FOLDER…]", Short: "Replay incidents, and check what must hold in them", Args: cobra.ArbitraryArgs,
		Long: "Replays each FOLDER/*/scenario.yaml: a history, what goes wrong in it, and what must hold all the same.\n" +
			"Prints a table and exits with 1 if anything does not hold. The environment and .env play no part.",
		Example: "  pipeline replay scenarios examples/scenarios",
		RunE: func(c *cobra.Command, folders []string) error {
			if len(folders) == 0 {
				folders = []string{filepath.Join("examples", "scenarios")}
			}
			return a.scenarios(c.Context(), folders)
		},
	}
}

// scenarios runs all scenarios of folders. Mistakes in any of them are found before the
// first is run.
func (a *app) scenarios(ctx context.Context, folders []string) error {
	if a.logLevel == "info" {
		a.logLevel = "error+4" // what goes wrong is what is asked for: poison, too
	}
	var all []*replay.Scenario
	var faults []error
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*", "scenario.yaml"))
		if err != nil || len(files) == 0 {
			faults = append(faults, errors.Join(fmt.Errorf("%s has no folder with a scenario.yaml", folder), err))
		}
		for _, file := range files {
			s, err := replay.ReadScenario(file)
			all, faults = append(all, s), append(faults, err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return usageError{err}
	}
	var results []scenarioResult
	failed := 0
	for _, s := range all {
		r, err := a.scenario(ctx, s)
		if ctx.Err() != nil {
			return errors.New("interrupted: nobody knows of the scenarios that were not run")
		}
		if err != nil {
			return fmt.Errorf("scenario %s: %w", s.Name(), err)
		}
		if results = append(results, r); r.failed() {
			failed++
		}
	}
	if err := writeScenarios(a.out, results); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d scenarios fail", failed, len(all))
	}
	return nil
}

type scenarioResult struct {
	*replay.Scenario
	checks []replay.Check
	items  int
	took   time.Duration
}

func (r scenarioResult) failed() bool {
	for _, c := range r.checks {
		if c.Err != nil {
			return true
		}
	}
	return false
}

// scenarioLimit is many times what any of them takes: one that waits for what never comes
// must not keep the others waiting.
const scenarioLimit = 2 * time.Minute

// scenario runs one of them.
func (a *app) scenario(ctx context.Context, s *replay.Scenario) (result scenarioResult, err error) {
	began := time.Now()
	o := replayOptions{sinks: "record", llm: "fake", seed: 1, latency: 900 * time.Millisecond, errors: s.LLMErrors, fault: s.File(), script: &s.Script}
	if s.Stand {
		o.sinks = "stand"
	}
	if err := o.suits(); err != nil {
		return result, err
	}
	h := new(replay.History)
	if err := a.readHistory(ctx, h, s.Beside(s.History)); err != nil {
		return result, err
	}
	h.Sort()
	if h.Rejected > 0 {
		return result, fmt.Errorf("the history has %d lines that are no items: %w", h.Rejected, h.Why)
	}
	file := a.file
	if s.Pipeline != "" {
		file = s.Beside(s.Pipeline)
	}
	env := func(name string) (string, bool) { v, ok := s.Env[name]; return v, ok }
	plan, r, err := a.readPipeline(file, env)
	if err != nil {
		return result, err
	}
	if err := o.knows(plan, r); err != nil {
		return result, err
	}
	limited, cancel := context.WithTimeout(ctx, scenarioLimit)
	defer cancel()
	report, err := a.replayOne(limited, o, file, env, h, 0, &effects{})
	if err != nil {
		return result, err
	}
	if report.Interrupted && ctx.Err() == nil {
		return result, fmt.Errorf("it is not over after %v: %d of %d items", scenarioLimit, report.Figures.In, report.Figures.Items)
	}
	return scenarioResult{s, s.Judge(report), report.Figures.In, time.Since(began)}, nil
}

// writeScenarios prints the table.
func writeScenarios(w io.Writer, results []scenarioResult) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCENARIO\tITEMS\tTOOK\tMUST HOLD\tRESULT")
	for _, r := range results {
		name, items, took := r.Name(), fmt.Sprint(r.items), fmt.Sprintf("%.1f s", r.took.Seconds())
		for _, c := range r.checks {
			result := "ok"
			if c.Err != nil {
				result = "FAILS: " + c.Err.Error()
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", name, items, took, c.Text, result)
			name, items, took = "", "", ""
		}
	}
	return table.Flush()
}
