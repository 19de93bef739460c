package metrics

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	c := Counter("test_read_total", "For this test.", "by")
	c.WithLabelValues("a").Add(2)
	c.WithLabelValues("b").Inc()
	Gauge("test_read", "For this test.").WithLabelValues().Set(-1.5)

	got := Read("test_read_total")
	slices.SortFunc(got, func(a, b Sample) int { return strings.Compare(a.Labels["by"], b.Labels["by"]) })
	want := []Sample{{map[string]string{"by": "a"}, 2}, {map[string]string{"by": "b"}, 1}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("counter: %s", d)
	}
	if got := Read("test_read"); len(got) != 1 || got[0].Value != -1.5 {
		t.Errorf("gauge: %v, want one sample of -1.5", got)
	}
	if got := Read("test_nobody_declared_this"); got != nil {
		t.Errorf("unknown: %v, want none", got)
	}
}
