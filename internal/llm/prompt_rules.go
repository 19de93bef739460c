package llm

import (
	"sync"

	"catalyst/flows"
)

// builtinRules choose among the built-in prompts: first by what a filing is, then by
// what an item says. They are conditions like those of pipeline.yaml, so that a user
// can write the same, and before them.
var builtinRules = sync.OnceValue(func() []PromptRule {
	rules := make([]PromptRule, len(promptRules))
	for i, r := range promptRules {
		when, err := flows.ParseCondition(r.when)
		if err != nil {
			panic(err) // every test of a prompt compiles them
		}
		rules[i] = PromptRule{Use: r.use, When: when}
	}
	return rules
})

// lead is what words are looked for in: the headline and first sentence of news, and
// of a filing, whose headline says only its form, the beginning of its text.
const lead = `let t = " " + lower(title + " " + (form == "" ? summary[:300] : summary[:1000] + " " + body[:1500])) + " "; `

// Where words of several kinds meet, the kind that moves the price is first: a trial
// is often the reason given for selling shares, and results come with all kinds
// of news.
var promptRules = []struct{ use, when string }{
	{"10-k-delta", `form startsWith "10-K" or form startsWith "10-Q" or form startsWith "20-F" or form startsWith "40-F"`},
	{"dilution", `form matches "^(424B[0-9]|FWP|[SF]-[13](ASR|MEF)?)(/A)?$"`},
	{"partnership", `form matches "^(425|[SF]-4|DEFM14A|PREM14A|SC TO-[TI]|SC 14D9)(/A)?$"`},
	{"earnings", `form startsWith "8-K" and "2.02" in items`},
	{"dilution", `form startsWith "8-K" and "3.02" in items`},
	{"filing", `form != "" and not (form startsWith "8-K" or form startsWith "6-K")`},

	{"dilution", lead + `any([
		"public offering", "registered direct", "private placement", "at-the-market", "at the market offering",
		"rights offering", "share offering", "stock offering", "equity offering", "secondary offering", "follow-on offering",
		"proposed offering", "upsized offering", "prices offering", "pricing of offering", "pricing of upsized",
		"offering of common", "offering of shares", "offering of units", "convertible notes", "convertible senior notes",
		"convertible debenture", "equity line", "shelf registration", "securities purchase agreement", "underwriting agreement",
		"pre-funded warrant", "prefunded warrant", "warrant inducement", "exercise of warrants", "pipe financing", " dilution", " dilutive"
	], t contains #)`},
	{"earnings", lead + `any([
		"quarter results", "quarterly results", "financial results", "full-year results", "full year results", "annual results",
		"fiscal results", "operating results", "results of operations and financial condition",
		"quarter revenue", "quarterly revenue", "quarter sales", "quarter profit", "quarter loss", "quarter net",
		" earnings ", " earnings,", " earnings:", " eps ", "profit warning", " q1 ", " q2 ", " q3 ", " q4 ",
		"raises guidance", "lowers guidance", "cuts guidance", "raised guidance", "withdraws guidance", "reaffirms guidance",
		"updates guidance", "revenue guidance", "full-year guidance", "raises outlook", "cuts outlook", "lowers outlook",
		"raises forecast", "cuts forecast", "lowers forecast"
	], t contains #)`},
	{"clinical", lead + `any([
		" fda ", " fda's ", " ema ", "clinical trial", "clinical study", "clinical hold", "clinical data", "clinical results", "topline", "top-line",
		"primary endpoint", "complete response letter", "pdufa", "510(k)", "de novo clearance", "breakthrough therapy",
		"breakthrough device", "orphan drug", "fast track designation", "new drug application", "biologics license",
		"pivotal trial", "pivotal study", "marketing authorization", "european medicines agency", "first patient dosed"
	], t contains #) or t contains " phase " and any([" trial", " study", " data", "patients"], t contains #)
		and any(["phase 1", "phase 2", "phase 3", "phase i ", "phase ii", "phase i/"], t contains #)`},
	{"partnership", lead + `any([
		"partnership", "partners with", "partnering with", "collaborat", "strategic alliance", "joint venture",
		"license agreement", "licensing agreement", "licensing deal", "supply agreement", "distribution agreement", "letter of intent",
		"memorandum of understanding", "definitive agreement", "contract with", "contract from", "contract award",
		"contract to ", "contract for ", "contract worth", "million contract", "billion contract", "wins contract", " awarded ",
		"purchase order from", "merger", " to acquire ", " acquires ", " to buy ", " acquisition of ", "to be acquired",
		" takeover ", " buyout", "tender offer", "going private", "terminates agreement"
	], t contains #)`},

	{"8-k", `form startsWith "8-K"`},
	{"filing", `form != ""`},
	{"news", ""},
}
