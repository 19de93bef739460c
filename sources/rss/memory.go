package rss

// memory keeps the keys of published items: all of the last document, and at
// least the latest keep. It holds at most twice the larger of both. The zero
// value is empty.
type memory struct {
	now, before map[string]struct{}
}

const keep = 10_000

// has reports whether key is kept, and keeps it from growing old.
func (m *memory) has(key string) bool {
	if _, ok := m.now[key]; ok {
		return true
	}
	_, ok := m.before[key]
	if ok {
		m.add(key)
	}
	return ok
}

func (m *memory) add(key string) {
	if m.now == nil {
		m.now = make(map[string]struct{})
	}
	m.now[key] = struct{}{}
}

// rotate forgets what was neither added nor asked for since the last time that
// the memory was full. It is called between documents, so that one document is
// always kept whole.
func (m *memory) rotate() {
	if len(m.now) >= keep {
		m.now, m.before = nil, m.now
	}
}
