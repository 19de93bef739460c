package jsonl

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// files returns the files that a path names: itself, or, of a folder, what ends
// in .jsonl, by name.
func files(path string) (names []string, folder bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	if !info.IsDir() {
		return []string{path}, false, nil
	}
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		return nil, true, err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".jsonl" && !e.IsDir() {
			names = append(names, filepath.Join(path, e.Name()))
		}
	}
	return names, true, nil
}

// readOnce publishes all lines of all files.
func (s *source) readOnce(out *batch) error {
	names, _, err := files(s.config.Path)
	if err != nil {
		return fmt.Errorf("jsonl: %w", err)
	}
	for _, name := range names {
		if err := s.readFile(name, out); err != nil {
			return fmt.Errorf("jsonl: %w", err)
		}
	}
	return out.flush()
}

func (s *source) readFile(name string, out *batch) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := splitter{file: name}
	if _, err := lines.read(f, out.line); err != nil {
		return err
	}
	return lines.finish(out.line)
}

// readStdin publishes lines as they come: what is there at once goes together.
//
// A read from a terminal or pipe cannot be called off. When ctx ends first, the
// goroutine that reads stays behind until its read returns; the process is about
// to end then.
func (s *source) readStdin(ctx context.Context, out *batch) error {
	incoming := make(chan line, maxBatch)
	done := make(chan error, 1)
	go func() {
		defer close(incoming)
		send := func(l line) error {
			l.text = bytes.Clone(l.text)
			select {
			case incoming <- l:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		lines := splitter{file: "stdin"}
		_, err := lines.read(s.stdin, send)
		if err == nil {
			err = lines.finish(send)
		}
		done <- err
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case l, more := <-incoming:
			if !more {
				if err := out.flush(); err != nil {
					return err
				}
				return <-done
			}
			if err := out.line(l); err != nil {
				return err
			}
		}
		if len(incoming) == 0 {
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
}
