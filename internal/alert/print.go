package alert

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rivo/uniseg"
)

const (
	lineWidth = 78 // columns beside the bar
	nameWidth = 12 // of a field's name
)

// Print writes card as it would look, followed by an empty line, in one call of
// w.Write. With color it uses the card's own color. No escape sequence and no
// control character in the card's text reaches w.
func Print(w io.Writer, card Card, color bool) error {
	_, err := w.Write(Text(card, color))
	return err
}

// Text is what [Print] writes.
func Text(card Card, color bool) []byte {
	p := printer{color: color, bar: card.Color}
	p.text("", card.Badge, dim)
	p.text("", card.Title, bold)
	p.text("", card.URL, dim)
	p.text("", card.Banner, bold)
	p.text("", card.Description, plain)
	for _, f := range card.Fields {
		value := f.Value
		if !f.Time.IsZero() {
			value += " · " + f.Time.UTC().Format("2006-01-02 15:04 MST") + ", " + Age(time.Since(f.Time))
		}
		p.text(fmt.Sprintf("%-*s", nameWidth, visible(f.Name)), value, plain)
	}
	p.text("", card.Footer, dim)
	p.out.WriteByte('\n')
	return p.out.Bytes()
}

type style string

const (
	plain style = ""
	bold  style = "1"
	dim   style = "2"
)

type printer struct {
	out   bytes.Buffer
	color bool
	bar   int
}

// text writes lines behind the bar, wrapped and indented by lead, which stands
// in front of the first. It makes sure itself that they are harmless, and writes
// nothing where nothing is to be said.
func (p *printer) text(lead, lines string, s style) {
	for line := range strings.SplitSeq(lines, "\n") {
		line = visible(line)
		if line == "" {
			continue
		}
		for _, part := range wrap(line, lineWidth-len(lead)) {
			p.write(lead, part, s)
			lead = strings.Repeat(" ", len(lead))
		}
	}
}

func (p *printer) write(lead, text string, s style) {
	if !p.color {
		fmt.Fprintf(&p.out, "▌ %s%s\n", lead, text)
		return
	}
	fmt.Fprintf(&p.out, "\x1b[38;2;%d;%d;%dm▌\x1b[0m ", p.bar>>16&0xFF, p.bar>>8&0xFF, p.bar&0xFF)
	if lead != "" {
		fmt.Fprintf(&p.out, "\x1b[2m%s\x1b[0m", lead)
	}
	if s == plain {
		fmt.Fprintf(&p.out, "%s\n", text)
		return
	}
	fmt.Fprintf(&p.out, "\x1b[%sm%s\x1b[0m\n", s, text)
}

// wrap breaks text between words into lines of at most width columns; a longer
// word has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	var line strings.Builder
	used := 0
	for word := range strings.SplitSeq(text, " ") {
		w := uniseg.StringWidth(word)
		if used > 0 && used+1+w > width {
			lines = append(lines, line.String())
			line.Reset()
			used = 0
		}
		if used > 0 {
			line.WriteByte(' ')
			used++
		}
		line.WriteString(word)
		used += w
	}
	return append(lines, line.String())
}

// Age says how long ago something was, or how soon it will be, in its largest unit.
func Age(d time.Duration) string {
	switch {
	case d < -time.Minute:
		return "in " + span(-d)
	case d < time.Minute:
		return "just now"
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
