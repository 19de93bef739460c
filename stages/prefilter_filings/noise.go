package prefilterfilings

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// noise is the kind of noise that a filing is, if that kind is unwanted.
//
// Whoever files it, a bankruptcy is news, and so are an acquisition that was completed, results,
// a notice of delisting, accounts that are not to be relied on, a change of control: what has one
// of these is no noise, unless it is asset-backed.
func (j *judge) noise(f *facts) string {
	is := func(kind string, found bool) bool { return found && slices.Contains(j.config.Noise, kind) }
	grave := f.current && f.has("1.03", "2.01", "2.02", "3.01", "4.02", "5.01")
	switch {
	case is(assetBacked, j.assetBacked(f)):
		return assetBacked
	case is(structuredNote, j.structuredNote(f)):
		return structuredNote
	case is(fund, !grave && (fundForms.MatchString(f.form) || fundName.MatchString(f.name))):
		return fund
	case is(spac, !grave && blankCheck(f) && !mayHaveDeal(f)):
		return spac
	}
	return ""
}

var (
	noteForms = regexp.MustCompile(`^(?:FWP|424B[238])$`)
	noteWords = newPhrases("structured notes", "autocallable", "auto-callable", "buffered", "contingent income", "contingent interest",
		"market-linked", "market linked", "principal at risk", "trigger notes", "barrier notes", "linked to the performance of", "linked to the least performing")
)

// structuredNote reports whether f offers notes of a bank: dozens come every day, and none
// of them says anything of the bank's shares.
func (j *judge) structuredNote(f *facts) bool {
	if !noteForms.MatchString(f.form) {
		return false
	}
	for _, name := range f.names {
		if slices.ContainsFunc(j.banks, func(bank string) bool { return strings.HasPrefix(name+" ", bank+" ") }) {
			return true
		}
	}
	return noteWords.in(f.text)
}

var (
	// The vehicles of asset-backed securities have a year and a series in their names: 2025-5C13.
	// A bare "Mortgage Trust" is a company whose shares are traded.
	series           = regexp.MustCompile(`\b(?:19|20)\d\d-[a-z]{0,5}\d*[a-z]?\d*\b`)
	assetNames       = regexp.MustCompile(`\b(?:mortgage securities|(?:auto|automobile|equipment|student loan|lease) (?:receivables|owner|lease|loan|finance)? ?(?:trust|funding)|credit card (?:master|issuance|execution)|card issuance trust)\b`)
	assetForms       = regexp.MustCompile(`^(?:10-D|ABS-.*|SF-[13]|424H)$`)
	assetBackedItems = []string{"6.01", "6.02", "6.03", "6.04", "6.05"}
)

func (j *judge) assetBacked(f *facts) bool {
	return assetForms.MatchString(f.form) || f.current && f.has(assetBackedItems...) ||
		slices.ContainsFunc(f.names, func(name string) bool { return series.MatchString(name) || assetNames.MatchString(name) })
}

var (
	fundForms = regexp.MustCompile(`^(?:N-.*|NPORT-.*|497.*|485.*|486.*|487|24F-2NT|40-17G|40-APP|S-6|N14.*)$`)
	// A trust is no fund by its name: royalties, land and mortgages are held in trusts too, whose
	// shares are traded for themselves.
	fundName = regexp.MustCompile(`\b(?:funds?|etfs?|etns?|bdc|private credit|direct lending|(?:bitcoin|ethereum|ether|solana|xrp|gold|silver|crypto) trust|(?:municipal|muni|floating-rate|high income|charter income|strategic income|investors?) (?:income |municipal )?trust)\b`)
)

// A company's name, or its own words, say that it is a blank-check company.
var (
	spacName = regexp.MustCompile(`\b(?:acquisitions?|merger)(?: [ivx]{1,5}| \d{1,2}| holdings)?(?: (?:corporation|corp|company|co|inc|ltd|limited|plc|llc))+(?: [ivx]{1,5}| \d{1,2})?\b`)
	spacText = newPhrases("blank check company", "blank-check company", "special purpose acquisition")
	trust    = newPhrases("trust account", "initial business combination")
	deal     = newPhrases("business combination agreement", "merger agreement", "agreement and plan of merger", "letter of intent",
		"share exchange agreement", "contribution agreement", "dissolve and liquidate", "liquidate the trust", "redeem all", "redeem 100%")
)

func blankCheck(f *facts) bool {
	return spacName.MatchString(f.name) || spacText.in(f.text) && trust.in(f.text)
}

// mayHaveDeal reports whether a blank-check company tells of a merger, or of its end; or may
// do so, as long as its text is not known.
func mayHaveDeal(f *facts) bool {
	if !f.current {
		return f.form == "425" || f.form == "S-4" || f.form == "F-4" || deal.in(f.text)
	}
	if strings.TrimSpace(f.text) == "" {
		return len(f.items) == 0 || f.has("1.01", "1.02", "7.01", "8.01")
	}
	return deal.in(f.text)
}

// plain is a company's name in lower case, without punctuation but for hyphens, and
// without the state that EDGAR adds to some.
func plain(name string) string {
	if at := strings.IndexByte(name, '/'); at > 0 {
		name = name[:at]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '.' || r == '\'' || r == '’':
			return -1
		case r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return ' '
	}, name)
	return strings.Join(strings.Fields(name), " ")
}
