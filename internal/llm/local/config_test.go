package local

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	if err := errors.Join(Defaults.Validate(), Defaults.Recycle.Validate()); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	c := Defaults
	c.Every = time.Millisecond
	c.Recycle = Recycle{After: -1, AfterRequests: -1, MemoryAbove: 85, SpeedBelow: 1, AfterErrors: -1}
	err := errors.Join(c.Validate(), c.Recycle.Validate())
	for _, field := range []string{"every", "after", "after_requests", "memory_above", "tokens_per_second_below", "after_errors", "cool_down"} {
		if err == nil || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%v\nsays nothing of %s", err, field)
		}
	}
}
