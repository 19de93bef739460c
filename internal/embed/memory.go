package embed

import "sync"

// recentVectors is how many vectors a process remembers at most, twice over: a
// few megabytes, and more than the items on their way from one stage to another.
const recentVectors = 512

// memory is a bounded map of two generations: when the young one is full it becomes
// the old one, and what nobody asked for in the meantime is forgotten.
type memory struct {
	size       int
	mu         sync.Mutex
	young, old map[string][]float32
}

func newMemory(size int) *memory {
	return &memory{size: size, young: make(map[string][]float32)}
}

// get returns nil for what it does not know.
func (m *memory) get(key string) []float32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.young[key]
	if !ok {
		if v = m.old[key]; v != nil {
			m.keep(key, v)
		}
	}
	return v
}

func (m *memory) put(key string, v []float32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, v)
}

func (m *memory) keep(key string, v []float32) {
	if len(m.young) >= m.size {
		m.young, m.old = make(map[string][]float32), m.young
	}
	m.young[key] = v
}
