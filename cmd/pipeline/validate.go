package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"catalyst/internal/config"
)

func (a *app) validateCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "validate [FILE]", Short: "Find every mistake in a pipeline, without connecting to anything",
		Long: "Reads the pipeline and reports every mistake with file, line and column and what to write\n" +
			"instead. It connects to nothing. Exits with 2 if there is a mistake.",
		Example: "  pipeline validate\n  pipeline validate staging.yaml --format github",
		Args:    arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.file = args[0]
			}
			if format != "text" && format != "json" && format != "github" {
				return usage("--format %q is none of text, json, github", format)
			}
			plan, _, err := a.load()
			var issues config.Issues
			if err != nil && !errors.As(err, &issues) {
				return err
			}
			switch format {
			case "json":
				text, err := issues.JSON()
				if err != nil {
					return err
				}
				fmt.Fprintln(a.out, string(text))
			case "github":
				fmt.Fprint(a.out, issues.GitHub())
			default:
				if len(issues) == 0 {
					stages := 0
					for _, s := range plan.Segments {
						stages += len(s.Stages)
					}
					fmt.Fprintf(a.out, "%s is good: %s, %s in %s, %s\n", a.file, count(len(plan.Sources), "source"),
						count(stages, "stage"), count(len(plan.Segments), "segment"), count(len(plan.Sinks), "sink"))
				}
			}
			switch {
			case len(issues) == 0:
				return nil
			case format == "text":
				return fmt.Errorf("%w\n%s in %s", issues, count(len(issues), "mistake"), a.file)
			}
			return usage("%s in %s", count(len(issues), "mistake"), a.file)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text, json or github (workflow annotations)")
	return c
}

// count says how many of something there are.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func (a *app) schemaCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of pipeline.yaml, for editors", Args: noArguments,
		Example: "  pipeline schema > pipeline.schema.json\n" +
			"  # and in pipeline.yaml: # yaml-language-server: $schema=pipeline.schema.json",
		RunE: func(*cobra.Command, []string) error {
			text, err := schemaOf(catalog(&resources{app: a}))
			if err != nil {
				return err
			}
			if out != "" {
				return os.WriteFile(out, text, 0o644)
			}
			_, err = a.out.Write(text)
			return err
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to this file")
	return c
}
