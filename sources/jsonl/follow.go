package jsonl

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// follow publishes lines as they are written, until ctx ends. What goes wrong with
// a file is logged when it begins and waited out.
func (s *source) follow(ctx context.Context, out *batch) error {
	tails := make(map[string]*tail)
	defer func() {
		for _, t := range tails {
			t.close()
		}
	}()
	trouble := ""
	for {
		err := s.look(tails, out)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch now := text(err); {
		case now == trouble:
		case now == "":
			s.log.Info("file_readable", "path", s.config.Path)
			trouble = now
		default:
			s.log.Warn("file_unreadable", "path", s.config.Path, "error", err)
			trouble = now
		}
		if !sleep(ctx, s.config.Every) {
			return ctx.Err()
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// look reads what is new in every file.
func (s *source) look(tails map[string]*tail, out *batch) error {
	names, folder, err := files(s.config.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !folder {
		names = []string{s.config.Path} // also when it has just been rotated away
	}
	faults := []error{err}
	present := make(map[string]bool, len(names))
	for _, name := range names {
		present[name] = true
		if tails[name] == nil {
			tails[name] = &tail{path: name, lines: splitter{file: name}}
		}
		faults = append(faults, tails[name].read(out.line))
		if folder && !tails[name].grew {
			tails[name].close() // hundreds of files need not stay open
		}
	}
	for name, t := range tails {
		if !present[name] {
			faults = append(faults, t.drain(out.line))
			delete(tails, name)
		}
	}
	faults = append(faults, out.flush())
	return errors.Join(faults...)
}

// A tail reads one path as its file grows, is truncated, or is replaced by another.
// It keeps the file open: the last lines of a file that is rotated away can be read to
// the end, and no other file can be taken for it. (Windows does not let an open file
// be renamed; there, rotate by truncating.)
type tail struct {
	path   string
	lines  splitter
	file   *os.File    // nil while it is closed
	info   os.FileInfo // of the file last opened; nil before the first
	offset int64
	grew   bool // at the last read
}

// read passes on the complete lines written since the last time.
func (t *tail) read(each func(line) error) error {
	t.grew = false
	now, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t.more(each) // rotated away, and nothing in its place yet
	case err != nil:
		return err
	case t.info != nil && !os.SameFile(t.info, now):
		if err := t.drain(each); err != nil {
			return err
		}
	case t.info != nil && now.Size() < t.offset: // truncated: begin again
		if err := t.finish(each); err != nil {
			return err
		}
	case t.file == nil && t.info != nil && now.Size() == t.offset:
		return nil // closed, and nothing came since
	}
	if t.file == nil {
		if err := t.open(each); err != nil {
			return err
		}
	}
	return t.more(each)
}

// open opens the file where reading stopped, or at its beginning if it became
// another in the meantime.
func (t *tail) open(each func(line) error) error {
	f, err := os.Open(t.path)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && t.info != nil && !os.SameFile(t.info, info) {
		err = t.finish(each)
	}
	if err == nil {
		_, err = f.Seek(t.offset, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return err
	}
	t.file, t.info = f, info
	return nil
}

// more reads to the end of the open file.
func (t *tail) more(each func(line) error) error {
	if t.file == nil {
		return nil
	}
	n, err := t.lines.read(t.file, each)
	t.offset += n
	t.grew = n > 0
	return err
}

// drain reads the rest of a file that is no longer at the path, to its last line
// even if that has no end, and makes t ready for another file.
func (t *tail) drain(each func(line) error) error {
	if err := t.more(each); err != nil {
		return err
	}
	err := t.finish(each)
	t.close()
	t.info = nil
	return err
}

// finish passes on what was begun, and goes back to the beginning.
func (t *tail) finish(each func(line) error) error {
	err := t.lines.finish(each)
	t.lines.reset()
	t.offset = 0
	if t.file != nil {
		_, seek := t.file.Seek(0, io.SeekStart)
		err = errors.Join(err, seek)
	}
	return err
}

// close closes the file and remembers which one it was, and how far it was read.
func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}
