package filing_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"catalyst/internal/edgar/filing"
)

// hostile are documents of about size bytes that have brought parsers down.
func hostile(size int) map[string]string {
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	half := func(a, b string) string {
		n := size / 2 / max(len(a), len(b))
		return "<html><body>" + strings.Repeat(a, n) + "x" + strings.Repeat(b, n)
	}
	noise := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, size)
	for i := range random {
		random[i] = byte(noise.Uint32())
	}
	return map[string]string{
		"nested divs":           half("<div>", "</div>"),
		"open divs":             "<html>" + fill("<div>a"),
		"open paragraphs":       "<html>" + fill("<p>a"),
		"misnested formatting":  "<html>" + fill("<b><i><p></b></i>a"),
		"end tags of nothing":   "<html>" + fill("</i>"),
		"bold never ended":      half("<b>", "</i>"),
		"nested tables":         half("<table><tr><td>", "</td></tr></table>"),
		"tables full of tables": half("<table><tr><td>x", "<p>y"),
		"one row":               "<html><table><tr>" + fill("<td>1"),
		"table of holes":        "<html><table><tr>" + strings.Repeat("<td>x", size/10) + strings.Repeat("<tr><td colspan=1000><td colspan=1000><td colspan=1000><td colspan=1000>y", size/140),
		"wide spans":            "<html><table>" + fill("<tr><td>a<td colspan=999999999>b<td>c"),
		"rows of one":           "<html><table>" + fill("<tr><td>a"),
		"text in tables":        "<html><table>" + fill("<tr>a"),
		"line breaks":           "<html><p>x" + fill("a<br>"),
		"blank lines":           "<html><p>" + fill("<br>"),
		"page breaks":           "<html>" + fill("<hr>a"),
		"items":                 "<html>" + fill("<p>Item 1.01. Entry</p>"),
		"item lines":            "<html><p>" + fill("Item 2.02 x<br>"),
		"items of a 10-K":       "<html><p>FORM 10-K</p>" + fill("<p>Item 1A. Risk Factors</p><p>a</p>"),
		"all items of a 10-K":   "<html><p>FORM 10-K</p>" + fill("<p>Item 1. B</p><p>Item 1A. R</p><p>Item 7. M</p><p>x"),
		"numbers of an item":    "<html><p>Items 1.01" + fill(", 1.01"),
		"signatures":            "<html><p>Item 8.01</p>" + fill("<p>duly caused signed</p>"),
		"part of nothing":       "<html>" + fill("<p>PART I</p>"),
		"facts":                 "<html>" + fill(`<ix:nonNumeric name="dei:TradingSymbol" contextRef="c">A`),
		"facts of many":         "<html>" + manyFacts(size),
		"attributes":            "<html><p " + fill("a=b ") + ">x",
		"styles":                "<html>" + manyStyles(size),
		"one style":             `<html><p style="` + fill("color:red;") + `">x`,
		"no end":                "<html><body><p>x<!--" + fill("-"),
		"unclosed tag":          "<html><body>x<p " + fill("a"),
		"entities":              "<html>" + fill("&amp;&#8217;"),
		"one word":              "<html>" + fill("a"),
		"quotes":                "<html>" + fill("”"),
		"dots":                  "<html>" + fill("a. "),
		"open pre":              "<html><pre>" + fill("a  b\n"),
		"pres":                  "<html>" + fill("<pre>a"),
		"list entries":          "<html>" + fill("<li>"),
		"noise":                 string(random),
		"noise in HTML":         "<html>" + string(random),
		"text: pages":           "a\n" + fill("<PAGE>"),
		"text: tables":          fill("<TABLE>\na  1\n"),
		"text: tags in a line":  "a " + fill("<S><C>"),
		"text: rows":            "<TABLE>\n" + fill("a   1   2\n"),
		"text: one line":        fill("a  "),
		"text: set-in lines":    fill("a.\n      b\n"),
		"text: rules":           fill("a\n---\n"),
		"text: letters":         fill("\xe9"),
		"documents":             fill("<DOCUMENT>\n<TYPE>8-K\n<TEXT>\na\n</TEXT>\n"),
		"document tags":         fill("<DOCUMENT>"),
	}
}

func manyStyles(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `<p style="margin-top:%dpt;font-weight:bold">x`, i)
	}
	return b.String()
}

func manyFacts(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `<ix:nonNumeric name="dei:TradingSymbol" contextRef="c%d">A</ix:nonNumeric>`, i)
	}
	return b.String()
}

func read(document string) error {
	d, err := filing.Parse([]byte(document))
	if err != nil {
		return err
	}
	d.Items()
	d.Sections()
	d.Chunks(0)
	parts, err := filing.Split([]byte(document))
	if err == nil && len(parts) == 0 {
		return errors.New("no part and no error")
	}
	return nil
}

// Time must grow with the size of a document and not with its square.
func TestHostileDocumentsTakeLinearTime(t *testing.T) {
	const small, times = 48 << 10, 8
	long := hostile(times * small)
	for name, document := range hostile(small) {
		took := func(document string) time.Duration {
			runtime.GC()
			start := time.Now()
			if err := read(document); err != nil && !errors.Is(err, filing.ErrNoText) {
				t.Errorf("%s: %v", name, err)
			}
			return time.Since(start)
		}
		short, again := took(document), took(long[name])
		// What is this fast is not worth a comparison; and a busy machine is asked again.
		for range 5 {
			if again < time.Second/2 || again < 4*times*short {
				break
			}
			short, again = max(short, took(document)), min(again, took(long[name]))
		}
		if again > time.Second/2 && again > 4*times*short {
			t.Errorf("%s: %v, and %d times the size %v", name, short, times, again)
		} else if testing.Verbose() {
			t.Logf("%-22s %8v %8v", name, short.Round(time.Millisecond), again.Round(time.Millisecond))
		}
	}
}
