package replay

import (
	"fmt"
	"html/template"
	"time"

	"catalyst/internal/plot"
)

// plots are those of a report, without those that would be empty.
func plots(r *Report) (all []template.HTML) {
	over := func(title, unit string, curves ...plot.Curve) {
		p := plot.Plot{Title: title, Unit: unit, From: stamp(r.From), To: stamp(r.To)}
		for _, c := range curves {
			if len(c.At) > 0 {
				p.Curves = append(p.Curves, c)
			}
		}
		if len(p.Curves) > 0 {
			all = append(all, p.SVG())
		}
	}
	always := func(Slice) bool { return true }
	alerted := func(s Slice) bool { return s.Alert.N > 0 }
	judged := func(s Slice) bool { return s.Verdict.N > 0 }
	each := "each " + sliceWidth(r.Slices).Round(time.Second).String()
	over("Items, "+each, "", r.curve("came", always, func(s Slice) float64 { return float64(s.In) }),
		r.curve("alerted", always, func(s Slice) float64 { return float64(s.Alerted) }))
	over("Delay of alerts", " ms", r.curve("p50", alerted, func(s Slice) float64 { return s.Alert.P50 }),
		r.curve("p99", alerted, func(s Slice) float64 { return s.Alert.P99 }))
	over("Time to verdict", " s", r.curve("p50", judged, func(s Slice) float64 { return s.Verdict.P50 / 1e3 }),
		r.curve("p99", judged, func(s Slice) float64 { return s.Verdict.P99 / 1e3 }))
	over("Queue, at most", "", r.curve("messages", always, func(s Slice) float64 { return float64(s.Depth) }),
		r.curve("age of the oldest, s", always, func(s Slice) float64 { return float64(s.AgeMS) / 1e3 }))
	if memory, cpu := r.loads(); len(memory.At) > 1 {
		to := fmt.Sprintf("%.1f s", r.Figures.Seconds)
		all = append(all, plot.Plot{Title: "Memory of this process", Unit: " MB", From: "0 s", To: to, Curves: []plot.Curve{memory}}.SVG(),
			plot.Plot{Title: "CPU of this process", From: "0 s", To: to, Curves: []plot.Curve{cpu}}.SVG())
	}
	return all
}

func sliceWidth(all []Slice) time.Duration {
	if len(all) < 2 {
		return time.Second
	}
	return all[1].At.Sub(all[0].At)
}

// curve has a value of each slice that counts, in its middle.
func (r *Report) curve(name string, counts func(Slice) bool, value func(Slice) float64) plot.Curve {
	c := plot.Curve{Name: name}
	for i, s := range r.Slices {
		if counts(s) {
			c.Add((float64(i)+.5)/float64(len(r.Slices)), value(s))
		}
	}
	return c
}

func (r *Report) loads() (memory, cpu plot.Curve) {
	memory.Name, cpu.Name = "resident", "cores busy"
	if len(r.Load) == 0 {
		return memory, cpu
	}
	last := max(1, float64(r.Load[len(r.Load)-1].AfterMS))
	for i, l := range r.Load {
		at := float64(l.AfterMS) / last
		memory.Add(at, l.MemMB)
		if i > 0 {
			cpu.Add(at, l.CPU)
		}
	}
	return memory, cpu
}
