package numbers

import (
	"regexp"
	"strings"
)

// A table is what the rows read so far say of the rows to come.
type table struct {
	scale    float64 // of money; 0 if nothing was said
	levels   [][]column
	rows     int    // with figures, below the heads
	adjusted bool   // the title said "non-GAAP"
	group    string // the last row without figures: what the rows below it belong to
	foreign  bool
}

// A column is one cell of a head: a period, part of one ("Three Months Ended",
// "2025"), or something else ("% change").
type column struct {
	period Period
	named  bool
	guided bool
}

// end forgets the table.
func (t *table) end() { *t = table{} }

// next begins another table under the same heading.
func (t *table) next() {
	scale := t.scale
	*t = table{scale: scale}
}

var scaleText = regexp.MustCompile(`(?i)\b(?:in|\$|000s?)\s*(?:u\.?s\.?\s*|us\s*)?(?:dollars\s+|\$\s*|€\s*)?(?:in\s+)?(thousands|millions|billions|000)`)

// scaleOf reads "(in thousands, except per share data)".
func scaleOf(text string) float64 {
	if len(text) > 400 {
		return 0
	}
	m := scaleText.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	switch strings.ToLower(m[1]) {
	case "millions":
		return 1e6
	case "billions":
		return 1e9
	}
	return 1e3
}

// header reads a paragraph that is the head of a table, or of its columns, without
// a " | ", and reports whether it was one.
func (f *finder) header(list []token) bool {
	if len(list) == 0 || len(list) > 40 {
		return false
	}
	text := lowText(list)
	if scale := scaleOf(text); scale > 0 {
		if f.table.rows > 0 {
			f.table.end()
		}
		f.table.scale = scale
		return true
	}
	if c := columnOf(list); c.named && !c.guided && len(list) <= 12 {
		f.addLevel([]column{c})
		return true
	}
	if len(list) <= 14 {
		f.table.group = text
		switch {
		case text == "gaap":
			f.table.adjusted = false
		case strings.Contains(text, "non gaap") && !strings.Contains(text, "reconcil") && !strings.Contains(text, "gaap to") && !strings.Contains(text, "to non"):
			f.table.adjusted = true
		}
		if strings.Contains(text, "pro forma") {
			f.table.foreign = true
		}
	}
	return false
}

func lowText(list []token) string {
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = t.low
	}
	return strings.Join(parts, " ")
}

func (f *finder) addLevel(level []column) {
	if f.table.rows > 0 {
		f.table.next()
	}
	if len(f.table.levels) < 6 {
		f.table.levels = append(f.table.levels, level)
	}
}

// columnOf reads a cell of a head whole: a cell with anything beside a period is
// not named.
func columnOf(list []token) column {
	for len(list) > 0 && (list[0].low == "(" || list[0].low == "the" || list[0].low == "for") {
		list = list[1:]
	}
	if len(list) == 0 {
		return column{}
	}
	r := periodReader{list: list}
	p, ok := r.period()
	if !ok || r.at == 0 {
		r.at, r.second = 0, 0
		if year := r.year(0); year > 0 {
			p, ok = Period{Year: year}, true
			r.at = 1
		} else if p, ok = r.date(); !ok || p.Day == 0 {
			r.at = 0
			ok = false
			if (r.is(0, "quarter", "quarters") || r.is(0, "year", "years")) && r.is(1, "ended", "ending") {
				p, ok = Period{Months: 3}, true
				if r.is(0, "year", "years") {
					p.Months = 12
				}
				r.at = 2
			}
		}
	}
	if !ok || r.second > 0 {
		return column{}
	}
	c := column{period: p, named: true}
	for _, t := range list[r.at:] {
		switch t.low {
		case "guidance", "outlook", "forecast":
			c.guided = true
		case "ended", "ending", "actual", "unaudited", "(", ")", ",", ".", ":", "as", "restated", "fiscal", "quarter", "year", "weeks", "period", "1", "2", "3", "a", "b", "*":
		default:
			if year := (&periodReader{list: []token{t}}).year(0); year > 0 && c.period.Year == 0 {
				c.period.Year = year
				continue
			}
			return column{}
		}
	}
	return c
}

// A cell of a row.
type cell struct {
	start int
	text  string
	list  []token
}

func cells(paragraph string) []cell {
	var row []cell
	start := 0
	for _, part := range strings.Split(paragraph, " | ") {
		text := strings.TrimSpace(part)
		if text != "" && text != "|" {
			row = append(row, cell{start: start, text: part, list: tokens(part)})
		}
		start += len(part) + len(" | ")
	}
	return row
}

// row reads a row of a table: the heads of columns, or a label and its values.
func (f *finder) row(i int, text string) {
	row := cells(text)
	if len(row) == 0 || len(row) > 40 {
		return
	}
	if scale := scaleOf(row[0].text); scale > 0 {
		if f.table.rows > 0 {
			f.table.end()
		}
		f.table.scale = scale
		row = row[1:]
	}
	if level, ok := heads(row); ok {
		f.addLevel(level)
		return
	}
	if len(row) < 2 {
		return
	}
	f.table.rows++
	f.values(i, row)
}

// heads reads a row of column heads. Its first cell may be a label.
func heads(row []cell) ([]column, bool) {
	var level []column
	named := 0
	for i, c := range row {
		h := columnOf(c.list)
		if h.named {
			named++
		} else if i == 0 {
			continue
		} else if hasFigure(c.list) {
			return nil, false
		}
		level = append(level, h)
	}
	return level, named > 0
}

func hasFigure(list []token) bool {
	for i := range list {
		if list[i].kind != 'n' {
			continue
		}
		if len(list[i].low) > 4 || strings.ContainsAny(list[i].low, ".,") {
			return true
		}
	}
	return false
}

// columns joins the levels of heads: "Three Months Ended" over "2025 | 2024".
func (t *table) columns() []column {
	var widest []column
	for _, level := range t.levels {
		if len(level) >= len(widest) {
			widest = level
		}
	}
	joined := append([]column(nil), widest...)
	places := named(joined)
	for _, level := range t.levels {
		if &level[0] == &widest[0] {
			continue
		}
		over := named(level)
		if len(over) == 0 || len(places)%len(over) != 0 {
			continue
		}
		span := len(places) / len(over)
		for i, place := range places {
			joined[place].merge(level[over[i/span]])
		}
	}
	return joined
}

func named(level []column) []int {
	var places []int
	for i, c := range level {
		if c.named {
			places = append(places, i)
		}
	}
	return places
}

func (c *column) merge(over column) {
	fill := func(to *int, from int) {
		if *to == 0 {
			*to = from
		}
	}
	fill(&c.period.Months, over.period.Months)
	fill(&c.period.Quarter, over.period.Quarter)
	fill(&c.period.Year, over.period.Year)
	if c.period.Month == 0 {
		c.period.Month, c.period.Day = over.period.Month, over.period.Day
	}
	c.guided = c.guided || over.guided
}

var (
	footnote = regexp.MustCompile(`\s*(?:\(\d{1,2}\)|\([a-z]\)|[*†‡]+|[¹²³⁴⁵])+\s*$`)
	leader   = regexp.MustCompile(`[.\s:]*$`)
)

// label is the name of a row without marks and dots.
func label(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	for range 2 {
		text = leader.ReplaceAllString(text, "")
		text = footnote.ReplaceAllString(text, "")
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "–", "-"), "—", "-")
}

// rowNames are the names of rows, whole. What is not here is not read.
var rowNames = []struct {
	kind Kind
	loss bool
	name *regexp.Regexp
}{
	{Revenue, false, regexp.MustCompile(`^(?:gaap )?(?:total |net |consolidated )*(?:operating )?(?:revenues?|sales)(?:, ?net(?: of .{1,60})?|, total)?$`)},
	{NetIncome, true, regexp.MustCompile(`^(?:gaap |adjusted |non-gaap )*net loss(?: (?:attributable|available|applicable) to (?:common (?:stock|share)holders|(?:the )?company|[a-z&.' ]{2,40}(?:inc|corp(?:oration)?|ltd|plc|company|common (?:stock|share)holders|stockholders|shareholders)\.?))?$`)},
	{NetIncome, false, regexp.MustCompile(`^(?:gaap |adjusted |non-gaap )*(?:consolidated )?net (?:\(loss\) )?(?:income|earnings|profit)(?: ?\(loss\))?(?: (?:attributable|available|applicable) to (?:common (?:stock|share)holders|(?:the )?company|[a-z&.' ]{2,40}(?:inc|corp(?:oration)?|ltd|plc|company|common (?:stock|share)holders|stockholders|shareholders)\.?))?$`)},
	{EPS, true, regexp.MustCompile(`^(?:gaap |adjusted |non-gaap )*(?:basic and diluted |diluted |basic )?(?:net )?loss per (?:basic |diluted |common |ordinary |basic and diluted )*(?:share|ads)(?: of common stock)?(?: attributable to .{1,50})?(?:,? ?-? ?\(?(?:basic and diluted|basic|diluted)\)?)?$`)},
	{EPS, false, regexp.MustCompile(`^(?:gaap |adjusted |non-gaap )*(?:basic and diluted |diluted |basic )?(?:net )?(?:\(loss\) )?(?:income|earnings)(?: ?\(loss\))? per (?:basic |diluted |common |ordinary |basic and diluted )*(?:share|ads)(?: of common stock)?(?: attributable to .{1,50})?(?:,? ?-? ?\(?(?:basic and diluted|basic|diluted)\)?)?$`)},
	{EPS, false, regexp.MustCompile(`^(?:gaap |adjusted |non-gaap )*(?:basic |diluted )?eps(?:,? ?-? ?\(?(?:basic|diluted)\)?)?$`)},
	{EPS, false, regexp.MustCompile(`^(?:basic|diluted|basic and diluted)(?: (?:eps|earnings per share))?$`)},
	{GrossMargin, false, regexp.MustCompile(`^(?:gaap |adjusted |non-gaap )*gross (?:profit )?margin(?: ?%| percentage)?$`)},
	{OperatingMargin, false, regexp.MustCompile(`^(?:gaap |adjusted |non-gaap )*operating (?:profit |income )?margin(?: ?%| percentage)?$`)},
}

// values reads a row of a label and values.
func (f *finder) values(i int, row []cell) {
	name := label(row[0].text)
	if first := strings.TrimSpace(row[0].text)[0]; 'a' <= first && first <= 'z' {
		// The rest of a name that began in the row above.
		return
	}
	for _, r := range rowNames {
		if !r.name.MatchString(name) {
			continue
		}
		p := phrase{meaning: metric, kind: r.kind, loss: r.loss, words: strings.Fields(name)}
		if strings.HasPrefix(name, "basic") || strings.Contains(name, "basic") || strings.Contains(name, "diluted") {
			p.share = shareBasis(strings.Contains(name, "basic"), strings.Contains(name, "diluted"))
		}
		if f.ours(p, name) {
			f.column(i, row, p, f.table.adjusted || strings.Contains(name, "adjusted") || strings.Contains(name, "non-gaap"))
		}
		return
	}
	if strings.Contains(name, "shares") {
		f.table.group = name
	}
}

var statement = regexp.MustCompile(`revenue|sales|income|loss|operations|expense|cost|earnings|statement|result|highlight|data|unaudited|audited|gaap|per share|summary|outlook|guidance|metric|consolidated|financial|margin|profit|operating`)

// ours reports whether a row belongs to the company as a whole.
func (f *finder) ours(p phrase, name string) bool {
	group := f.table.group
	if f.table.foreign || f.proforma || strings.Contains(group, "pro forma") {
		return false
	}
	if strings.Contains(group, "prior guidance") {
		return false
	}
	bare := name == "basic" || name == "diluted" || name == "basic and diluted"
	if p.kind == EPS && bare {
		return strings.Contains(group, "per share") || strings.Contains(group, "per common share") || strings.Contains(group, "eps") || strings.Contains(group, "per ordinary share")
	}
	if p.kind == Revenue || p.kind == GrossMargin || p.kind == OperatingMargin {
		return group == "" || statement.MatchString(group)
	}
	return true
}

// column takes from a row the value of the current period, and of the period a year
// before it, for each length of period.
func (f *finder) column(i int, row []cell, p phrase, isAdjusted bool) {
	columns := f.table.columns()
	values := row[1:]
	if len(columns) == 0 {
		f.labelled(i, row, p, isAdjusted)
		return
	}
	if len(values) != len(columns) {
		values = withoutPercent(values, p)
		columns = onlyNamed(columns)
	}
	if len(values) != len(columns) {
		return
	}
	done := map[int]bool{}
	for a := range columns {
		length := columns[a].period.Months
		if !columns[a].named || done[length] {
			continue
		}
		done[length] = true
		current := latest(columns, length)
		if length == 0 && twice(columns, current) {
			continue
		}
		n, ok := f.value(i, values[current], p, isAdjusted)
		if !ok {
			continue
		}
		n.Period = f.resolve(columns[current].period)
		n.Guidance = columns[current].guided || f.outlook
		if n.Rule, n.Confidence = "table", 0.9; length == 0 {
			n.Confidence = 0.6
		}
		if before := yearEarlier(columns, current); before >= 0 {
			if prior, ok := f.value(i, values[before], p, isAdjusted); ok && prior.Unit == n.Unit {
				n.Prior = &Prior{Low: prior.Low, High: prior.High, Period: columns[before].period, Place: prior.Place}
			}
		}
		f.found = append(f.found, n)
	}
}

// labelled reads a row of a label and one value that carries its own unit.
func (f *finder) labelled(i int, row []cell, p phrase, isAdjusted bool) {
	if len(row) != 2 {
		return
	}
	n, ok := f.value(i, row[1], p, isAdjusted)
	if !ok {
		return
	}
	n.Period, n.Guidance = f.heading, f.outlook
	n.Rule, n.Confidence = "label", 0.75
	f.found = append(f.found, n)
}

func withoutPercent(values []cell, p phrase) []cell {
	if p.kind == GrossMargin || p.kind == OperatingMargin {
		return values
	}
	var kept []cell
	for _, c := range values {
		if !strings.ContainsAny(c.text, "%") {
			kept = append(kept, c)
		}
	}
	return kept
}

func onlyNamed(columns []column) []column {
	var kept []column
	for _, c := range columns {
		if c.named {
			kept = append(kept, c)
		}
	}
	return kept
}

// latest is the last period of a length.
func latest(columns []column, length int) int {
	best := -1
	for i, c := range columns {
		if c.named && c.period.Months == length && (best < 0 || c.period.later(columns[best].period)) {
			best = i
		}
	}
	return best
}

// twice reports whether another column has the same period as far as it is known:
// a quarter and nine months whose heads are lost.
func twice(columns []column, of int) bool {
	for i, c := range columns {
		if i != of && c.named && c.period == columns[of].period {
			return true
		}
	}
	return false
}

// yearEarlier is the column of the same period a year before, or -1.
func yearEarlier(columns []column, of int) int {
	p := columns[of].period
	for i, c := range columns {
		if !c.named || c.period.Months != p.Months || c.period.Year != p.Year-1 || p.Year == 0 {
			continue
		}
		// A 52-week year ends within a week of the same day.
		apart := (p.Month - c.period.Month + 12) % 12
		if c.period.Quarter == p.Quarter && (apart == 0 || apart == 1 || apart == 11) {
			return i
		}
	}
	return -1
}

// value reads a cell whole.
func (f *finder) value(i int, c cell, p phrase, isAdjusted bool) (Number, bool) {
	list := c.list
	start := 0
	for start < len(list) && (list[start].low == "(" && start+1 < len(list) && list[start+1].low == "(" || approximate[list[start].low]) {
		start++
	}
	g, ok := cellFigure(list, start, p)
	if !ok || p.kind != Dividend && g.unit == Shares {
		return Number{}, false
	}
	for _, t := range list[g.end:] {
		if t.kind == 'w' || t.kind == 'n' && len(t.low) > 1 {
			return Number{}, false
		}
	}
	switch p.kind {
	case Revenue, NetIncome:
		if g.perShare || !g.money() {
			return Number{}, false
		}
		if !g.scaled {
			switch {
			case f.table.scale > 0:
				g.low, g.high = fixed(g.low*f.table.scale), fixed(g.high*f.table.scale)
			case g.low >= 1e6 || g.low <= -1e6:
			default:
				return Number{}, false
			}
		}
		if p.kind == Revenue && g.low <= 0 {
			return Number{}, false
		}
	case EPS:
		if !g.money() || g.scaled || g.low >= 1000 || g.low <= -1000 || !strings.Contains(c.text, ".") {
			return Number{}, false
		}
	case GrossMargin, OperatingMargin:
		if g.unit != Percent || g.low > 100 {
			return Number{}, false
		}
	}
	low, high := signs(p, g)
	place := Place{Paragraph: i, Start: c.start + list[g.start].start, End: c.start + list[g.end-1].end}
	return Number{Kind: p.kind, Low: low, High: high, Unit: g.unit, PerShare: p.share, Adjusted: isAdjusted,
		Place: place, Text: c.text[list[g.start].start:list[g.end-1].end]}, true
}

// cellFigure reads the figure of a cell. Without a unit it is money.
func cellFigure(list []token, start int, p phrase) (figure, bool) {
	if start >= len(list) {
		return figure{}, false
	}
	if g, ok := figureAt(list, start); ok {
		return g, true
	}
	if list[start].low == "(" && start+1 < len(list) {
		if g, ok := figureAt(list, start+1); ok && g.low < 0 {
			return g, true
		}
	}
	open := list[start].low == "(" || list[start].low == "-" || list[start].low == "−" || list[start].low == "–"
	at := start
	if open {
		at++
	}
	g, ok := bareAmount(list, at)
	if !ok || p.kind == GrossMargin || p.kind == OperatingMargin {
		return figure{}, false
	}
	g.unit, g.start = "USD", start
	if open {
		if list[start].low == "(" {
			if g.end >= len(list) || list[g.end].low != ")" {
				return figure{}, false
			}
			g.end++
		}
		g.low, g.high = -g.low, -g.low
	}
	return g, true
}
