package jsonl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// file appends lines to a file that others may append to as well.
type file struct {
	path string
	sync bool

	mu   sync.Mutex
	f    *os.File
	torn bool // the last line may lack its end
}

// Open opens the file if it is not open. A last line without an end, as a crash
// or a full disk leaves it, is ended with the next write: what follows stays
// readable.
func (f *file) Open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open()
}

func (f *file) open() error {
	if f.f != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return fmt.Errorf("make folder of %s: %w", f.path, err)
	}
	torn, err := endsTorn(f.path)
	if err != nil {
		return fmt.Errorf("look at end of %s: %w", f.path, err)
	}
	opened, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err // it names operation and path
	}
	f.f, f.torn = opened, torn
	return nil
}

func endsTorn(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false, err // a pipe or device has no end
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return last[0] != '\n', err
}

// Write appends text in one call to the operating system, so that lines of two
// processes do not mix.
func (f *file) Write(text []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.open(); err != nil {
		return 0, err
	}
	if f.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := f.f.Write(text)
	if n > 0 {
		f.torn = text[n-1] != '\n'
	}
	if err != nil || !f.sync {
		return n, err
	}
	return n, f.f.Sync()
}

// Close closes the file; Write opens it again.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}

// stream writes lines to something that is open already.
type stream struct {
	mu sync.Mutex
	w  io.Writer
}

func (*stream) Open() error  { return nil }
func (*stream) Close() error { return nil }

func (s *stream) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(text)
}
