package load

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Text writes the report for people.
func (r *Report) Text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	speed := "at full speed"
	if r.Rate > 0 {
		speed = fmt.Sprintf("at %g a second", r.Rate)
	}
	if r.Warm > 0 {
		speed += fmt.Sprintf(" after %d others", r.Warm)
	}
	fmt.Fprintf(w, "%s on %s: %d items %s, %s (%s)\n", r.Pipeline, r.Broker, r.Items, speed, r.Input, r.System)
	if r.Interrupted {
		fmt.Fprintf(w, "interrupted: %d were published\n", r.Published)
	}
	fmt.Fprintf(w, "\ndone\t%d in %.2f s, 99 %% of them at %.0f items/s (published at %.0f/s)\n", r.Done, r.Seconds, r.PerSecond, r.PublishPS)
	if r.Lost() != 0 || r.Poisoned != 0 {
		fmt.Fprintf(w, "not done\t%d poisoned, %d without a fate\n", r.Poisoned, r.Lost())
	}
	fmt.Fprintf(w, "per item\t%.0f µs CPU, %.0f allocations, %.1f kB allocated\n", r.CPUMicros, r.Allocs, r.Bytes/1000)
	fmt.Fprintf(w, "memory\t%.0f MB resident at most\n", r.PeakMB)
	if second, last := r.Drift(); second > 0 {
		fmt.Fprintf(w, "\t%.0f MB in the second fifth of the time, %.0f MB in the last (%s)\n", second, last, ratio(last, second))
	}
	fmt.Fprintf(w, "to the alert\t%v\n", r.Alert)
	fmt.Fprintf(w, "to its fate\t%v\n", r.End)

	fmt.Fprint(w, "\ntopic\tin\tdelivered\tdropped\tfailed\tparked\tmsg/s\n")
	for _, h := range r.Hops {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%.0f\n", h.Topic, h.In, h.Delivered, h.Dropped, h.Failed, h.Parked, h.PerSecond)
	}
	fmt.Fprint(w, "\nstage\tin\tout\tper batch\tp50 ms\tp95\tp99\tdropped\n")
	for _, s := range r.Stages {
		times := "\t\t"
		if s.N > 0 {
			times = fmt.Sprintf("%.3f\t%.3f\t%.3f", s.P50, s.P95, s.P99)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t%s\t%s\n", s.Name, s.In, s.Out, s.Batch, times, reasons(s.Dropped))
	}
	return w.Flush()
}

func (d Delay) String() string {
	if d.N == 0 {
		return "nothing came so far"
	}
	return fmt.Sprintf("p50 %.2f ms, p95 %.2f ms, p99 %.2f ms (%d items)", d.P50, d.P95, d.P99, d.N)
}

// reasons lists the most frequent one first.
func reasons(dropped map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(dropped), func(a, b string) int {
		return cmp.Or(cmp.Compare(dropped[b], dropped[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, dropped[name])
	}
	return strings.Join(names, ", ")
}

// Growth writes what an item costs in runs of several sizes: it should not depend on how
// many there are.
func Growth(out io.Writer, reports []*Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "items\tCPU µs per item\tof the first\tallocations\titems/s\tpeak MB\t\n")
	for _, r := range reports {
		fmt.Fprintf(w, "%d\t%.0f\t%s\t%.0f\t%.0f\t%.0f\t\n", r.Items, r.CPUMicros, ratio(r.CPUMicros, reports[0].CPUMicros), r.Allocs, r.PerSecond, r.PeakMB)
	}
	return w.Flush()
}

// ratio is now as a multiple of before.
func ratio(now, before float64) string {
	if before == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f×", now/before)
}
