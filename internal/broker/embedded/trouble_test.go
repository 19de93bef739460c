package embedded

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestTroubleIsToldOnce(t *testing.T) {
	var told strings.Builder
	log := slog.New(slog.NewTextHandler(&told, nil))
	var claiming trouble
	full := errors.New("disk is full")
	for _, err := range []error{nil, full, full, full, nil, nil, full} {
		claiming.note(log, "claiming", err)
	}
	fails, works := strings.Count(told.String(), "claiming fails"), strings.Count(told.String(), "claiming works again")
	if fails != 2 || works != 1 {
		t.Errorf("%d beginnings and %d ends told, want 2 and 1:\n%s", fails, works, told.String())
	}
}
