package client

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"catalyst/internal/whole"
)

// A Shelf keeps submissions on disk, so that each is asked for once: a filing never
// changes. It may be used concurrently, also by several processes with one folder.
type Shelf struct {
	Dir  string        // made when it is first written to
	Keep time.Duration // how long a submission is kept
	Size int64         // bytes of all together, compressed; the oldest go first

	mu    sync.Mutex
	added int64 // since the last sweep
}

var accessionForm = regexp.MustCompile(`^\d{10}-\d{2}-\d{6}$`)

// path returns the file of an accession number, in one folder for each filer agent.
func (s *Shelf) path(accession string) (string, error) {
	if !accessionForm.MatchString(accession) {
		return "", fmt.Errorf("%.40q is no accession number", accession)
	}
	return filepath.Join(s.Dir, accession[:10], accession+".txt.gz"), nil
}

// Get returns a submission, or nil if there is none. One that is damaged, or longer than
// most bytes, is none.
func (s *Shelf) Get(accession string, most int64) ([]byte, error) {
	path, err := s.path(accession)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read kept filing: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || time.Since(info.ModTime()) > s.Keep {
		return nil, nil
	}
	zip, err := gzip.NewReader(file)
	if err != nil {
		return nil, nil // the power went before all was written; it is written anew
	}
	text, err := io.ReadAll(io.LimitReader(zip, most+1))
	if err != nil || int64(len(text)) > most {
		return nil, nil
	}
	return text, nil
}

// Put keeps a submission. It is there whole or not at all; putting it again changes
// nothing. Now and then it makes room.
func (s *Shelf) Put(accession string, text []byte) error {
	path, err := s.path(accession)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(text); err != nil {
		return fmt.Errorf("keep filing: %w", err)
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("keep filing: %w", err)
	}
	if err := whole.Write(path, packed.Bytes()); err != nil {
		return fmt.Errorf("keep filing: %w", err)
	}
	if s.full(int64(packed.Len())) {
		return s.Sweep()
	}
	return nil
}

// full reports whether so much was added that it is time to look again.
func (s *Shelf) full(added int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added += added
	return s.added > s.Size/20
}

// Sweep removes what is older than Keep, and the oldest of what is more than Size.
func (s *Shelf) Sweep() error {
	s.mu.Lock()
	s.added = 0
	s.mu.Unlock()
	type kept struct {
		path string
		size int64
		at   time.Time
	}
	var files []kept
	var total int64
	err := filepath.WalkDir(s.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return skipMissing(err)
		}
		info, err := entry.Info()
		if err != nil {
			return skipMissing(err) // another process was faster
		}
		total += info.Size()
		files = append(files, kept{path, info.Size(), info.ModTime()})
		return nil
	})
	if err != nil {
		return fmt.Errorf("make room for filings: %w", err)
	}
	slices.SortFunc(files, func(a, b kept) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.path, b.path)) })
	limit := s.Size - s.Size/10 // or it would be full again at once
	if total <= s.Size {
		limit = s.Size
	}
	for _, f := range files {
		if total <= limit && time.Since(f.at) <= s.Keep {
			break
		}
		if err := os.Remove(f.path); skipMissing(err) != nil {
			return fmt.Errorf("make room for filings: %w", err)
		}
		total -= f.size
	}
	return nil
}

func skipMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
