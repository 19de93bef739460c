package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/intake"
	"catalyst/internal/store/postgres"
	redisstore "catalyst/internal/store/redis"
)

func (a *app) checkCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "check", Short: "Connect to everything the pipeline needs and say how it fares", Args: noArguments,
		Long: "Connects to broker, store, Discord, the models' servers and every source, as `run` would, and says\n" +
			"what it finds: versions, permissions, dimensions of vectors, models, what waits in the topics, how old\n" +
			"the news are. It posts and publishes nothing and asks no model for a verdict; an embedder is asked for\n" +
			"the vector of one word. With faults it exits with 1.",
		Example: "  pipeline check\n  pipeline check --format json",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if format != "text" && format != "json" {
				return usage("--format %q is none of text, json", format)
			}
			plan, r, err := a.load()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.close()) }()
			k := &checks{plan: plan, r: r}
			k.all(c.Context())
			if err := k.print(a.out, format, a.redact); err != nil {
				return err
			}
			if n := k.faults(); n > 0 {
				return fmt.Errorf("%d of %d checks found a fault", n, len(k.done))
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

// A finding is what one check found.
type finding struct {
	What   string `json:"what"`   // broker, store, topic, cache, sink, provider, source
	Name   string `json:"name"`   // by its name in pipeline.yaml
	Status string `json:"status"` // ok, warning, off, fault
	Detail string `json:"detail,omitempty"`
}

type checks struct {
	plan *flows.Plan
	r    *resources
	done []finding
}

// checkTime is how long one check may take.
const checkTime = 20 * time.Second

func (k *checks) all(ctx context.Context) {
	for _, check := range []func(context.Context){k.broker, k.store, k.topics, k.caches, k.sinks, k.providers, k.sources} {
		check(ctx)
	}
}

// add notes a finding: a fault if err is not nil, and off if that says so.
func (k *checks) add(what, name, detail string, err error) {
	f := finding{what, name, "ok", detail}
	var off *intake.OffError
	switch {
	case errors.As(err, &off):
		f.Status, f.Detail = "off", off.Lack
	case err != nil:
		f.Status, f.Detail = "fault", strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	k.done = append(k.done, f)
}

// warn notes what is no fault yet.
func (k *checks) warn(what, name string, err error) {
	if err != nil {
		k.done = append(k.done, finding{what, name, "warning", err.Error()})
	}
}

func (k *checks) faults() (n int) {
	for _, f := range k.done {
		if f.Status == "fault" {
			n++
		}
	}
	return n
}

func (k *checks) print(w io.Writer, format string, redact func(string) string) error {
	for i := range k.done {
		k.done[i].Detail = redact(k.done[i].Detail)
	}
	if format == "json" {
		return json.NewEncoder(w).Encode(k.done)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range k.done {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Status, f.What, f.Name, f.Detail)
	}
	return t.Flush()
}

func (k *checks) broker(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	address := config.RedactURL(k.plan.Broker)
	b, err := k.r.Broker()
	if err == nil {
		err = b.Ping(ctx)
	}
	if err != nil {
		k.add("broker", address, "", err)
		return
	}
	beside, err := k.r.besideBroker()
	server, redis := beside.(*redisstore.Store)
	if err != nil || !redis {
		k.add("broker", address, "", err)
		return
	}
	version, err := server.Describe(ctx)
	k.add("broker", address, version, errors.Join(err, server.Check(ctx)))
	k.warn("broker", address, server.Durable(ctx))
}

func (k *checks) store(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	address := config.RedactURL(k.plan.Store)
	records, err := k.r.inStore()
	server, isPostgres := records.(*postgres.Store)
	if err != nil || !isPostgres {
		k.add("store", address, "", err)
		return
	}
	if err := server.Check(ctx); err != nil {
		k.add("store", address, "", err)
		return
	}
	versions, err := server.Describe(ctx)
	k.add("store", address, versions, err)
}

// topics tells what waits, and what is in poison.
func (k *checks) topics(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	b, err := k.r.Broker()
	if err != nil {
		return // that is told
	}
	for _, s := range k.plan.Segments {
		lag, err := b.Lag(ctx, s.Topic, k.plan.Name)
		detail := fmt.Sprintf("%d waiting, %d in hand", lag.Waiting, lag.Pending)
		if !lag.Oldest.IsZero() {
			detail += ", the oldest for " + since(lag.Oldest)
		}
		k.add("topic", s.Topic, detail, err)
	}
	n, err := b.Len(ctx, k.plan.Poison)
	k.add("topic", k.plan.Poison, fmt.Sprintf("%d in poison", n), err)
	if n > 0 {
		k.warn("topic", k.plan.Poison, fmt.Errorf("%d messages wait for somebody: see `pipeline dlq ls`", n))
	}
}

// sinks asks those that can tell, as Discord for its channels.
func (k *checks) sinks(ctx context.Context) {
	for _, spec := range k.plan.Sinks {
		sink, err := spec.Kind.New(k.build(spec.Name), spec.Config)
		if err != nil {
			k.add("sink", spec.Name, "", err)
			continue
		}
		detail, err := look(ctx, sink)
		if closer, ok := sink.(flows.Closer); ok {
			err = errors.Join(err, closer.Close())
		}
		k.add("sink", spec.Name, detail, err)
	}
}

// An inspector is a sink that can find out more than a [flows.Checker], and tell it.
type inspector interface {
	Inspect(ctx context.Context) (found string, err error)
}

func look(ctx context.Context, sink flows.Sink) (found string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	switch sink := sink.(type) {
	case inspector:
		return sink.Inspect(ctx)
	case flows.Checker:
		return "", sink.Check(ctx)
	}
	return "", nil
}

func (k *checks) build(name string) *flows.Build {
	return &flows.Build{Pipeline: k.plan.Name, Name: name, Logger: slog.New(slog.DiscardHandler)}
}

// sources lets each look once, and adds what the process that runs knows, if one does.
func (k *checks) sources(ctx context.Context) {
	running := k.running(ctx)
	for _, spec := range k.plan.Sources {
		source, err := spec.Kind.New(k.build(spec.Name), spec.Config)
		looker, looks := source.(flows.Looker)
		if err != nil || !looks {
			k.add("source", spec.Name, "", err)
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		err = looker.Look(ctx)
		cancel()
		var detail string
		if witness, ok := source.(flows.Witness); ok {
			detail = told(witness.Health())
		}
		if s, ok := running[spec.Name]; ok {
			detail += "; running: " + s.String()
			if err == nil && s.Silent != nil && time.Since(*s.Silent) > silentAfter {
				k.warn("source", spec.Name, fmt.Errorf("the process that runs gets nothing%s from it for %s", of(s.Empty), since(*s.Silent)))
			}
		}
		k.add("source", spec.Name, detail, err)
	}
}

// silentAfter is how long a source may bring nothing at all before that is worth a word.
const silentAfter = time.Hour

// of names the part of a source that is meant; empty for all of it.
func of(part string) string {
	if part == "" {
		return ""
	}
	return " of " + part
}

func told(h flows.Health) string {
	detail := fmt.Sprintf("%d entries", h.Entries)
	if !h.Newest.IsZero() {
		detail += ", the newest " + since(h.Newest) + " old"
	}
	if h.EmptyPart != "" {
		detail += ", none of " + h.EmptyPart
	}
	return detail
}

func since(at time.Time) string { return time.Since(at).Round(time.Second).String() }

// running asks the process that runs the pipeline on this machine how its sources fare;
// nothing if there is none.
func (k *checks) running(ctx context.Context) map[string]sourceState {
	listen := cmp.Or(k.r.http.Listen, defaultHTTP.Listen)
	if listen == "off" || strings.HasSuffix(listen, ":0") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listen+"/sources", nil)
	if err != nil {
		return nil
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	var states map[string]sourceState
	if answer.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&states) != nil {
		return nil
	}
	return states
}
