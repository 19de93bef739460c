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

func main() { os.Exit(run(os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})) }

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

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "pipeline",
		Short:         "Market news in, alerts out, verdicts attached, nothing lost",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w\nSee `%s --help`.", err, c.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVarP(&a.file, "file", "f", "pipeline.yaml", "the pipeline to work with")
	flags.StringVar(&a.dotenv, "env-file", ".env", "variables that the environment does not set; may be missing")
	flags.StringVar(&a.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&a.logFormat, "log-format", "auto", "json, text, or auto: text on a terminal")
	root.AddCommand(
		a.runCommand(), a.demoCommand(),
		a.validateCommand(), a.listCommand(), a.describeCommand(), a.schemaCommand(), a.graphCommand(),
		a.migrateCommand(), a.dlqCommand(), a.versionCommand(),
	)
	return root
}
