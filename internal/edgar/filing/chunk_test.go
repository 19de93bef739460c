package filing_test

import (
	"fmt"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/internal/edgar/filing"
)

func chunks(t *testing.T, most int, body string) []filing.Chunk {
	t.Helper()
	d, err := filing.Parse([]byte("<html><body>" + body + "</body></html>"))
	if err != nil {
		t.Fatal(err)
	}
	checkChunks(t, t.Name(), d, most)
	return d.Chunks(most)
}

func texts(chunks []filing.Chunk) []string {
	var out []string
	for _, c := range chunks {
		out = append(out, strings.TrimPrefix(c.Header+"⏎"+c.Text, "⏎"))
	}
	return out
}

func TestChunks(t *testing.T) {
	for _, c := range []struct {
		name, body string
		most       int
		want       []string
	}{
		{"a title begins a chunk, and is with what follows", "<p>one</p><p>two</p><p><b>Title</b></p><p>three</p>", 100,
			[]string{"one\ntwo", "Title\nthree"}},
		{"titles in a row are together", "<p><b>First</b></p><p><b>Second</b></p><p>text</p>", 100, []string{"First\nSecond\ntext"}},
		{"the last chunk is there, be it only a title", "<p>one</p><p><b>End</b></p>", 100, []string{"one", "End"}},
		{"a paragraph that does not fit begins a chunk", "<p>one two three</p><p>four five six</p>", 20, []string{"one two three", "four five six"}},
		{"a long paragraph is cut between sentences", "<p>The U.S. court agreed. Mr. Oar paid $1.5 million. It was over.</p>", 32,
			[]string{"The U.S. court agreed.", "Mr. Oar paid $1.5 million.", "It was over."}},
		{"a long sentence is cut between words", "<p>one two three four five six seven</p>", 12, []string{"one two", "three four", "five six", "seven"}},
		{"a long word is cut anywhere", "<p>abcdefghij</p>", 4, []string{"abcd", "efgh", "ij"}},
		{"characters are not bytes", "<p>ééééé</p>", 5, []string{"ééééé"}},
		{"a table is whole", "<p>text before it</p><table><tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></table><p>after</p>", 24,
			[]string{"text before it", "a | 1\nb | 2\nafter"}},
		{"a long table is cut between rows, with its header", "<table><tr><td></td><td>2026</td></tr><tr><td>Sales</td><td>1</td></tr><tr><td>Costs</td><td>2</td></tr><tr><td>Taxes</td><td>3</td></tr></table>", 27,
			[]string{" | 2026\nSales | 1\nCosts | 2", " | 2026⏎Taxes | 3"}},
		{"a long row is cut too", "<table><tr><td>one two three</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></table>", 9,
			[]string{"one two", "three | 1", "b | 2"}},
	} {
		if diff := cmp.Diff(c.want, texts(chunks(t, c.most, c.body))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestChunksKnowWhereTheyAreFrom(t *testing.T) {
	var got []string
	for _, c := range sample(t, "plain.txt").Chunks(0) {
		got = append(got, c.Company+"; "+c.Form+"; "+c.Period+"; "+c.Section)
	}
	from := "OAR & QUILL INC; 8-K; 1998-02-17; "
	want := []string{from + "Cover page", from + "Item 2. Acquisition or Disposition of Assets", from + "Item 5. Other Events",
		from + "Item 7. Financial Statements and Exhibits", from + "Signatures and exhibits"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	long := chunks(t, 40, "<p><b>On boats</b></p><p>They float on water. They sink at times. They are made of wood.</p>")
	for _, c := range long {
		if c.Heading != "On boats" || !strings.Contains(c.String(), "On boats") {
			t.Errorf("%q is not known to be under its title", c.Text)
		}
	}
}

// A filing of 10 MB must fit where other work goes on.
func TestMemory(t *testing.T) {
	const size, most = 10 << 20, 200 << 20
	var b strings.Builder
	b.WriteString("<html><body><p>FORM 10-K</p>")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `<div style="margin-top:%dpt;text-align:justify"><span style="font-size:9pt;font-weight:400">Paragraph %d says that sales grew on more boats sold.</span></div>`, i%40, i)
		fmt.Fprintf(&b, `<table style="width:100%%"><tr><td colspan="3" style="padding:2px 1pt;text-align:left"><span style="font-size:9pt">Net sales</span></td>`+
			`<td style="border-bottom:1pt solid #000"><span>$</span></td><td><ix:nonFraction name="x:Sales" contextRef="c-%d" scale="6">%d</ix:nonFraction></td></tr>`+
			`<tr><td colspan="3">Cost</td><td></td><td>%d</td></tr></table>`, i, i, i)
	}
	document := []byte(b.String())
	b.Reset()
	peak := peakHeap(func() {
		if _, err := filing.Parse(document); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%d MB with the document itself", peak>>20)
	if peak > most {
		t.Errorf("%d MB of memory for a filing of %d MB", peak>>20, len(document)>>20)
	}
}

// peakHeap is the most that the heap holds while f runs, garbage included.
func peakHeap(f func()) (peak uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for ticks := time.NewTicker(time.Millisecond); ; {
		metrics.Read(sample)
		peak = max(peak, sample[0].Value.Uint64())
		select {
		case <-done:
			ticks.Stop()
			return peak
		case <-ticks.C:
		}
	}
}
