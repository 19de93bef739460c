package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"catalyst/internal/plot"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"style": plot.Style, "plots": plots, "reasons": reasons,
	"short": func(v float64) string { return fmt.Sprintf("%.4g", v) },
}).Parse(pageText))

// HTML writes reports as one page that asks nobody for anything.
func HTML(w io.Writer, reports []*Report) error {
	if err := page.Execute(w, reports); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// plots are how a run fared over time; none if it was not watched.
func plots(r *Report) (all []template.HTML) {
	if len(r.OverTime) < 2 {
		return nil
	}
	last := r.OverTime[len(r.OverTime)-1].Seconds
	curve := func(name string, value func(Sample) float64) plot.Curve {
		c := plot.Curve{Name: name}
		for _, s := range r.OverTime {
			c.Add(s.Seconds/last, value(s))
		}
		return c
	}
	add := func(title, unit string, curves ...plot.Curve) {
		all = append(all, plot.Plot{Title: title, Unit: unit, From: "0 s", To: fmt.Sprintf("%.0f s", last), Curves: curves}.SVG())
	}
	add("Memory", " MB", curve("resident", func(s Sample) float64 { return s.Resident }), curve("Go objects", func(s Sample) float64 { return s.Heap }))
	add("Items a second", "", curve("done", func(s Sample) float64 { return s.PerSecond }))
	add("Queue", "", curve("published, without a fate", func(s Sample) float64 { return float64(s.Queue) }))
	add("CPU", "", curve("cores busy", func(s Sample) float64 { return s.CPU }))
	add("Goroutines", "", curve("goroutines", func(s Sample) float64 { return float64(s.Goroutines) }))
	return all
}
