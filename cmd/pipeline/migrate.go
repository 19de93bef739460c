package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"catalyst/flows"
)

func (a *app) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the databases of the pipeline up to date", Args: noArguments,
		Long: "Applies the migrations that the databases of the pipeline lack. `run` does it by itself unless\n" +
			"engine.migrate is false. Several processes may do it at once.",
		Example: "  DATABASE_URL=postgres://… pipeline migrate",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(func(_ *flows.Plan, r *resources) error {
				databases, err := r.migrate(c.Context())
				for _, d := range databases {
					fmt.Fprintf(a.out, "%s is up to date\n", a.redact(d))
				}
				return err
			})
		},
	}
}
