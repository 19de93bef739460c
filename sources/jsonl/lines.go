package jsonl

import (
	"bytes"
	"io"
)

// maxLine is how long a line may be. A longer one is skipped up to its end, not
// kept in memory.
const maxLine = 1 << 20

type line struct {
	file    string
	number  int // from 1
	text    []byte
	tooLong bool // and text is not all of it
}

// A splitter cuts what is read into lines. It keeps the beginning of a line whose
// end is not there yet, and goes on with it at the next read.
type splitter struct {
	file    string
	number  int
	part    []byte
	tooLong bool
	chunk   []byte
}

// read passes every complete line of r to each, until the end of r. It returns
// how many bytes it read. The text of a line is valid during the call only.
func (s *splitter) read(r io.Reader, each func(line) error) (int64, error) {
	if s.chunk == nil {
		s.chunk = make([]byte, 64<<10)
	}
	var total int64
	for {
		n, err := r.Read(s.chunk)
		total += int64(n)
		for rest := s.chunk[:n]; len(rest) > 0; {
			text, after, ended := bytes.Cut(rest, []byte("\n"))
			s.extend(text)
			rest = after
			if ended {
				if err := s.end(each); err != nil {
					return total, err
				}
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// finish passes on the last line if it has no end.
func (s *splitter) finish(each func(line) error) error {
	if len(s.part) == 0 && !s.tooLong {
		return nil
	}
	return s.end(each)
}

func (s *splitter) extend(text []byte) {
	if s.tooLong || len(s.part)+len(text) > maxLine {
		s.part, s.tooLong = s.part[:0], true
		return
	}
	s.part = append(s.part, text...)
}

func (s *splitter) end(each func(line) error) error {
	s.number++
	l := line{s.file, s.number, s.part, s.tooLong}
	s.part, s.tooLong = s.part[:0], false
	return each(l)
}

// reset starts at the first line of the file again.
func (s *splitter) reset() { s.number, s.part, s.tooLong = 0, s.part[:0], false }
