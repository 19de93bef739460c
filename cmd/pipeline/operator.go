package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/llm/quota"
	"catalyst/internal/operator"
)

func (r *resources) readOperator(reader *config.Reader, value *yaml.Node) []string {
	r.told = operator.Defaults
	reader.Decode("operator", value, value, &r.told)
	return nil
}

// Operator returns whoever is told of what only a person can mend. Only the process
// that runs the pipeline posts: commands beside it tell the log.
func (r *resources) Operator() (*operator.Operator, error) {
	return r.models.operator.get(func(context.Context) (*operator.Operator, func() error, error) {
		setup := operator.Setup{From: r.from(), CoolDown: r.told.CoolDown, Redact: r.app.redact}
		if r.runs && r.told.Channel != "" {
			setup.Poster = operator.NewDiscord(r.told, http.DefaultTransport.(*http.Transport).Clone())
		}
		if r.calls != nil { // a replay counts what it would have told
			setup.Poster = pageCounter{&r.pages}
		}
		o := operator.NewWith(setup, r.Notes, r.log)
		return o, o.Close, nil
	})
}

// from names the pipeline and the machine it runs on.
func (r *resources) from() string {
	if host, err := os.Hostname(); err == nil {
		return r.plan.Name + " on " + host
	}
	return r.plan.Name
}

// operate runs e while the operator is told how it fares.
func (r *resources) operate(ctx context.Context, e *flows.Engine) error {
	o, err := r.Operator()
	if err != nil {
		return err
	}
	start := r.start()
	o.Say(operator.Booted(start))
	look := func(ctx context.Context) operator.Facts { return r.facts(ctx, e) }
	watch := operator.Watch{Operator: o, Config: r.told, Look: look, Spent: r.spentToday}
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watch.Run(watching)
	}()
	err = e.Run(ctx)
	end()
	<-ended
	o.Say(operator.Stopped(start.At, time.Now(), engineFacts(e), err))
	return err
}

// start is what the operator is told at the start.
func (r *resources) start() operator.Start {
	s := operator.Start{
		At: time.Now(), Version: buildVersion(),
		Broker: config.RedactURL(r.plan.Broker), Store: config.RedactURL(r.plan.Store),
	}
	for _, source := range r.plan.Sources {
		s.Sources = append(s.Sources, source.Name)
	}
	for _, segment := range r.plan.Segments {
		for _, stage := range segment.Stages {
			s.Stages = append(s.Stages, stage.Name)
		}
	}
	for _, sink := range r.plan.Sinks {
		s.Sinks = append(s.Sinks, sink.Name)
	}
	for _, spec := range r.providers {
		if _, err := r.Provider(spec.Name); err == nil {
			s.Providers = append(s.Providers, spec.Name)
		}
	}
	return s
}

// pageBudget tells the operator that the day's budget is used up to a level, each day
// anew.
func pageBudget(o *operator.Operator, c quota.Change) {
	if c.To == quota.OK || c.To < c.From {
		return
	}
	text := map[quota.Level]string{
		quota.Warning:  "from now on only cheap calls are made",
		quota.Critical: "from now on only the cheapest calls are made",
		quota.Over:     "until midnight UTC items get the free models, or none",
	}[c.To]
	o.Page("budget/"+time.Now().UTC().Format(time.DateOnly)+"/"+c.To.String(),
		fmt.Sprintf("$%.2f of the day's $%.2f for models are spent: %s", float64(c.Spent)/1e9, float64(c.Limit)/1e9, text))
}
