package replay

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"catalyst/internal/plot"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"number": number, "signed": signed, "dollars": dollars, "stamp": stamp, "speed": speed, "brief": brief,
	"failures": failures, "plots": plots, "style": plot.Style, "nano": func(n int64) string { return dollars(float64(n) / 1e9) },
	"minus": func(a, b float64) float64 { return b - a },
	"min":   func(a, b int) int { return min(a, b) }, "more": more,
	"clock": func(t time.Time) string { return t.UTC().Format("01-02 15:04:05") },
}).Parse(pageText))

// shownOutcomes bounds each list of items on a page; the JSON has all of them.
const shownOutcomes = 2000

// more is said below a list of which not all is shown.
func more(shown, all int) string {
	if all <= shown {
		return ""
	}
	return fmt.Sprintf("The first %d of %d; --json has all.", shown, all)
}

type pageData struct {
	Title      string
	Reports    []*Report
	Comparison *Comparison // nil on the page of one report
	Totals     []pageTotal
	Most       int
}

type pageTotal struct {
	Name string
	A, B float64
}

// HTML writes the report as one page that asks nobody for anything.
func (r *Report) HTML(w io.Writer) error {
	return pageData{Title: r.File, Reports: []*Report{r}}.write(w)
}

// HTML writes the comparison as one page that asks nobody for anything.
func (c *Comparison) HTML(w io.Writer) error {
	d := pageData{Title: c.A.File + " and " + c.B.File, Reports: []*Report{c.A, c.B}, Comparison: c}
	for _, t := range totals(&c.A.Figures, &c.B.Figures) {
		d.Totals = append(d.Totals, pageTotal{t.name, t.a, t.b})
	}
	return d.write(w)
}

func (d pageData) write(w io.Writer) error {
	d.Most = shownOutcomes
	if err := page.Execute(w, d); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
