package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"catalyst/internal/alert/terminal"
	"catalyst/internal/load"
	"catalyst/internal/news"
	"catalyst/internal/replay"
)

// benchOptions are the flags of a load test.
type benchOptions struct {
	items, broker, format, baseline, profile, html string
	rate                                           float64
	runs, warm                                     int
	lasts                                          time.Duration
	mix                                            load.Mix

	sizes []int // what items says
	input string
	item  func(n int) *news.Item
}

func (a *app) benchCommand() *cobra.Command {
	o := benchOptions{mix: load.DefaultMix}
	c := &cobra.Command{
		Use: "bench [FILE]", Short: "Measure the pipeline under load", Args: arguments(0, 1),
		Long: "Sends made-up items, or those of a file of JSON lines, through pipeline.yaml, and measures how many it\n" +
			"does a second and what each costs. Sources are left out; sinks and models take no time. Topics, claims,\n" +
			"ledger and tables are the measurement's own and are removed afterwards.\n\n" +
			"With several numbers of --items it prints what an item costs with each. Of several --runs, which take\n" +
			"turns, the one with the median CPU per item counts. The first interrupt ends it with what there is.\n" +
			"With --for it notes how memory, queue and CPU go over time; --html draws that.",
		Example: "  pipeline bench --broker memory\n" +
			"  pipeline bench --broker redis --rate 100 --items 6000\n" +
			"  pipeline bench --runs 5 --format json > before.json    # and after a change\n" +
			"  pipeline bench --runs 5 --baseline before.json\n" +
			"  pipeline bench --runs 3 --warm 2000 --items 1000,10000,100000\n" +
			"  pipeline bench --rate 2000 --for 10m --html soak.html",
		RunE: func(c *cobra.Command, args []string) error { return a.bench(c.Context(), o, args) },
	}
	f := c.Flags()
	f.StringVar(&o.items, "items", "", "how many; several numbers, as 1000,10000, are run one by one (default 10000, or the whole file)")
	f.Float64Var(&o.rate, "rate", 0, "items a second; 0 is full speed")
	f.DurationVar(&o.lasts, "for", 0, "how long items come, instead of how many; needs --rate")
	f.IntVar(&o.warm, "warm", 0, "items that go before, and are counted nowhere")
	f.IntVar(&o.runs, "runs", 1, "how often each is run")
	f.StringVar(&o.broker, "broker", "", "redis, embedded or memory; defaults to the kind that pipeline.yaml has")
	f.Uint64Var(&o.mix.Seed, "seed", o.mix.Seed, "chooses the items that are made up")
	f.Float64Var(&o.mix.Duplicates, "duplicates", o.mix.Duplicates, "share of made-up items that came before")
	f.Float64Var(&o.mix.Noise, "noise", o.mix.Noise, "share of the others that are of no interest")
	f.StringVar(&o.format, "format", "text", "text or json")
	f.StringVar(&o.html, "html", "", "also write one page to this file, with what went on over time")
	f.StringVar(&o.baseline, "baseline", "", "compare with what --format json wrote before")
	f.StringVar(&o.profile, "cpuprofile", "", "write where the time goes to this file, for go tool pprof")
	return c
}

// bench is the whole command.
func (a *app) bench(ctx context.Context, o benchOptions, files []string) (err error) {
	if err := o.check(files); err != nil {
		return err
	}
	before, err := readBaseline(o.baseline)
	if err != nil {
		return err
	}
	env, err := a.environment()
	if err != nil {
		return err
	}
	if a.logLevel == "info" {
		a.logLevel = "error" // what is slow or fails is in the report
	}
	if o.profile != "" {
		f, err2 := os.Create(o.profile)
		if err2 != nil {
			return usage("--cpuprofile: %w", err2)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	runs := make([][]*load.Report, len(o.sizes))
	var fault error
	for range o.runs {
		for i, size := range o.sizes {
			if fault != nil || ctx.Err() != nil {
				continue
			}
			var r *load.Report
			if r, fault = a.benchOne(ctx, o, size, env); r != nil {
				runs[i] = append(runs[i], r)
			}
		}
	}
	return errors.Join(a.writeBench(o, medians(runs), before), fault)
}

// check finds every fault of the command line, and says what is published.
func (o *benchOptions) check(files []string) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, share := range []struct {
		name  string
		value float64
	}{{"--duplicates", o.mix.Duplicates}, {"--noise", o.mix.Noise}} {
		if !(share.value >= 0 && share.value <= 1) {
			fault("%s %v lies not between 0 and 1", share.name, share.value)
		}
	}
	if !(o.rate >= 0 && o.rate <= 1e6) {
		fault("--rate %v lies not between 0 and 1000000", o.rate)
	}
	if o.runs < 1 {
		fault("--runs %d: one is the least", o.runs)
	}
	if o.warm < 0 || o.warm > 1e6 {
		fault("--warm %d lies not between 0 and 1000000", o.warm)
	}
	if !slices.Contains([]string{"", "redis", "embedded", "memory"}, o.broker) {
		fault("--broker %q is none of redis, embedded, memory", o.broker)
	}
	if o.format != "text" && o.format != "json" {
		fault("--format %q is neither text nor json", o.format)
	}
	if o.items != "" {
		for word := range strings.SplitSeq(o.items, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(word))
			if err != nil || n < 1 || n > 1e8 {
				fault("--items: %q is no number from 1 to 100000000", word)
				continue
			}
			o.sizes = append(o.sizes, n)
		}
	}
	o.input, o.item = fmt.Sprintf("made up with seed %d, %g duplicates, %g noise", o.mix.Seed, o.mix.Duplicates, o.mix.Noise), o.mix.Item
	whole := 10_000
	if len(files) == 1 {
		var err error
		if whole, err = o.readItems(files[0]); err != nil {
			faults = append(faults, err)
		}
	}
	switch {
	case o.lasts < 0 || o.lasts > 0 && (o.rate == 0 || o.items != ""):
		fault("--for %v: how long is said with a --rate, and instead of --items", o.lasts)
	case o.lasts > 0:
		whole = max(1, int(o.rate*o.lasts.Seconds()))
	}
	if o.items == "" {
		o.sizes = []int{whole}
	}
	if len(faults) > 0 {
		return usageError{errors.Join(faults...)}
	}
	return nil
}

// readItems has the items of a file published, from the beginning again where it is at
// its end. They are news now, as far from one another as they were.
func (o *benchOptions) readItems(name string) (n int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h := new(replay.History)
	if err := h.Read(f, name); err != nil {
		return 0, err
	}
	if len(h.Events) == 0 {
		return 0, errors.Join(fmt.Errorf("%s has no items", name), h.Why)
	}
	o.input = name
	o.item = func(n int) *news.Item {
		e := h.Events[n%len(h.Events)]
		item, err := e.Item()
		if err != nil {
			return &news.Item{Title: fmt.Sprint("unreadable item ", n)} // it was one when it was read
		}
		if !item.Published.IsZero() {
			item.Published = time.Now().Add(item.Published.Sub(e.At))
		}
		item.Received = time.Time{}
		return item
	}
	return len(h.Events), nil
}

func readBaseline(name string) ([]*load.Report, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("--baseline: %w", err)
	}
	defer f.Close()
	reports, err := load.ReadJSON(f)
	if err != nil {
		return nil, usage("--baseline %s: %w", name, err)
	}
	return reports, nil
}

// benchOne is one run.
func (a *app) benchOne(ctx context.Context, o benchOptions, size int, env func(string) (string, bool)) (_ *load.Report, err error) {
	plan, r, err := a.readPipeline(a.file, env)
	if err != nil {
		return nil, err
	}
	if r.log, err = a.logger(); err != nil {
		return nil, err
	}
	name := plan.Name
	kind, leave, err := r.apart(ctx, plan, o.broker)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	b, err := r.Broker()
	if err != nil {
		return nil, err
	}
	if o.warm > 0 {
		if _, err := load.New(load.Options{Items: o.warm, Item: o.item}).Do(ctx, plan, b, r.log); err != nil || ctx.Err() != nil {
			return nil, err
		}
	}
	line := a.benchLine(size)
	rep, err := load.New(load.Options{
		Items: size, First: o.warm, Item: o.item, Rate: o.rate, Told: line.show, Watch: o.html != "" || o.lasts > 0,
	}).Do(ctx, plan, b, r.log)
	line.clear()
	if rep != nil {
		rep.Pipeline, rep.Broker, rep.Input, rep.Warm = name, kind, o.input, o.warm
		for i, h := range rep.Hops {
			rep.Hops[i].Topic = topicBefore(plan.Name, h.Topic)
		}
		for i, s := range rep.Stages {
			rep.Stages[i].Segment, rep.Stages[i].Name = topicBefore(plan.Name, s.Segment), strings.Replace(s.Name, plan.Name+":", "", 1)
		}
	}
	return rep, err
}

// medians chooses of each row the run with the median CPU per item.
func medians(runs [][]*load.Report) (chosen []*load.Report) {
	for _, row := range runs {
		if len(row) == 0 {
			continue // interrupted before
		}
		slices.SortStableFunc(row, func(a, b *load.Report) int {
			return int(a.CPUMicros*100) - int(b.CPUMicros*100)
		})
		chosen = append(chosen, row[len(row)/2])
	}
	return chosen
}

func (a *app) writeBench(o benchOptions, reports, before []*load.Report) error {
	var faults []error
	if o.html != "" {
		faults = append(faults, writeFile(o.html, func(f io.Writer) error { return load.HTML(f, reports) }))
	}
	if o.format == "json" {
		return errors.Join(append(faults, load.WriteJSON(a.out, reports))...)
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		faults = append(faults, r.Text(a.out))
		if o.baseline == "" {
			continue
		}
		b := r.Like(before)
		if b == nil {
			faults = append(faults, fmt.Errorf("%s has no run like this one: as many items, at the same rate, from the same input, on the same broker", o.baseline))
			continue
		}
		fmt.Fprintln(a.out)
		faults = append(faults, r.Against(a.out, b))
	}
	if len(reports) > 1 {
		fmt.Fprintln(a.out)
		faults = append(faults, load.Growth(a.out, reports))
	}
	return errors.Join(faults...)
}

// A benchLine shows on a terminal how far a run is, and elsewhere nothing.
type benchLine struct {
	*app
	total int
	began time.Time
}

func (a *app) benchLine(total int) *benchLine { return &benchLine{a, total, time.Now()} }

func (l *benchLine) show(published, done int) {
	if terminal.Color(l.err) {
		fmt.Fprintf(l.err, "\r\x1b[K%d of %d published, %d done, %v", published, l.total, done, time.Since(l.began).Round(time.Second))
	}
}

func (l *benchLine) clear() {
	if terminal.Color(l.err) {
		fmt.Fprint(l.err, "\r\x1b[K")
	}
}
