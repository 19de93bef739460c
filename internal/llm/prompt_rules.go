package llm

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"catalyst/internal/news"
)

// builtin chooses among the built-in prompts: first by what a filing is, then by what
// an item says. It is asked about every item, and so no Condition.
func builtin(item *news.Item) string {
	form := item.Form
	current := strings.HasPrefix(form, "8-K")
	switch {
	case form == "":
	case topics[item.Topic] != "":
		return topics[item.Topic]
	case periodic.MatchString(form):
		return "10-k-delta"
	case offering.MatchString(form):
		return "dilution"
	case deal.MatchString(form):
		return "partnership"
	case current && slices.Contains(item.Items, "4.02"):
		return "restatement"
	case current && slices.Contains(item.Items, "3.01"):
		return "delisting"
	case current && slices.Contains(item.Items, "2.02"):
		return "earnings"
	case current && slices.Contains(item.Items, "3.02"):
		return "dilution"
	case !current && !strings.HasPrefix(form, "6-K"):
		return "filing"
	}
	var buffer [512]byte // news fits in
	text := appendLead(buffer[:0], item)
	has := book.find(text)
	switch {
	case has&ofDilution != 0:
		return "dilution"
	case has&ofEarnings != 0:
		return "earnings"
	case has&ofClinical != 0 || has&ofTrials != 0 && has&ofPhases != 0 && bytes.Contains(text, []byte(" phase ")):
		return "clinical"
	case has&ofPartnership != 0:
		return "partnership"
	case current:
		return "8-k"
	case form != "":
		return "filing"
	}
	return "news"
}

// topics are the prompts for what a filing is about, where a stage has told that. What is
// about nothing in particular is judged by its form and its words.
var topics = map[string]string{
	"earnings": "earnings", "dilution": "dilution", "agreement": "agreement", "leadership": "leadership",
	"restatement": "restatement", "delisting": "delisting",
}

var (
	periodic = regexp.MustCompile(`^(10-K|10-Q|20-F|40-F)`)
	offering = regexp.MustCompile(`^(424B[0-9]|FWP|[SF]-[13](ASR|MEF)?)(/A)?$`)
	deal     = regexp.MustCompile(`^(425|[SF]-4|DEFM14A|PREM14A|SC TO-[TI]|SC 14D9)(/A)?$`)
)

// appendLead appends what phrases are looked for in, in lower case: the headline and first
// sentence of news, and of a filing, whose headline says only its form, the beginning of
// its text.
func appendLead(b []byte, item *news.Item) []byte {
	parts, n := [...]string{item.Title, head(item.Summary, 300), ""}, 2
	if item.Form != "" {
		parts, n = [...]string{item.Title, head(item.Summary, 1000), head(item.Body, 1500)}, 3
	}
	for _, part := range parts[:n] {
		b = appendLower(append(b, ' '), part)
	}
	return append(b, ' ')
}

func head(s string, n int) string { return s[:min(len(s), n)] }

// Where words of several kinds meet, the kind that moves the price is first: a trial
// is often the reason given for selling shares, and results come with all kinds
// of news.
var (
	book = newPhrasebook(map[kindOfWords][]string{
		ofDilution: dilutionWords, ofEarnings: earningsWords, ofClinical: clinicalWords,
		ofTrials: trialWords, ofPhases: phaseWords, ofPartnership: partnershipWords,
	})

	dilutionWords = []string{
		"public offering", "registered direct", "private placement", "at-the-market", "at the market offering",
		"rights offering", "share offering", "stock offering", "equity offering", "secondary offering", "follow-on offering",
		"proposed offering", "upsized offering", "prices offering", "pricing of offering", "pricing of upsized",
		"offering of common", "offering of shares", "offering of units", "convertible notes", "convertible senior notes",
		"convertible debenture", "equity line", "shelf registration", "securities purchase agreement", "underwriting agreement",
		"pre-funded warrant", "prefunded warrant", "warrant inducement", "exercise of warrants", "pipe financing", " dilution", " dilutive",
	}
	earningsWords = []string{
		"quarter results", "quarterly results", "financial results", "full-year results", "full year results", "annual results",
		"fiscal results", "operating results", "results of operations and financial condition",
		"quarter revenue", "quarterly revenue", "quarter sales", "quarter profit", "quarter loss", "quarter net",
		" earnings ", " earnings,", " earnings:", " eps ", "profit warning", " q1 ", " q2 ", " q3 ", " q4 ",
		"raises guidance", "lowers guidance", "cuts guidance", "raised guidance", "withdraws guidance", "reaffirms guidance",
		"updates guidance", "revenue guidance", "full-year guidance", "raises outlook", "cuts outlook", "lowers outlook",
		"raises forecast", "cuts forecast", "lowers forecast",
	}
	clinicalWords = []string{
		" fda ", " fda's ", " ema ", "clinical trial", "clinical study", "clinical hold", "clinical data", "clinical results", "topline", "top-line",
		"primary endpoint", "complete response letter", "pdufa", "510(k)", "de novo clearance", "breakthrough therapy",
		"breakthrough device", "orphan drug", "fast track designation", "new drug application", "biologics license",
		"pivotal trial", "pivotal study", "marketing authorization", "european medicines agency", "first patient dosed",
	}
	trialWords = []string{" trial", " study", " data", "patients"}
	phaseWords = []string{"phase 1", "phase 2", "phase 3", "phase i ", "phase ii", "phase i/"}

	partnershipWords = []string{
		"partnership", "partners with", "partnering with", "collaborat", "strategic alliance", "joint venture",
		"license agreement", "licensing agreement", "licensing deal", "supply agreement", "distribution agreement", "letter of intent",
		"memorandum of understanding", "definitive agreement", "contract with", "contract from", "contract award",
		"contract to ", "contract for ", "contract worth", "million contract", "billion contract", "wins contract", " awarded ",
		"purchase order from", "merger", " to acquire ", " acquires ", " to buy ", " acquisition of ", "to be acquired",
		" takeover ", " buyout", "tender offer", "going private", "terminates agreement",
	}
)
