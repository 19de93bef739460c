// Command pipeline runs a market-news pipeline described by a pipeline.yaml.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"catalyst/internal/config"
)

// Exit codes.
const (
	exitFailed = 1 // it was tried and went wrong
	exitUsage  = 2 // the command line or the configuration is wrong
)

// A usageError is the caller's mistake.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	paceCollector()
	os.Exit(run(os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// run executes one command line and returns its exit code.
func run(args []string, io stdio) int {
	ctx, stop := signals()
	defer stop()
	app := &app{stdio: io, env: os.LookupEnv}
	root := app.command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(io.err, app.redact(err.Error()))
	var issues config.Issues
	var wrong usageError
	if errors.As(err, &wrong) || errors.As(err, &issues) {
		return exitUsage
	}
	return exitFailed
}

// signals returns a context that the first interrupt or termination ends. The
// second one ends the process at once: whatever is under way is given to others, or
// found again at the next start.
func signals() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-caught
		cancel()
		<-caught
		os.Exit(exitFailed)
	}()
	return ctx, func() { signal.Stop(caught); cancel() }
}

func init() { cobra.EnableCommandSorting = false } // commands are shown as they are listed

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "pipeline",
		Short: "Market news in, alerts out, verdicts attached, nothing lost",
		Long: "Reads market news, posts an alert for each item at once, has a language model judge it and edits the\n" +
			"alert with the verdict. pipeline.yaml says what is done, in which order. Begin with `pipeline demo`.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.",
		Example:       "  pipeline demo       # see it work, without a server or a key\n  pipeline validate   # after editing pipeline.yaml\n  pipeline run",
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			_, err := a.logger() // its flags are wrong before anything is done
			return err
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w\nSee `%s --help`.", err, c.CommandPath())
	})
	root.SetVersionTemplate("pipeline {{.Version}}\n")
	flags := root.PersistentFlags()
	flags.StringVarP(&a.file, "file", "f", "pipeline.yaml", "the pipeline to work with")
	flags.StringVar(&a.dotenv, "env-file", ".env", "variables that the environment does not set; may be missing")
	flags.StringVar(&a.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&a.logFormat, "log-format", "auto", "json, text, or auto: text on a terminal")
	group := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	group("run", "Run it:", a.runCommand(), a.demoCommand(), a.recordCommand(), a.replayCommand(), a.benchCommand())
	group("write", "Write a pipeline.yaml:",
		a.validateCommand(), a.listCommand(), a.describeCommand(), a.graphCommand(), a.schemaCommand(), a.explainCommand(), a.previewCommand())
	group("filings", "Look into filings:", a.filingCommand(), a.evalCommand())
	group("tend", "Look after it:", a.checkCommand(), a.dlqCommand(), a.cacheCommand(), a.costCommand(), a.migrateCommand(), a.versionCommand())
	asGroup(root)
	return root
}

// asGroup makes a command that only has subcommands print its help, and refuse
// words that are none of them.
func asGroup(c *cobra.Command) {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var known []string
		for _, sub := range c.Commands() {
			known = append(known, sub.Name())
		}
		hint := fmt.Sprintf("see `%s --help`", c.CommandPath())
		if near := config.Suggest(args[0], known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return usage("%s has no command %q; %s", c.CommandPath(), args[0], hint)
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
}

// arguments bounds how many arguments a command takes; the words for them are in its Use.
func arguments(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s what?\nUsage: %s", c.CommandPath(), c.UseLine())
		case len(args) > most:
			return usage("%s: there is no use for %q\nUsage: %s", c.CommandPath(), args[most], c.UseLine())
		}
		return nil
	}
}

var noArguments = arguments(0, 0)
