package flows

import "time"

// SetGrace shortens how long a stop waits for what ignores it.
func (e *Engine) SetGrace(d time.Duration) { e.grace = d }
