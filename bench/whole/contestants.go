package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"

	"catalyst/bench/contest"
)

// ours starts the program as anybody would, with the default file but for names and limits.
func (w *whole) ours(program, text string) func(context.Context, stand) (*contest.Process, error) {
	if abs, err := filepath.Abs(program); err == nil {
		program = abs
	}
	return func(ctx context.Context, s stand) (*contest.Process, error) {
		file := filepath.Join(w.folder, "pipeline.yaml")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "PREFIX", s.prefix)), 0o600); err != nil {
			return nil, err
		}
		env := []string{
			"REDIS_URL=" + s.redis, "DATABASE_URL=" + s.database,
			"DISCORD_TOKEN=token", "DISCORD_CHANNEL=42", "DISCORD_API_URL=" + s.fakes,
			"OPENAI_API_URL=" + s.fakes + "/v1", "OPENAI_MODEL=stand-in",
			"LLM_LOCAL_ENABLED=0", "GEMINI_API_KEY=", "ANTHROPIC_API_KEY=", "OPENAI_API_KEY=", // nobody else is asked
			"MISTRAL_BATCH_DELAY=0.05", "HTTP_LISTEN=off", "OPERATOR_CHANNEL=",
		}
		return contest.StartIn(ctx, w.folder, filepath.Base(program), env, program, "run", "--log-level", "error", "-f", file)
	}
}

// profiled does what it is told and notes where its time goes, if there is a folder for it.
func profiled(folder string, do func() error) error {
	if folder == "" {
		return do()
	}
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return err
	}
	err := do()
	pprof.StopCPUProfile()
	return errors.Join(err, os.WriteFile(filepath.Join(folder, "hand.pprof"), profile.Bytes(), 0o600))
}
