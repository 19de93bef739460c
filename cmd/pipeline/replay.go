package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/replay"
	"catalyst/internal/sqlite"
	"catalyst/stages/tickers"
)

// replayOptions are the flags of a replay.
type replayOptions struct {
	speed, sinks, llm   string
	seed                uint64
	latency             time.Duration
	errors              float64
	fetch               bool
	topic, from, to     string
	poison, polls       bool
	compare, failIf     string
	json, html, effects string
	most                int
	fault               string
	faults              *replay.Faults // of the run
	script              *replay.Script // of fault, or of a scenario; nil is nothing goes wrong
}

func (a *app) replayCommand() *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use: "replay [FILE…]", Short: "Run the pipeline on history, at any speed, and report",
		Long: "Feeds history through pipeline.yaml, in the time of what is replayed: windows, times to live, days and\n" +
			"batches are as they were. FILE holds items as JSON lines, or what `pipeline record` wrote; - is standard\n" +
			"input. Where it holds what feeds answered, sources read that again. --topic and --poison read from the\n" +
			"pipeline's own broker and take nothing from it. Topics, stores and budgets are the replay's own. Nothing is posted and no model is asked unless --sinks or --llm say so.\n\n" +
			"The same history, seed and file give the same outcomes at every speed. The first interrupt ends the replay\n" +
			"in order and prints the report of what was done. With --fail-if it exits with 1 if the condition holds.",
		Example: "  pipeline replay examples/sample.jsonl\n" +
			"  pipeline replay --topic news.raw --from 2h --speed 60 --html report.html\n" +
			"  pipeline replay --compare stricter.yaml yesterday.jsonl\n" +
			"  pipeline replay --fault outage.yaml --fail-if 'p99_alert_ms > 100 || lost > 0' incident.jsonl",
		RunE: func(c *cobra.Command, args []string) error { return a.replay(c.Context(), o, args) },
	}
	c.AddCommand(a.scenariosCommand())
	f := c.Flags()
	f.StringVar(&o.speed, "speed", "max", "seconds of history in one: 1, 6, 60, or max")
	f.Uint64Var(&o.seed, "seed", 1, "chooses what made-up models answer, how long they take and when they fail")
	f.StringVar(&o.sinks, "sinks", "record", "real posts; stand has discord sinks post to a stand-in on this machine; record keeps in --effects what would have been shown; drop does not")
	f.StringVar(&o.llm, "llm", "fake", "real asks the models; fake makes answers up by a keyword rule; recorded gives those of the recording")
	f.DurationVar(&o.latency, "llm-latency", 900*time.Millisecond, "what half of the made-up answers take at most")
	f.Float64Var(&o.errors, "llm-errors", 0, "share of made-up calls that give no answer of use, 0 to 1")
	f.BoolVar(&o.fetch, "fetch", false, "let fetch_filing ask EDGAR; otherwise items pass it by")
	f.StringVar(&o.topic, "topic", "", "replay what lies in this topic")
	f.BoolVar(&o.polls, "polls", true, "have sources poll again, on what feeds answered when that is recorded; =false replays the items they found then")
	f.BoolVar(&o.poison, "poison", false, "replay what lies in the poison topic")
	f.StringVar(&o.from, "from", "", "begin here: a time, how long ago (2h), or with --topic a position")
	f.StringVar(&o.to, "to", "", "end before this time, or with this position")
	f.StringVar(&o.compare, "compare", "", "run this pipeline on the same history too, and show what it changes")
	f.StringVar(&o.failIf, "fail-if", "", "exit with 1 if this holds of the figures, as 'lost > 0 || p99_alert_ms > 100'")
	f.StringVar(&o.fault, "fault", "", "have go wrong what this script says; see docs/replay.md")
	f.StringVar(&o.json, "json", "", "write the report as JSON to this file; - is standard output, instead of the text")
	f.StringVar(&o.html, "html", "", "write the report as one HTML page to this file")
	f.StringVar(&o.effects, "effects", "", "write what sinks were given to this file, as JSON lines")
	f.IntVar(&o.most, "show", 50, "changed items shown as text; 0 for all")
	return c
}

// replay is the whole command. Whatever is wrong with the command line is found before
// anything is run.
func (a *app) replay(ctx context.Context, o replayOptions, files []string) (err error) {
	speed, condition, err := o.check(files)
	if err != nil {
		return err
	}
	if o.fault != "" {
		if o.script, err = replay.ReadScript(o.fault); err != nil {
			return usageError{err}
		}
		if err := o.suits(); err != nil {
			return err
		}
	}
	env, err := a.environment()
	if err != nil {
		return err
	}
	h, err := a.history(ctx, o, files, env)
	if err != nil {
		return err
	}
	if h.Empty() {
		return errors.Join(usage("there is nothing to replay: no item and no poll was found"), h.Why)
	}
	if o.llm == "recorded" && len(h.Answers) == 0 {
		return usage("--llm recorded: the history has no answers of models; `pipeline run --record FILE` keeps them")
	}
	for _, name := range []string{o.html, o.json} {
		if err := writable(name); err != nil {
			return err
		}
	}
	if a.logLevel == "info" {
		a.logLevel = "error" // each item is in the report
	}
	effects, err := newEffects(o.effects)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, effects.Close()) }()

	pipelines := []string{a.file}
	if o.compare != "" {
		pipelines = append(pipelines, o.compare)
	}
	for _, file := range pipelines { // a fault of the second is not found out after minutes
		plan, r, err := a.readPipeline(file, env)
		if err != nil {
			return err
		}
		if err := o.knows(plan, r); err != nil {
			return fmt.Errorf("%s with %s: %w", file, o.fault, err)
		}
	}
	var reports []*replay.Report
	var fault error
	for _, file := range pipelines {
		r, err := a.replayOne(ctx, o, file, env, h, speed, effects)
		if r != nil {
			reports = append(reports, r)
		}
		if fault = errors.Join(fault, err); err != nil || ctx.Err() != nil {
			break
		}
	}
	if len(reports) == 0 {
		return fault
	}
	if err := a.writeReplay(o, reports, len(pipelines)); err != nil {
		return errors.Join(fault, err)
	}
	if fault != nil {
		return fault
	}
	return judge(condition, reports, len(pipelines))
}

func (o *replayOptions) check(files []string) (speed float64, condition replay.Condition, err error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.speed != "max" {
		if speed, err = strconv.ParseFloat(o.speed, 64); err != nil || !(speed >= 0.01 && speed <= 1e9) {
			fault("--speed %q is neither max nor a number of at least 0.01", o.speed)
		}
	}
	for _, flag := range []struct {
		name, value string
		known       []string
	}{{"--sinks", o.sinks, []string{"real", "stand", "record", "drop"}}, {"--llm", o.llm, []string{"real", "fake", "recorded"}}} {
		if !slices.Contains(flag.known, flag.value) {
			fault("%s %q is none of %v", flag.name, flag.value, flag.known)
		}
	}
	if !(o.errors >= 0 && o.errors <= 1) {
		fault("--llm-errors %v lies not between 0 and 1", o.errors)
	}
	if o.latency < 0 {
		fault("--llm-latency %v is below 0", o.latency)
	}
	if o.effects != "" && o.sinks == "drop" {
		fault("--effects has nothing to write with --sinks drop")
	}
	if o.topic != "" && o.poison {
		fault("--topic and --poison name two topics: choose one")
	}
	if len(files) == 0 && o.topic == "" && !o.poison {
		fault("replay what? Name a file, --topic or --poison")
	}
	condition, err = replay.ParseCondition(o.failIf)
	if err != nil {
		fault("--fail-if: %w", err)
	}
	// A figure that nobody counts would be 0, and the condition hold for ever or never.
	if o.compare == "" && condition.Mentions("changed") {
		fault("--fail-if: changed counts what --compare finds")
	}
	for _, figure := range []string{"posts", "edits", "posted_twice", "posts_refused", "discord_troubles"} {
		if o.sinks != "stand" && condition.Mentions(figure) {
			fault("--fail-if: %s is counted by --sinks stand", figure)
		}
	}
	if len(faults) > 0 {
		return 0, condition, usageError{errors.Join(faults...)}
	}
	return speed, condition, nil
}

// readPipeline is load for a file by name.
func (a *app) readPipeline(file string, env func(string) (string, bool)) (*flows.Plan, *resources, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, usage("read pipeline: %w", err)
	}
	return a.parse(file, text, env)
}

// replayOne runs one pipeline on the history, with everything of its own in a folder that
// is removed afterwards.
func (a *app) replayOne(ctx context.Context, o replayOptions, file string, env func(string) (string, bool),
	h *replay.History, speed float64, effects *effects) (_ *replay.Report, err error) {
	plan, r, err := a.readPipeline(file, env)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pipeline-replay-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the replay: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	db, err := sqlite.OpenVolatile(ctx, databaseIn(folder)) // and as long as it is open, all that is opened is it
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if r.log, err = a.logger(); err != nil {
		return nil, err
	}
	h, notes := h.For(sourceNames(plan))
	if h.Empty() {
		return nil, usage("%s has none of the sources whose polls were recorded: %s", file, strings.Join(notes, "; "))
	}
	if o.script != nil {
		if h, o.faults, err = o.script.Over(h); err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", o.fault, err)}
		}
	}
	bar := a.progressBar(filepath.Base(file))
	sinks, stand, err := o.sinksOf()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stand.close()) }()
	models := desk(plan)
	if o.llm == "real" {
		models = nil
	}
	run := replay.New(h, replay.Options{
		Speed: speed, Desk: models, RealSink: sinks, Faults: o.faults, RealModels: o.llm == "real", Shown: effects.shown(file), Progress: bar.show,
		Redact: a.redact,
	})
	notes = append(notes, r.isolate(plan, run, folder, o)...)
	if o.faults != nil {
		r.lost = o.faults.Lost
	}
	if o.llm != "real" {
		standIns(r, o, h)
	}
	if err := errors.Join(offline(plan, folder), r.begin(ctx, h.Notes)); err != nil {
		return nil, errors.Join(err, r.close())
	}
	done := run.Do(ctx, plan, r.log)
	bar.clear()
	done = errors.Join(done, r.close()) // which books the last calls
	if done != nil && !run.Began() {
		return nil, done // there is nothing to report of
	}
	rep := run.Report(r.calls)
	rep.Figures.Pages = int(r.pages.Load())
	stand.fill(&rep.Figures)
	rep.File, rep.Pipeline, rep.Seed, rep.Models, rep.Sinks = file, plan.Name, o.seed, o.llm, o.sinks
	if h.Rejected > 0 {
		notes = append(notes, fmt.Sprintf("%d lines are no records, the first one: %v", h.Rejected, h.Why))
	}
	rep.Notes = notes
	return rep, done
}

func databaseIn(folder string) string { return filepath.ToSlash(filepath.Join(folder, "replay.db")) }

// isolate gives the pipeline a broker, stores, a clock and a book of its own, and returns
// what the reader of the report should know of it.
func (r *resources) isolate(plan *flows.Plan, run *replay.Run, folder string, o replayOptions) (notes []string) {
	url := "sqlite://" + databaseIn(folder)
	plan.Broker, plan.Store, plan.Engine.Migrate = url, url, true
	b := run.Server.Broker()
	r.broker.value, r.broker.closer = run.Broker(b), b.Close
	r.clock, r.calls = run.Clock.Now, new(replay.Calls)
	r.told.Channel = "" // nobody is told of a replay
	if o.fetch {
		return nil
	}
	for _, segment := range plan.Segments {
		for i, spec := range segment.Stages {
			if c, ok := spec.Config.(tickers.Config); ok {
				c.Contact = "" // EDGAR's list of companies is not asked for
				segment.Stages[i].Config = c
			}
			if spec.Kind.Name == "fetch_filing" {
				segment.Stages[i] = passBy(spec)
				notes = append(notes, spec.Name+" asked nobody: items went on with the text they came with (--fetch asks)")
			}
		}
	}
	return notes
}

// passBy puts a stage that does nothing in the place of one.
func passBy(spec flows.Spec[flows.Stage]) flows.Spec[flows.Stage] {
	spec.Kind.New = func(*flows.Build, any) (flows.Stage, error) { return idle{}, nil }
	return spec
}

type idle struct{}

func (idle) Process(_ context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	return batch, nil
}

// judge is the command's last word.
func judge(condition replay.Condition, reports []*replay.Report, wanted int) error {
	if condition.IsZero() {
		return nil
	}
	if len(reports) < wanted || slices.ContainsFunc(reports, func(r *replay.Report) bool { return r.Interrupted }) {
		return errors.New("--fail-if: the replay was interrupted, so nobody knows")
	}
	for _, r := range reports {
		holds, err := condition.Holds(r.Figures)
		if err != nil {
			return fmt.Errorf("--fail-if: %w", err)
		}
		if holds {
			return fmt.Errorf("%s fails: %s", r.File, condition)
		}
	}
	return nil
}

// writeReplay writes what the flags ask for.
func (a *app) writeReplay(o replayOptions, reports []*replay.Report, wanted int) error {
	var whole any = reports[0]
	text := reports[0].Text
	page := reports[0].HTML
	if len(reports) == 2 {
		c := replay.Compare(reports[0], reports[1])
		whole, page = c, c.HTML
		text = func(w io.Writer) error { return c.Text(w, o.most) }
	}
	var faults []error
	if o.html != "" {
		faults = append(faults, writeFile(o.html, page))
	}
	switch o.json {
	case "":
	case "-":
		text = func(w io.Writer) error { return replay.WriteJSON(w, whole) }
	default:
		faults = append(faults, writeFile(o.json, func(w io.Writer) error { return replay.WriteJSON(w, whole) }))
	}
	return errors.Join(append(faults, text(a.out))...)
}

// writable finds out before minutes of work that a file cannot be written. What it holds
// stays until there is something better.
func writable(name string) error {
	if name == "" || name == "-" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return usage("write report: %w", err)
	}
	return f.Close()
}

// writeFile writes a file whole, or says why not.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return errors.Join(write(f), f.Close())
}
