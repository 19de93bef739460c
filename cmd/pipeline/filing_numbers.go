package main

import (
	"fmt"
	"strings"

	"catalyst/internal/edgar/filing"
	"catalyst/internal/edgar/numbers"
)

// A filingNumber is a key number as `pipeline filing --show numbers` prints it.
type filingNumber struct {
	Kind       numbers.Kind `json:"kind"`
	Low        float64      `json:"low"`
	High       float64      `json:"high"`
	Unit       string       `json:"unit"` // a currency, percent or shares
	Period     string       `json:"period,omitempty"`
	Adjusted   bool         `json:"adjusted,omitempty"`
	Guidance   bool         `json:"guidance,omitempty"`
	PerShare   string       `json:"per_share,omitempty"`
	PriorLow   *float64     `json:"prior_low,omitempty"`
	PriorHigh  *float64     `json:"prior_high,omitempty"`
	Says       string       `json:"says"`
	Confidence float64      `json:"confidence"`
	// Element, Start and End are where it stands: a stretch of an element's text, as
	// --show elements prints it.
	Element int    `json:"element"`
	Start   int    `json:"start"`
	End     int    `json:"end"`
	Text    string `json:"text"`
}

// numbersOf returns the key numbers of a document in the order of their places.
func numbersOf(d *filing.Document) []filingNumber {
	var texts []string
	var element []int
	for i, e := range d.Elements {
		if e.Kind != filing.Page {
			texts, element = append(texts, e.Text), append(element, i)
		}
	}
	found := []filingNumber{}
	for _, n := range numbers.Find(texts) {
		shown := filingNumber{
			Kind: n.Kind, Low: n.Low, High: n.High, Unit: n.Unit, Period: n.Period.String(),
			Adjusted: n.Adjusted, Guidance: n.Guidance, PerShare: n.PerShare, Says: n.Figure(), Confidence: n.Confidence,
			Element: element[n.Paragraph], Start: n.Start, End: n.End, Text: n.Text,
		}
		if n.Prior != nil {
			shown.PriorLow, shown.PriorHigh = &n.Prior.Low, &n.Prior.High
		}
		found = append(found, shown)
	}
	return found
}

func printNumbers(b *strings.Builder, all []filingNumber) {
	if len(all) == 0 {
		b.WriteString("No key numbers.\n")
	}
	for _, n := range all {
		fmt.Fprintf(b, "%.2f  %s  (%q, element %d)\n", n.Confidence, n.Says, n.Text, n.Element)
	}
}
