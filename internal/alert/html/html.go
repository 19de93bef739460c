// Package html shows alerts on a page that looks like Discord. The page stands on
// its own: it loads nothing, runs nothing, and all text in it is escaped.
package html

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"catalyst/internal/alert"
)

// A Message is what one message of a channel shows.
type Message struct {
	Name  string // stands above it; may be empty
	Cards []alert.Card
}

// Write writes a page with messages as they look at now.
func Write(w io.Writer, now time.Time, messages ...Message) error {
	p := page{Clock: now.UTC().Format("02/01/2006 15:04")}
	style := sheet
	for _, m := range messages {
		shown := message{Name: alert.Clean(m.Name)}
		for _, c := range m.Cards {
			v := view(c, now)
			if bar := fmt.Sprintf(".%s { border-color: #%06x; }\n", v.Bar, c.Color&0xFFFFFF); !strings.Contains(style, bar) {
				style += bar
			}
			shown.Cards = append(shown.Cards, v)
		}
		p.Messages = append(p.Messages, shown)
	}
	p.Style = template.CSS(style) // ours: numbers and a file that is compiled in
	hash := sha256.Sum256([]byte(style))
	p.Policy = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(hash[:]) + "'"
	var out bytes.Buffer // a page that is cut short would not be one
	if err := pages.Execute(&out, p); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}

var (
	//go:embed page.html
	layout string
	//go:embed page.css
	sheet string
	pages = template.Must(template.New("page").Parse(layout))
)

type (
	page struct {
		Policy   string
		Style    template.CSS
		Clock    string
		Messages []message
	}
	message struct {
		Name  string
		Cards []card
	}
	card struct {
		alert.Card
		Bar   string // a class
		Rows  [][]field
		Stamp string
	}
	field struct{ Name, Value, Age string }
)

func view(c alert.Card, now time.Time) card {
	v := card{Card: c, Bar: fmt.Sprintf("c%06x", c.Color&0xFFFFFF)}
	v.URL = alert.Link(c.URL)
	if !c.Timestamp.IsZero() {
		v.Stamp = c.Timestamp.UTC().Format("02/01/2006 15:04")
	}
	inline := false // whether the last row takes more
	for _, f := range c.Fields {
		shown := field{Name: f.Name, Value: f.Value}
		if !f.Time.IsZero() {
			shown.Age = alert.Age(now.Sub(f.Time))
		}
		last := len(v.Rows) - 1
		if inline && f.Inline && len(v.Rows[last]) < 3 { // as Discord: up to three in a row
			v.Rows[last] = append(v.Rows[last], shown)
			continue
		}
		v.Rows = append(v.Rows, []field{shown})
		inline = f.Inline
	}
	return v
}
