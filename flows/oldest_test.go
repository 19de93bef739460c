package flows

import (
	"context"
	"errors"
	"testing"
	"time"

	"catalyst/internal/broker"
)

// lags is a broker that knows only how far behind it is, or that it does not know.
type lags struct {
	broker.Broker
	oldest map[string]time.Time // by topic
}

func (l lags) Lag(_ context.Context, topic, group string) (broker.Lag, error) {
	at, known := l.oldest[topic]
	if !known || group != "p" {
		return broker.Lag{}, errors.New("connection refused")
	}
	return broker.Lag{Oldest: at}, nil
}

// The oldest message counts, in whichever topic it is.
func TestOldest(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	e := &Engine{plan: &Plan{Name: "p", Segments: []SegmentPlan{{Topic: "a"}, {Topic: "b"}, {Topic: "c"}}}}
	for name, c := range map[string]struct {
		oldest map[string]time.Time
		want   time.Time
		err    bool
	}{
		"nothing waits":   {map[string]time.Time{"a": {}, "b": {}, "c": {}}, time.Time{}, false},
		"two wait":        {map[string]time.Time{"a": noon, "b": noon.Add(-time.Hour), "c": {}}, noon.Add(-time.Hour), false},
		"one is not told": {map[string]time.Time{"a": noon, "b": noon}, time.Time{}, true},
	} {
		e.broker = lags{oldest: c.oldest}
		if got, err := e.oldest(t.Context()); !got.Equal(c.want) || (err != nil) != c.err {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
}
