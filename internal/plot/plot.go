// Package plot draws curves as SVG, for pages that ask nobody for anything.
package plot

import (
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"strings"
)

//go:embed style.css
var style string

// Style is the style sheet of a page with plots: it belongs into the page itself.
func Style() template.CSS { return template.CSS(style) }

// A Plot is up to two curves over the same time, on one scale from zero.
type Plot struct {
	Title, Unit string
	From, To    string // what the ends of the time are called
	Curves      []Curve
}

// A Curve is values over time. Without any it is drawn as nothing.
type Curve struct {
	Name  string
	At    []float64 // 0 … 1, growing
	Value []float64 // of each, not negative
}

// Add adds a value to the right of the others.
func (c *Curve) Add(at, value float64) {
	c.At, c.Value = append(c.At, at), append(c.Value, value)
}

// The inside of a plot, in its own units.
const (
	left, top      = 56, 12
	width, height  = 500, 130
	right, bottom  = 12, 24
	ticks, maxDots = 4, 40
)

// SVG draws the plot in a figure element.
func (p Plot) SVG() template.HTML {
	var out strings.Builder
	most := p.most()
	fmt.Fprintf(&out, `<figure><figcaption>%s`, template.HTMLEscapeString(p.Title))
	for i, c := range p.Curves {
		fmt.Fprintf(&out, ` <span class="k k%d">%s</span>`, i, template.HTMLEscapeString(c.Name))
	}
	fmt.Fprintf(&out, `</figcaption><svg viewBox="0 0 %d %d" role="img">`, left+width+right, top+height+bottom)
	for i := range ticks + 1 {
		value := most * float64(i) / ticks
		y := p.y(value, most)
		fmt.Fprintf(&out, `<path class="g" d="M%d %.1fh%d"/><text class="e" x="%d" y="%.1f">%s</text>`,
			left, y, width, left-6, y+4, tick(value)+template.HTMLEscapeString(p.Unit))
	}
	base := top + height + 17
	fmt.Fprintf(&out, `<text x="%d" y="%d">%s</text><text class="e" x="%d" y="%d">%s</text>`, left, base, template.HTMLEscapeString(p.From), left+width, base, template.HTMLEscapeString(p.To))
	for i, c := range p.Curves {
		p.draw(&out, i, c, most)
	}
	out.WriteString(`</svg></figure>`)
	return template.HTML(out.String())
}

func (p Plot) draw(out *strings.Builder, i int, c Curve, most float64) {
	var path, dots strings.Builder
	few := len(c.At) <= maxDots
	for k := range c.At {
		x, y := left+c.At[k]*width, p.y(c.Value[k], most)
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

func (p Plot) y(value, most float64) float64 {
	return top + height*(1-value/most)
}

// most is a round number that no value exceeds.
func (p Plot) most() float64 {
	most := 0.0
	for _, c := range p.Curves {
		for _, v := range c.Value {
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
	case v >= 1e3:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
