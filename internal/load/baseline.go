package load

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteJSON writes reports in the form that [ReadJSON] reads.
func WriteJSON(out io.Writer, reports []*Report) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(file{reports})
}

// ReadJSON reads what [WriteJSON] wrote.
func ReadJSON(in io.Reader) ([]*Report, error) {
	var f file
	if err := json.NewDecoder(in).Decode(&f); err != nil {
		return nil, fmt.Errorf("this is no report of pipeline bench: %w", err)
	}
	for i, r := range f.Reports {
		if r == nil {
			return nil, fmt.Errorf("report %d is null", i+1)
		}
	}
	if len(f.Reports) == 0 {
		return nil, fmt.Errorf("there is no report of pipeline bench in it")
	}
	return f.Reports, nil
}

type file struct {
	Reports []*Report `json:"reports"`
}

// Like returns which of the reports measured what r did: as many items, at the same rate,
// over the same kind of broker. Nil if none did.
func (r *Report) Like(reports []*Report) *Report {
	for _, b := range reports {
		if b.Items == r.Items && b.Rate == r.Rate && b.Broker == r.Broker && b.Input == r.Input && b.Warm == r.Warm {
			return b
		}
	}
	return nil
}

// Against writes the figures of before and now side by side.
func (r *Report) Against(out io.Writer, before *Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\tbefore\tnow\tratio\t\n")
	line := func(name string, before, now float64) {
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%s\t\n", name, before, now, ratio(now, before))
	}
	line("items/s", before.PerSecond, r.PerSecond)
	line("CPU µs per item", before.CPUMicros, r.CPUMicros)
	line("allocations per item", before.Allocs, r.Allocs)
	line("bytes per item", before.Bytes, r.Bytes)
	line("peak MB", before.PeakMB, r.PeakMB)
	line("alert p50 ms", before.Alert.P50, r.Alert.P50)
	line("alert p99 ms", before.Alert.P99, r.Alert.P99)
	line("fate p50 ms", before.End.P50, r.End.P50)
	line("fate p99 ms", before.End.P99, r.End.P99)
	for _, h := range r.Hops {
		for _, b := range before.Hops {
			if b.Topic == h.Topic {
				line(h.Topic+" msg/s", b.PerSecond, h.PerSecond)
			}
		}
	}
	for _, s := range r.Stages {
		for _, b := range before.Stages {
			if b.Segment == s.Segment && b.Name == s.Name && s.N > 0 && b.N > 0 {
				line(s.Name+" p50 ms", b.P50, s.P50)
			}
		}
	}
	return w.Flush()
}
