package edgar

import (
	"testing"

	"catalyst/flows"
	"catalyst/internal/edgar/edgartest"
)

// A look tells how the feed fares, publishes nothing and moves no note.
func TestLook(t *testing.T) {
	t.Parallel()
	s := edgartest.NewServer(t)
	s.Add(filing(1), filing(2))
	source, _ := processes(t, s, nil)()
	var looker flows.Looker = source
	if err := looker.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h := source.Health(); h.Entries == 0 || h.Newest.IsZero() || h.Answered.IsZero() || h.Fault != nil {
		t.Errorf("health %+v", h)
	}
	to := &topic{}
	if got := source.pollOnce(t, to); got != "ok" || len(to.items) != 2 {
		t.Errorf("the first poll after a look: %s, %d filings, want both", got, len(to.items))
	}
}
