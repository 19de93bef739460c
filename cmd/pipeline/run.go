package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/metrics"
)

func (a *app) runCommand() *cobra.Command {
	var record string
	c := &cobra.Command{
		Use: "run", Short: "Run the pipeline", Args: noArguments,
		Long: "Runs the pipeline until it is interrupted, or until every source has ended and everything\n" +
			"is done. The first interrupt lets work under way finish; the second one ends it at once. Either way\n" +
			"nothing is lost. Several processes with the same pipeline.yaml share the work.",
		Example: "  pipeline run\n  REDIS_URL=redis://localhost:6379 DATABASE_URL=postgres://… pipeline run -f mine.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			plan, r, err := a.load()
			if err != nil {
				return err
			}
			if record != "" {
				end, err := a.record(plan, r, record)
				if err != nil {
					return err
				}
				_, err = a.execute(c.Context(), plan, r)
				return errors.Join(err, end())
			}
			_, err = a.execute(c.Context(), plan, r)
			return err
		},
	}
	c.Flags().StringVar(&record, "record", "", "add what feeds answer, sources publish and models answer to this file, for pipeline replay")
	return c
}

// execute runs a plan to its end and returns the engine, for its counts.
func (a *app) execute(ctx context.Context, plan *flows.Plan, r *resources) (e *flows.Engine, err error) {
	if r.log, err = a.logger(); err != nil {
		return nil, err
	}
	r.runs = true
	defer func() { err = errors.Join(err, r.close()) }()
	b, err := r.Broker()
	if err != nil {
		return nil, err
	}
	if e, err = flows.New(plan, b, r.log); err != nil {
		return nil, err
	}
	c := &collector{engine: e, topics: r.topics}
	if err := metrics.Registry.Register(c); err != nil {
		return nil, err
	}
	defer metrics.Registry.Unregister(c)
	stop := serve(ctx, r.http, e, r.log, a.redact)
	defer stop()
	go thrift(ctx)
	return e, r.operate(ctx, e)
}
