package flows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/flows"
	"catalyst/internal/broker/brokertest"
)

// A stage that does not return stops its segment without an error anywhere: Check,
// and so /readyz, says so, until it goes on.
func TestCheckFindsAStageThatDoesNotReturn(t *testing.T) {
	for name, workers := range map[string]int{"the only worker": 1, "one of four": 4} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				var seen atomic.Bool
				stuck := stageFunc(func(_ context.Context, b []*flows.Message) ([]*flows.Message, error) {
					if !seen.Swap(true) { // whichever comes first
						<-release
					}
					time.Sleep(20 * time.Second)
					return b, nil
				})
				p := plan([]flows.Source{list{n: 5}, forever{}}, [][]flows.Stage{{groups(flows.Grouping{Size: 1}), stuck}}, newShelf())
				p.Segments[0].Stages[1].Knobs.Workers = workers
				e, err := flows.New(p, brokertest.NewMemory(), quiet)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- e.Run(ctx) }()

				time.Sleep(30 * time.Second) // its timeout
				if faults := e.Check(ctx); len(faults) > 0 {
					t.Errorf("faults %v, but nothing is late yet", faults)
				}
				time.Sleep(time.Minute)
				if err := e.Check(ctx)["stage0.1"]; err == nil || !strings.Contains(err.Error(), "has not returned") {
					t.Errorf("fault %v, want one that says that the stage has not returned", err)
				}
				close(release)
				time.Sleep(5 * time.Minute)
				if faults := e.Check(ctx); len(faults) > 0 {
					t.Errorf("faults %v, but all is well again", faults)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// While components start, Check asks none of them: what they make then, they need not guard.
func TestCheckDuringTheStart(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	stage := &starting{begun: begun, release: release}
	e, err := flows.New(plan([]flows.Source{list{n: 1}}, [][]flows.Stage{{stage}}, newShelf()), brokertest.NewMemory(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	check := func(want string) {
		t.Helper()
		if got := fmt.Sprint(e.Check(t.Context())); got != want {
			t.Errorf("faults %s, want %s", got, want)
		}
	}
	check("map[pipeline:it is starting]")
	ended := make(chan error, 1)
	go func() { ended <- e.Run(t.Context()) }()
	<-begun
	check("map[pipeline:it is starting]")
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	check("map[stage0.0:it has started]")
}

// starting is a stage that says what its Start has left.
type starting struct {
	begun, release chan struct{}
	fault          error
}

func (s *starting) Start(context.Context) error {
	close(s.begun)
	<-s.release
	s.fault = errors.New("it has started")
	return nil
}

func (s *starting) Check(context.Context) error { return s.fault }

func (s *starting) Process(_ context.Context, b []*flows.Message) ([]*flows.Message, error) {
	return b, nil
}
