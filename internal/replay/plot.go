package replay

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// A plot is curves over time, as SVG.
type plot struct {
	title, unit string
	from, to    string // what the ends of the time are called
	curves      []curve
}

type curve struct {
	name  string
	at    []float64 // 0 … 1
	value []float64
}

// The inside of a plot, in its own units.
const (
	plotLeft, plotTop      = 56, 12
	plotWidth, plotHeight  = 500, 130
	plotRight, plotBottom  = 12, 24
	plotTicks, plotMaxDots = 4, 40
)

// SVG draws the plot. All text in it is the program's own, or a number.
func (p plot) SVG() template.HTML {
	var out strings.Builder
	most := p.most()
	fmt.Fprintf(&out, `<figure><figcaption>%s`, template.HTMLEscapeString(p.title))
	for i, c := range p.curves {
		fmt.Fprintf(&out, ` <span class="k k%d">%s</span>`, i, template.HTMLEscapeString(c.name))
	}
	fmt.Fprintf(&out, `</figcaption><svg viewBox="0 0 %d %d" role="img">`, plotLeft+plotWidth+plotRight, plotTop+plotHeight+plotBottom)
	for i := range plotTicks + 1 {
		value := most * float64(i) / plotTicks
		y := p.y(value, most)
		fmt.Fprintf(&out, `<path class="g" d="M%d %.1fh%d"/><text class="e" x="%d" y="%.1f">%s</text>`,
			plotLeft, y, plotWidth, plotLeft-6, y+4, tick(value)+p.unit)
	}
	base := plotTop + plotHeight + 17
	fmt.Fprintf(&out, `<text x="%d" y="%d">%s</text><text class="e" x="%d" y="%d">%s</text>`, plotLeft, base, p.from, plotLeft+plotWidth, base, p.to)
	for i, c := range p.curves {
		p.draw(&out, i, c, most)
	}
	out.WriteString(`</svg></figure>`)
	return template.HTML(out.String())
}

func (p plot) draw(out *strings.Builder, i int, c curve, most float64) {
	var path, dots strings.Builder
	few := len(c.at) <= plotMaxDots
	for k := range c.at {
		x, y := plotLeft+c.at[k]*plotWidth, p.y(c.value[k], most)
		command := "L"
		if k == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, x, y)
		if few {
			fmt.Fprintf(&dots, `<circle class="d%d" cx="%.1f" cy="%.1f" r="2"/>`, i, x, y)
		}
	}
	fmt.Fprintf(out, `<path class="c c%d" d="%s"/>%s`, i, path.String(), dots.String())
}

func (p plot) y(value, most float64) float64 {
	return plotTop + plotHeight*(1-value/most)
}

// most is a round number that no value exceeds.
func (p plot) most() float64 {
	most := 0.0
	for _, c := range p.curves {
		for _, v := range c.value {
			most = max(most, v)
		}
	}
	if most <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, factor := range []float64{1, 2, 4, 5, 8} {
		if most <= factor*unit {
			return factor * unit
		}
	}
	return 10 * unit
}

func tick(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.3gk", v/1e3)
	}
	return fmt.Sprintf("%.3g", v)
}

// plots are those of a report, without those that would be empty.
func plots(r *Report) (all []template.HTML) {
	over := func(title, unit string, curves ...curve) {
		p := plot{title: title, unit: unit, from: stamp(r.From), to: stamp(r.To)}
		for _, c := range curves {
			if len(c.at) > 0 {
				p.curves = append(p.curves, c)
			}
		}
		if len(p.curves) > 0 {
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
	if memory, cpu := r.loads(); len(memory.at) > 1 {
		to := fmt.Sprintf("%.1f s", r.Figures.Seconds)
		all = append(all, plot{title: "Memory of this process", unit: " MB", from: "0 s", to: to, curves: []curve{memory}}.SVG(),
			plot{title: "CPU of this process", from: "0 s", to: to, curves: []curve{cpu}}.SVG())
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
func (r *Report) curve(name string, counts func(Slice) bool, value func(Slice) float64) curve {
	c := curve{name: name}
	for i, s := range r.Slices {
		if counts(s) {
			c.at = append(c.at, (float64(i)+.5)/float64(len(r.Slices)))
			c.value = append(c.value, value(s))
		}
	}
	return c
}

func (r *Report) loads() (memory, cpu curve) {
	memory.name, cpu.name = "resident", "cores busy"
	if len(r.Load) == 0 {
		return memory, cpu
	}
	last := max(1, float64(r.Load[len(r.Load)-1].AfterMS))
	for i, l := range r.Load {
		at := float64(l.AfterMS) / last
		memory.at, memory.value = append(memory.at, at), append(memory.value, l.MemMB)
		if i > 0 {
			cpu.at, cpu.value = append(cpu.at, at), append(cpu.value, l.CPU)
		}
	}
	return memory, cpu
}
