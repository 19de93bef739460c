package local

// SetMemory has p go by another reader. It must be called before Start.
func (p *Provider) SetMemory(m Memory) { p.memory = m }
