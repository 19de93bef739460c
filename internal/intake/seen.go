package intake

// Seen keeps the keys of what a source has published: all of the latest document, and
// at least the latest 10,000. It holds at most twice the larger of both. The zero
// value is empty. It is for one goroutine at a time.
type Seen struct {
	now, before map[string]struct{}
}

const keep = 10_000

// Has reports whether key is kept, and keeps it from growing old.
func (s *Seen) Has(key string) bool {
	if _, ok := s.now[key]; ok {
		return true
	}
	_, ok := s.before[key]
	if ok {
		s.Add(key)
	}
	return ok
}

// Add keeps key. Adding it again keeps it from growing old.
func (s *Seen) Add(key string) {
	if s.now == nil {
		s.now = make(map[string]struct{})
	}
	s.now[key] = struct{}{}
}

// Rotate forgets what was neither added nor asked for since the last time that there
// were too many. It is called between documents, so that one document is always
// kept whole.
func (s *Seen) Rotate() {
	if len(s.now) >= keep {
		s.now, s.before = nil, s.now
	}
}
