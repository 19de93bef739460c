// Package numbers finds the key numbers of an earnings release or a filing:
// revenue, earnings per share, net income, margins, guidance, what an offering
// sells and for how much, what a deal costs, dividends. Each comes with its place
// in the text, its unit, its period and what the text compares it to.
//
// It reads sentences and tables, not meaning: a sentence is turned into a row of
// marks (figures, periods, words that name a metric, words that compare), and a
// figure is taken only where the marks around it leave one reading. A number that
// is missing costs a look at the filing; a wrong one costs money. So whatever is
// in doubt is left out: revenue of a segment, pro forma figures, changes ("up $5
// million"), last year's figure on its own.
package numbers

import (
	"strconv"
	"strings"
)

// A Kind says what a number measures.
type Kind string

// The kinds. Money that is not per share is in whole units of the currency.
const (
	Revenue         Kind = "revenue"          // of the whole company
	NetIncome       Kind = "net_income"       // negative: a net loss
	EPS             Kind = "eps"              // per share; negative: a loss
	GrossMargin     Kind = "gross_margin"     // percent of revenue
	OperatingMargin Kind = "operating_margin" // percent of revenue
	OfferingSize    Kind = "offering_size"    // gross proceeds, or principal of notes
	OfferingPrice   Kind = "offering_price"   // per share
	OfferingShares  Kind = "offering_shares"  // sold by the offering, without options of the underwriters
	WarrantShares   Kind = "warrant_shares"   // that warrants buy
	WarrantPrice    Kind = "warrant_price"    // exercise price, per share
	DealValue       Kind = "deal_value"       // of an acquisition or a licence, whole
	DealPrice       Kind = "deal_price"       // per share of the company being bought
	DealUpfront     Kind = "deal_upfront"     // paid at once
	DealMilestones  Kind = "deal_milestones"  // paid if something is achieved
	Dividend        Kind = "dividend"         // per share
)

// Kinds lists all kinds, in the order a reader would want them.
func Kinds() []Kind {
	return []Kind{Revenue, EPS, NetIncome, GrossMargin, OperatingMargin, OfferingSize, OfferingPrice,
		OfferingShares, WarrantShares, WarrantPrice, DealValue, DealPrice, DealUpfront, DealMilestones, Dividend}
}

// Units that are not a currency. A currency is its ISO 4217 code; a bare dollar
// sign is USD, as in all that is filed with the SEC.
const (
	Percent = "percent"
	Shares  = "shares"
)

// A Number is one figure and what the text says of it.
type Number struct {
	Kind Kind
	// Low and High are the ends of a range, and the same where there is none. Percent
	// are 12.5, not 0.125.
	Low, High float64
	// Unit is a currency code, [Percent] or [Shares].
	Unit string
	// Adjusted tells a non-GAAP figure from a reported one.
	Adjusted bool
	// PerShare is "diluted", "basic" or "basic and diluted" for an EPS whose text says
	// so, and empty otherwise.
	PerShare string
	// Guidance tells what is expected from what has been.
	Guidance bool
	// Approximate is a figure given as "about" so much.
	Approximate bool
	// Period is the time the figure is for; zero if the text does not say.
	Period Period
	// Prior is what the text compares the figure to, or nil.
	Prior *Prior

	// Place is where the figure stands.
	Place
	// Text is the figure as written.
	Text string
	// Rule names what bound the figure to its kind: "sentence", "noun" (the figure
	// stands before the word it measures), "pair" (… and …, respectively), "table",
	// "label" (a row of a label and a value), "context" (the words around it, such as
	// "shares" in a sentence about an offering).
	Rule string
	// Confidence is a rank in 0 … 1 and no probability: how much was written out
	// beside the figure, and how much was carried over from what came before.
	Confidence float64
}

// A Place is a stretch of one paragraph: paragraphs[Paragraph][Start:End].
type Place struct{ Paragraph, Start, End int }

// A Prior is a figure that another one is compared to: a year ago, last quarter,
// or earlier guidance. Its unit is that of the [Number].
type Prior struct {
	Low, High float64
	// Period may be zero: "compared to $5 million".
	Period Period
	Place
}

// Label is the kind as a reader would call it: "adjusted EPS (diluted)".
func (n Number) Label() string {
	label := labels[n.Kind]
	if n.Adjusted {
		label = "adjusted " + label
	}
	if n.PerShare != "" {
		label += " (" + n.PerShare + ")"
	}
	if n.Guidance {
		label += " guidance"
	}
	return label
}

var labels = map[Kind]string{
	Revenue: "revenue", NetIncome: "net income", EPS: "EPS", GrossMargin: "gross margin", OperatingMargin: "operating margin",
	OfferingSize: "offering size", OfferingPrice: "offering price per share", OfferingShares: "shares offered",
	WarrantShares: "shares under warrants", WarrantPrice: "warrant exercise price", DealValue: "deal value",
	DealPrice: "deal price per share", DealUpfront: "upfront payment", DealMilestones: "milestone payments", Dividend: "dividend per share",
}

// String is one line for a reader or a prompt:
// "revenue: $293.6M, Q3 2024 (prior $303.5M, Q3 2023)".
func (n Number) String() string {
	var b strings.Builder
	b.WriteString(n.Label() + ": ")
	if n.Approximate {
		b.WriteString("about ")
	}
	b.WriteString(Format(n.Low, n.High, n.Unit))
	if !n.Period.IsZero() {
		b.WriteString(", " + n.Period.String())
	}
	if n.Prior != nil {
		b.WriteString(" (prior " + Format(n.Prior.Low, n.Prior.High, n.Unit))
		if !n.Prior.Period.IsZero() {
			b.WriteString(", " + n.Prior.Period.String())
		}
		b.WriteString(")")
	}
	return b.String()
}

// Format writes a figure or a range for a reader: "$1.2B", "-$0.12", "45%–46%".
func Format(low, high float64, unit string) string {
	if low != high {
		return Format(low, low, unit) + "–" + Format(high, high, unit)
	}
	sign := ""
	if low < 0 {
		sign, low = "-", -low
	}
	switch unit {
	case Percent:
		return sign + short(low, 2) + "%"
	case Shares:
		return sign + scaled(low) + " shares"
	}
	return sign + symbol(unit) + scaled(low)
}

// symbol is what stands before a sum of money.
func symbol(currency string) string {
	switch currency {
	case "USD":
		return "$"
	case "EUR":
		return "€"
	case "GBP":
		return "£"
	case "JPY":
		return "¥"
	}
	return currency + " "
}

func scaled(v float64) string {
	for _, s := range []struct {
		unit float64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e4, "K"}} {
		if v >= s.unit && (s.name != "K" || v < 1e6) {
			unit := s.unit
			if s.name == "K" {
				unit = 1e3
			}
			return short(v/unit, 3) + s.name
		}
	}
	if v < 1000 && v != float64(int64(v)) {
		return short(v, 4)
	}
	return short(v, 2)
}

func short(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// Find returns the key numbers of a text in the order of their places. The rows
// of a table are paragraphs, or lines of one paragraph, whose cells are separated
// by " | ", a cell that was empty being left out or not; a figure's currency sign,
// its brackets and its percent sign are in its cell. What says "in thousands" and the heads of the
// columns are paragraphs before the rows, with or without " | ".
//
// The work is linear in the length of the text. Find may be called concurrently.
func Find(paragraphs []string) []Number {
	f := &finder{seen: map[Period]Period{}}
	for i, paragraph := range paragraphs {
		f.read(i, paragraph)
	}
	return f.found
}
