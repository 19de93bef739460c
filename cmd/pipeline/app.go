package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/logging"
)

type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// An app is one run of the program: what the command line and the environment say.
type app struct {
	stdio
	env       func(string) (string, bool)
	file      string
	dotenv    string
	logLevel  string
	logFormat string

	redactor config.Redactor // knows the secrets of the files that were read
}

// load reads the pipeline and returns its plan and the resources it names.
func (a *app) load() (*flows.Plan, *resources, error) {
	text, err := os.ReadFile(a.file)
	if err != nil {
		return nil, nil, a.unreadable(err)
	}
	env, err := a.environment()
	if err != nil {
		return nil, nil, err
	}
	return a.parse(a.file, text, env)
}

// with loads the pipeline, hands it to work, and closes what that has opened.
func (a *app) with(work func(plan *flows.Plan, r *resources) error) (err error) {
	plan, r, err := a.load()
	if err != nil {
		return err
	}
	if r.log, err = a.logger(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	return work(plan, r)
}

func (a *app) unreadable(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usage("%s does not exist; name the pipeline with -f, or run in the folder that holds it", a.file)
	}
	return usage("read pipeline: %w", err)
}

func (a *app) parse(file string, text []byte, env func(string) (string, bool)) (*flows.Plan, *resources, error) {
	doc, issues := config.Load(file, text, env)
	if doc == nil {
		return nil, nil, issues
	}
	r := &resources{app: a, log: slog.New(slog.DiscardHandler)}
	plan, more := catalog(r).Parse(doc)
	a.redactor.Add(doc.Secrets()...)
	if issues = append(issues, more...); len(issues) > 0 {
		return nil, nil, issues.Sorted()
	}
	r.plan = plan
	return plan, r, nil
}

// environment is what ${VAR} sees: the process's variables, then the .env file.
func (a *app) environment() (func(string) (string, bool), error) {
	file, err := config.LoadDotEnv(a.dotenv)
	if err != nil {
		return nil, usageError{err}
	}
	return func(name string) (string, bool) {
		if v, ok := a.env(name); ok {
			return v, true
		}
		v, ok := file[name]
		return v, ok
	}, nil
}

func (a *app) redact(s string) string { return a.redactor.String(s) }

// logger writes to standard error, without secrets.
func (a *app) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, usage("--log-level %q is none of debug, info, warn, error", a.logLevel)
	}
	handler, err := logging.New(a.err, logging.Options{Level: level, Format: a.logFormat, Redactor: &a.redactor})
	if err != nil {
		return nil, usageError{fmt.Errorf("--log-format: %w", err)}
	}
	return slog.New(handler), nil
}
