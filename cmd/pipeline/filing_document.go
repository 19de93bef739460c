package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"catalyst"
	"catalyst/internal/edgar/client"
)

// readDocument reads a file, standard input for "-", or an address on EDGAR.
func (a *app) readDocument(ctx context.Context, name string) ([]byte, error) {
	switch {
	case name == "-":
		return io.ReadAll(a.in)
	case strings.HasPrefix(name, "http://"), strings.HasPrefix(name, "https://"):
		return a.fetchDocument(ctx, name)
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, usage("read filing: %w", err)
	}
	return body, nil
}

// largestDocument is far more than any filing has that is meant to be read.
const largestDocument = 64 << 20

// fetchDocument asks EDGAR, as one more process of the pipeline: within its limit, and not while
// EDGAR refuses.
func (a *app) fetchDocument(ctx context.Context, address string) ([]byte, error) {
	env, err := a.environment()
	if err != nil {
		return nil, err
	}
	c := client.Defaults
	if c.Contact, _ = env("EDGAR_CONTACT"); strings.TrimSpace(c.Contact) == "" {
		return nil, usage(`EDGAR_CONTACT is not set: the SEC refuses callers that do not say who they are; set it to a name and an e-mail address, as in "Example Ltd news@example.com"`)
	}
	if base, ok := env("EDGAR_URL"); ok && base != "" {
		c.BaseURL = base
	}
	if err := c.Validate(); err != nil {
		return nil, usage("EDGAR_CONTACT or EDGAR_URL: %w", err)
	}
	limits, done, err := a.edgarLimits(env)
	if err != nil {
		return nil, err
	}
	defer done()
	body, err := client.New(c, limits, largestDocument).Document(ctx, address)
	var wrong *client.AddressError
	if errors.As(err, &wrong) {
		return nil, usageError{err}
	}
	if err != nil {
		return nil, fmt.Errorf("read filing: %w", err)
	}
	return body, nil
}

// edgarLimits are those of the pipeline in this folder; where there is none, nobody shares
// them, and they are kept in a folder that goes with the process.
func (a *app) edgarLimits(env func(string) (string, bool)) (limits *client.Limits, done func(), err error) {
	if _, err := os.Stat(a.file); err == nil {
		_, r, err := a.load()
		if err != nil {
			return nil, nil, err
		}
		return client.NewLimits(r.Meters, r.Notes), func() { r.close() }, nil
	}
	folder, err := os.MkdirTemp("", "pipeline-filing-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder for EDGAR's limit: %w", err)
	}
	own := "sqlite://" + filepath.ToSlash(filepath.Join(folder, "limit.db"))
	_, r, err := a.parse("the default pipeline.yaml", catalyst.Pipeline, func(name string) (string, bool) {
		if name == "REDIS_URL" || name == "DATABASE_URL" {
			return own, true
		}
		return env(name)
	})
	if err != nil {
		os.RemoveAll(folder)
		return nil, nil, err
	}
	return client.NewLimits(r.Meters, r.Notes), func() { r.close(); os.RemoveAll(folder) }, nil
}
