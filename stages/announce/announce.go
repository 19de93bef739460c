// Package announce is the stage that shows an item before it is analysed. The
// sink it names completes the alert when the item arrives there.
//
// Nothing comes between an item and its alert: the stage looks at no field of it
// and waits for nothing but the sink.
package announce

import (
	"context"
	"fmt"
	"time"

	"catalyst/flows"
	"catalyst/internal/metrics"
)

var announced = metrics.Counter("alerts_total", "Items announced before their analysis.", "sink")

// Config configures the stage.
type Config struct {
	Sink string `yaml:"sink,short" doc:"name of the sink that shows the alert and later completes it" required:"true"`
}

// Refs names the sink, which must be in the file.
func (c Config) Refs() []flows.Ref {
	return []flows.Ref{{Field: "sink", Section: "sinks", Name: c.Sink}}
}

// Kind describes the stage.
func Kind() flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "announce",
		Doc:     "shows an item at once, before anything has analysed it",
		Example: "- announce: {sink: discord}",
		// Alerts under way do not wait for one another; a burst may wait for
		// the sink's rate limit many times over.
		Knobs: flows.Knobs{Workers: 64, Timeout: 5 * time.Minute},
	}, Config{}, build)
}

func build(b *flows.Build, c Config) (flows.Stage, error) {
	sink, err := b.Sink(c.Sink)
	if err != nil {
		return nil, err
	}
	announcer, able := sink.(flows.Announcer)
	if !able {
		return nil, fmt.Errorf("sink %q cannot announce: it shows an item only when it is complete; name a sink of kind discord or console", c.Sink)
	}
	return &stage{sink: c.Sink, announcer: announcer}, nil
}

type stage struct {
	sink      string
	announcer flows.Announcer
}

// Process announces batch. What the sink could not show, it has settled.
func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := s.announcer.Announce(ctx, batch); err != nil {
		return nil, err
	}
	shown := make([]*flows.Message, 0, len(batch))
	for _, m := range batch {
		if !m.Settled() {
			shown = append(shown, m)
		}
	}
	announced.WithLabelValues(s.sink).Add(float64(len(shown)))
	return shown, nil
}
