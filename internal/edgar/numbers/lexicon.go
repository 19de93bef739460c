package numbers

import "strings"

// A meaning is what a phrase does to the reading of the sentence it stands in.
type meaning int

const (
	none     meaning = iota
	metric           // names what a figure measures
	other            // names something else, so that what follows is not the metric before
	compares         // what follows is what something is compared to
	earlier          // names an earlier period without saying which
	expects          // what follows is yet to come
	changes          // what directly follows is by how much, not how much
	adjusted         // not as reported
	reported         // as reported (GAAP)
	proforma         // as if
	diluted
	basic
	offering // tells what the sentence is about
	deal
)

// A phrase is a meaning of a few words.
type phrase struct {
	words   []string
	meaning meaning
	kind    Kind
	loss    bool // counts downwards: "net loss"
	share   string
}

// phrases are the phrases by their first word, the longest first.
var phrases = index()

// lexicon is one meaning a line: words, with | between options and ? after what
// may be left out. What is longer wins: "cost of revenue" is not "revenue".
var lexicon = []struct {
	meaning meaning
	kind    Kind
	loss    bool
	list    []string
}{
	{meaning: metric, kind: Revenue, list: []string{
		"revenue|revenues|sales", "net|total? sales|revenue|revenues", "total net revenue|revenues|sales", "net operating? revenue|revenues",
	}},
	{meaning: metric, kind: NetIncome, list: []string{"net income|earnings|profit", "net income|earnings|profit ( loss )", "net ( loss ) income|earnings"}},
	{meaning: metric, kind: NetIncome, loss: true, list: []string{"net loss|losses"}},
	{meaning: metric, kind: EPS, list: []string{
		"eps", "earnings|income|profit per basic|diluted|fully? diluted? common|ordinary? share|ads|unit", "net income|earnings|profit per basic|diluted|fully? diluted? common|ordinary? share|ads|unit",
		"net? income ( loss ) per common|diluted? share|ads", "net? ( loss ) income|earnings per common|diluted? share|ads",
		"net? income|earnings per common? share|ads attributable to common stockholders|shareholders",
		"earnings", "earnings per share of common stock",
	}},
	{meaning: metric, kind: EPS, loss: true, list: []string{"net? loss per basic|diluted|fully? diluted? common|ordinary? share|ads|unit", "loss of"}},
	{meaning: metric, kind: GrossMargin, list: []string{"gross margin|margins", "gross profit margin", "gross margin percentage"}},
	{meaning: metric, kind: OperatingMargin, list: []string{"operating margin|margins", "operating profit|income margin"}},
	{meaning: metric, kind: OfferingSize, list: []string{
		"gross proceeds", "aggregate gross proceeds", "total gross proceeds", "aggregate offering price", "offering size", "public|direct|underwritten|registered offering", "underwritten? registered? public|direct offering",
		"initial|secondary|bought public? offering|deal", "private placement", "common stock offering", "at the market offering|program|facility", "private|notes offering", "pipe financing", "equity financing",
	}},
	{meaning: metric, kind: OfferingSize, list: []string{"aggregate|total principal amount", "principal amount"}},
	{meaning: metric, kind: OfferingPrice, list: []string{
		"public offering price", "combined? public? offering price", "combined purchase price", "price to the public", "offering price", "issue price", "subscription price", "combined? effective? offering price", "purchase price per share", "combined price", "at a price",
	}},
	{meaning: metric, kind: WarrantPrice, list: []string{"exercise price|prices", "exercisable at", "exercisable at a price", "exercise price per share"}},
	{meaning: metric, kind: DealValue, list: []string{
		"purchase price", "aggregate|total|cash purchase price|consideration", "total transaction value", "transaction value", "deal value", "enterprise|equity value",
		"transaction is? valued at", "valued at", "implied enterprise|equity? value", "total deal value", "consideration", "total potential consideration|value|payments",
		"merger|cash|upfront|closing consideration", "values the company|transaction|business at",
	}},
	{meaning: metric, kind: DealUpfront, list: []string{"upfront", "up front", "upfront cash? payment|payments|consideration|fee", "up front cash? payment|payments|consideration|fee", "initial upfront payment", "initial cash? payment", "closing payment"}},
	{meaning: metric, kind: DealMilestones, list: []string{
		"milestones", "milestone payments|payment", "development|regulatory|commercial|sales|clinical? milestones|milestone", "contingent milestone? payments|consideration", "earn out payment|payments?", "earnout payment|payments?", "future? milestone payments",
	}},
	{meaning: metric, kind: Dividend, list: []string{"dividend", "quarterly|special|monthly|annual|semi cash? dividend", "cash dividend", "dividends|dividend of", "cash? distribution of"}},

	{meaning: other, list: []string{
		"cost|costs of revenue|revenues|sales|goods", "percent|percentage|% of total|net? revenue|revenues|sales", "deferred revenue|revenues", "revenue|revenues|sales growth|recognition|cycle|multiple|target|organization|team|force|mix", "sales and marketing", "sales tax|taxes|price|agreement|volume|volumes",
		"stock|share repurchase|repurchases|buyback", "repurchase|repurchased|repurchases|buyback", "repurchase program", "adjusted? ebitda|ebit|ebitdar", "free cash flow", "net cash", "cash flow|flows", "cash and cash equivalents", "cash equivalents", "cash used", "cash from operations", "operating cash flow", "cash balance", "cash position",
		"operating|gross profit|income|loss|earnings", "income|loss from operations", "operating expenses|expense|costs", "gross profit", "research and development", "r & d", "general and administrative", "g & a", "selling", "sg & a", "capital expenditures|expenditure", "income tax|taxes", "tax|taxes", "effective tax rate", "interest|depreciation|amortization|impairment|goodwill|backlog|bookings|billings|arr|inventory|inventories|receivables|debt|severance|charge|charges|restructuring|compensation|salary|bonus|fee|fees|penalty|fine|settlement",
		"net interest income|margin|expense", "net loss|income margin", "net income|loss|earnings|revenue|sales attributable to noncontrolling", "net income|loss|earnings attributable to non controlling", "net income|loss|earnings from discontinued", "comparable|same|online|like organic? store? net? sales|revenue|revenues", "income before", "loss before", "earnings before", "earnings call|release|conference|announcement|power|growth", "dividend yield|payout|income|policy|reinvestment", "dividends paid", "annualized|annual? dividend rate", "net proceeds", "proceeds",
		"par value", "stated value", "book value", "fair value", "market value|capitalization", "closing|market|stock|share|sale|reported|trading|bid price", "last reported sale? price", "conversion|strike|reference|redemption price", "purchase price adjustment", "unused", "termination fee", "break up fee", "annual recurring revenue", "equity in net income|loss|earnings", "equity in earnings|losses", "recurring revenue|revenues", "remaining performance obligations", "including", "includes", "included", "of which", "excluding|excludes", "net of", "segment|segments", "division", "royalty|royalties", "loan|facility|revolver|revolving|borrowings|borrow", "credit agreement|facility", "exercise of", "option to purchase", "over allotment", "underwriters", "overallotment",
		"margin", "run rate", "addressable market", "market size", "tam", "escrow", "holdback", "fund|funds", "stock based", "share based", "foreign exchange|currency", "currency", "acquired|contributed|contribution|contributing", "synergies", "savings", "impact", "benefit", "headwind|headwinds|tailwind", "gain|gains", "average daily", "average revenue|sales", "revenue|revenues|sales per", "backlog of", "funded", "net loss|income carryforwards", "net operating loss", "net operating losses", "grant|award|awards|contract|contracts|order|orders", "aggregate market value", "market cap", "liquidation preference", "outstanding", "reverse stock split",
	}},
	{meaning: compares, list: []string{
		"compared|comparing to|with", "compares|comparable to|with", "as? compared", "in comparison to|with", "versus", "vs", "vs .", "relative to", "up|down|decreased|increased|rising|falling|declining from", "an? increase|decrease|improvement|decline|reduction|growth from", "against", "over the|last|fiscal", "than the", "above the|our|its|prior|previous", "below the|our|its|prior|previous", "exceeded|exceeding|exceeds|beat|beating|topped|surpassed|surpassing", "previous|prior|previously|initial guidance|outlook|expected|estimate|expectation|expectations|forecast", "consensus", "analyst|analysts", "year over year from",
	}},
	{meaning: earlier, list: []string{
		"prior year fiscal? quarter|period|year|s?", "prior fiscal? year|quarter|period|sequential?", "year ago quarter|period?", "a year ago", "a year earlier", "year earlier quarter|period?", "last year s? quarter|period|third|second|first|fourth?", "last fiscal? year|quarter", "previous fiscal? year|quarter|period",
		"same|comparable|corresponding|comparative|equivalent fiscal|prior|year? quarter|period|year|months|time|three|nine|six", "preceding quarter|year", "immediately preceding quarter", "one year ago", "in the past", "historically",
	}},
	{meaning: expects, list: []string{
		"expect|expects|expected|expecting|anticipate|anticipates|anticipated|anticipating", "guidance|outlook|forecast|forecasts|forecasting|forecasted|project|projects|projected|projecting", "target|targets|targeting|sees|estimate|estimates|estimated", "reaffirm|reaffirms|reaffirmed|reaffirming|reiterate|reiterates|reiterated|reiterating", "will be", "to be", "should be", "guiding", "is|are likely",
	}},
	{meaning: changes, list: []string{"increase|increased|increases|increasing|decrease|decreased|decreases|decreasing|rose|fell|grew|grown|declined|declines|decline|up|down|improved|improvement|higher|lower|gained|dropped|climbed|jumped|reduction|reduced|growth of?", "by", "growth|gain of"}},
	{meaning: adjusted, list: []string{"adjusted", "non gaap", "normalized", "core", "as adjusted", "on an adjusted basis"}},
	{meaning: reported, list: []string{"gaap", "ifrs", "us gaap"}},
	{meaning: proforma, list: []string{"pro forma", "proforma", "unaudited pro forma"}},
	{meaning: diluted, list: []string{"diluted", "fully diluted"}},
	{meaning: basic, list: []string{"basic"}},
	{meaning: offering, list: []string{"offering|offerings", "underwriting agreement", "securities purchase agreement", "issue and sell", "sell and issue", "sale and issuance", "issuance and sale", "issued and sold", "shelf registration", "prospectus|prospectus supplement", "placement agent", "subscription agreement|agreements", "pre funded warrants", "agreed? to sell|issue", "selling stockholders|shareholders", "private placement", "will issue"}},
	{meaning: deal, list: []string{"acquire|acquires|acquiring|acquisition|acquisitions", "merger|merge|merges", "buy|buys", "license|licence|collaboration|licensing", "definitive agreement", "tender offer", "divestiture|divest", "sale of its|the|our", "completed the acquisition|sale", "to be acquired", "take private", "share|stock purchase agreement", "purchased all", "purchase all"}},
}

// index expands the lexicon.
func index() map[string][]phrase {
	byFirst := map[string][]phrase{}
	for _, line := range lexicon {
		for _, pattern := range line.list {
			for _, list := range expand(strings.Fields(pattern)) {
				if len(list) == 0 {
					continue
				}
				p := phrase{words: list, meaning: line.meaning, kind: line.kind, loss: line.loss}
				text := strings.Join(list, " ")
				p.share = shareBasis(strings.Contains(text, "basic"), strings.Contains(text, "diluted"))
				byFirst[list[0]] = append(byFirst[list[0]], p)
			}
		}
	}
	for _, list := range byFirst {
		// Insertion sort: stable, so that of equal lengths the first line wins.
		for i := 1; i < len(list); i++ {
			for j := i; j > 0 && len(list[j].words) > len(list[j-1].words); j-- {
				list[j], list[j-1] = list[j-1], list[j]
			}
		}
	}
	return byFirst
}

// expand writes a pattern out.
func expand(pattern []string) [][]string {
	if len(pattern) == 0 {
		return [][]string{nil}
	}
	rest := expand(pattern[1:])
	head, optional := strings.CutSuffix(pattern[0], "?")
	var all [][]string
	for _, option := range strings.Split(head, "|") {
		for _, tail := range rest {
			all = append(all, append([]string{option}, tail...))
		}
	}
	if optional {
		all = append(all, rest...)
	}
	return all
}

// phraseAt is the longest phrase that begins at list[i].
func phraseAt(list []token, i int) (phrase, bool) {
	for _, p := range phrases[list[i].low] {
		if matches(list[i:], p.words) {
			return p, true
		}
	}
	return phrase{}, false
}

func matches(list []token, words []string) bool {
	if len(list) < len(words) {
		return false
	}
	for i, word := range words {
		if list[i].low != word {
			return false
		}
	}
	return true
}

// whole are the words that may stand before "revenue" for it to be that of the
// whole company. Any other word ("cloud revenue", "Texas sales") makes it a part.
var whole = words(`the a an our its their and or of with in for to on as that quarterly annual record reported reports report fiscal year quarter quarters full
	company consolidated preliminary unaudited strong solid total net gaap adjusted months generated generating generate generates posted achieved delivered had recorded
	expects expect expected anticipate anticipates sees see projects project forecast month period both lower higher increased decreased half reaffirms
	raises raised raising lowers lowered lowering updates updated narrows narrowed its 2026 guidance overall company-wide while whose where when but results highlights following`)
