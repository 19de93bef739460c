package flows

import (
	"context"
	"fmt"
	"time"
)

// oldest implements [Build.Oldest].
func (e *Engine) oldest(ctx context.Context) (oldest time.Time, err error) {
	for _, s := range e.plan.Segments {
		lag, err := e.broker.Lag(ctx, s.Topic, e.plan.Name)
		if err != nil {
			return time.Time{}, fmt.Errorf("look for the oldest message: %w", err)
		}
		if at := lag.Oldest; !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return oldest, nil
}
