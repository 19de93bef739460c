package filing

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A mark is what a heading of a form announces: "Item 2.02 Results of Operations",
// "Items 1.01 and 2.03", "PART II", "Item 7A. Quantitative …".
type mark struct {
	part    string   // "I" … "IV"; empty unless it begins a part
	numbers []string // "2.02", "5", "7A"; empty if it only begins a part
	title   string   // what follows the number
}

// parseHeading reads the heading that a text begins with. A sentence that only begins
// with an item ("Item 2.02 of this report is furnished …") is none.
func parseHeading(text string) (mark, bool) {
	if len(text) < 5 || !strings.ContainsRune("IiPpSs", rune(text[0])) {
		return mark{}, false
	}
	var m mark
	switch text[0] {
	case 'P', 'p':
		part, rest, ok := parsePart(text)
		if !ok {
			return mark{}, false
		}
		m.part, m.title = part, strings.TrimLeft(rest, separators)
		if i := indexItem(rest); i >= 0 { // "PART I. FINANCIAL INFORMATION  Item 1."
			if item, ok := parseItem(rest[i:]); ok {
				m.numbers, m.title = item.numbers, item.title
			}
		}
		return m, true
	case 'S', 's': // "Section 2 – Financial Information  Item 2.02 …"
		if !hasWord(text, "section") {
			return mark{}, false
		}
		i := indexItem(text)
		if i < 0 {
			return mark{}, false
		}
		text = text[i:]
	}
	return parseItem(text)
}

const separators = " .:;,-–—\n\t"

// indexItem finds the word Item within the first line or two.
func indexItem(s string) int {
	const near = 160
	head := s[:min(len(s), near)]
	for i := 0; i+5 <= len(head); i++ {
		if (head[i] == 'I' || head[i] == 'i') && (i == 0 || strings.IndexByte(separators, head[i-1]) >= 0) && hasWord(head[i:], "item") {
			return i
		}
	}
	return -1
}

// hasWord tells whether s begins with a word, in any case, alone or before a plural.
func hasWord(s, lower string) bool {
	return len(s) > len(lower) && strings.EqualFold(s[:len(lower)], lower)
}

func parsePart(s string) (part, rest string, ok bool) {
	if !hasWord(s, "part") || !strings.ContainsRune(" \n", rune(s[4])) {
		return "", "", false
	}
	s = strings.TrimLeft(s[4:], " \n")
	n := len(s) - len(strings.TrimLeft(s, "IVXivx"))
	switch part = strings.ToUpper(s[:n]); part {
	case "I", "II", "III", "IV":
	default:
		return "", "", false
	}
	rest = s[n:]
	after := strings.TrimLeft(rest, " ")
	if after == "" || rest != after && !prose(after) || strings.ContainsRune(".:-–—\n", first1(rest)) && !prose(strings.TrimLeft(rest, separators)) {
		return part, rest, true
	}
	return "", "", false
}

func first1(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// prose tells whether what follows a number goes on as a sentence.
func prose(rest string) bool {
	r := first1(rest)
	return unicode.IsLower(r) || r == ',' || r == ';'
}

func parseItem(s string) (mark, bool) {
	if !hasWord(s, "item") {
		return mark{}, false
	}
	rest := s[4:]
	if rest[0] == 's' || rest[0] == 'S' {
		rest = rest[1:]
	} else if strings.HasPrefix(rest, "(s)") || strings.HasPrefix(rest, "(S)") {
		rest = rest[3:]
	}
	rest = strings.TrimLeft(rest, " \n")
	if hasWord(rest, "no.") {
		rest = strings.TrimLeft(rest[3:], " ")
	}
	var m mark
	for {
		number, after, ok := parseNumber(rest)
		if !ok {
			return m, len(m.numbers) > 0
		}
		m.numbers = append(m.numbers, number)
		rest = after
		next, ok := another(rest)
		if !ok || len(m.numbers) == 8 {
			break
		}
		rest = next
	}
	return m, m.follows(rest)
}

// parseNumber reads 2.02 (also as "2. 02"), 7A or 5.
func parseNumber(s string) (number, rest string, ok bool) {
	n := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if n == 0 || n > 2 {
		return "", s, false
	}
	whole, rest := strings.TrimPrefix(s[:n], "0"), s[n:]
	dot := strings.TrimLeft(rest, " ")
	if strings.HasPrefix(dot, ".") {
		decimals := strings.TrimLeft(dot[1:], " ")
		d := len(decimals) - len(strings.TrimLeft(decimals, "0123456789"))
		if d == 2 && len(whole) == 1 && (decimals[0] == '0' || decimals[0] == '1') {
			return whole + "." + decimals[:2], decimals[2:], true
		}
		if d > 0 && len(dot)-1 == len(decimals) {
			return "", s, false // Item 5.3 of something else
		}
		return whole, rest, whole != ""
	}
	if rest != "" && strings.ContainsRune("ABCabc", rune(rest[0])) && (len(rest) == 1 || !unicode.IsLetter(rune(rest[1]))) {
		return whole + strings.ToUpper(rest[:1]), rest[1:], whole != ""
	}
	return whole, rest, whole != ""
}

// another finds the next number of "1.01 and 2.03", "1.01, 3.02", "2.02/7.01".
func another(s string) (string, bool) {
	t := strings.TrimLeft(s, " .\n")
	joined := false
	for _, word := range []string{",", ";", "/", "&", "and ", "And ", "AND ", "Item ", "ITEM ", "item "} {
		if after, ok := strings.CutPrefix(t, word); ok {
			t = strings.TrimLeft(after, " \n")
			joined = joined || word[0] != 'I' && word[0] != 'i'
		}
	}
	_, _, ok := parseNumber(t)
	return t, joined && ok
}

// follows judges what comes after the numbers, and keeps it as the title.
func (m *mark) follows(rest string) bool {
	for strings.HasPrefix(rest, "(") && len(rest) > 2 && rest[2] == ')' {
		rest = rest[3:] // 9A(T), 5.02(b)
	}
	if rest != "" && (unicode.IsLetter(rune(rest[0])) && !unicode.IsUpper(rune(rest[0])) || unicode.IsDigit(rune(rest[0])) || rest[0] == '(' && len(m.numbers[0]) < 3) {
		return false
	}
	m.title = strings.TrimLeft(rest, separators)
	if m.title == "" {
		return true
	}
	trimmed := strings.TrimLeft(rest, " ")
	r := first1(m.title)
	switch {
	case strings.HasPrefix(trimmed, ","):
		return unicode.IsUpper(r) && len(m.title) < 100
	case unicode.IsLower(r):
		return names(m.numbers[0], m.title)
	case strings.ContainsRune("\"“'‘", r):
		return false
	}
	return true
}

// names tells whether a title that is not written as one is the item's own.
func names(number, title string) bool {
	name := Name(number)
	word, _, _ := strings.Cut(name, " ")
	return name != "" && hasWord(title, strings.ToLower(word)) && len(title) < 200
}

// Name is what an item of an 8-K is called: "2.02" is "Results of Operations and
// Financial Condition". Integers are the items of 8-Ks before 23 August 2004.
// It is empty for a number that no 8-K has.
func Name(number string) string { return items8K[number] }

var items8K = map[string]string{
	"1.01": "Entry into a Material Definitive Agreement",
	"1.02": "Termination of a Material Definitive Agreement",
	"1.03": "Bankruptcy or Receivership",
	"1.04": "Mine Safety - Reporting of Shutdowns and Patterns of Violations",
	"1.05": "Material Cybersecurity Incidents",
	"2.01": "Completion of Acquisition or Disposition of Assets",
	"2.02": "Results of Operations and Financial Condition",
	"2.03": "Creation of a Direct Financial Obligation or an Obligation under an Off-Balance Sheet Arrangement of a Registrant",
	"2.04": "Triggering Events That Accelerate or Increase a Direct Financial Obligation or an Obligation under an Off-Balance Sheet Arrangement",
	"2.05": "Costs Associated with Exit or Disposal Activities",
	"2.06": "Material Impairments",
	"3.01": "Notice of Delisting or Failure to Satisfy a Continued Listing Rule or Standard; Transfer of Listing",
	"3.02": "Unregistered Sales of Equity Securities",
	"3.03": "Material Modification to Rights of Security Holders",
	"4.01": "Changes in Registrant's Certifying Accountant",
	"4.02": "Non-Reliance on Previously Issued Financial Statements or a Related Audit Report or Completed Interim Review",
	"5.01": "Changes in Control of Registrant",
	"5.02": "Departure of Directors or Certain Officers; Election of Directors; Appointment of Certain Officers; Compensatory Arrangements of Certain Officers",
	"5.03": "Amendments to Articles of Incorporation or Bylaws; Change in Fiscal Year",
	"5.04": "Temporary Suspension of Trading Under Registrant's Employee Benefit Plans",
	"5.05": "Amendments to the Registrant's Code of Ethics, or Waiver of a Provision of the Code of Ethics",
	"5.06": "Change in Shell Company Status",
	"5.07": "Submission of Matters to a Vote of Security Holders",
	"5.08": "Shareholder Director Nominations",
	"6.01": "ABS Informational and Computational Material",
	"6.02": "Change of Servicer or Trustee",
	"6.03": "Change in Credit Enhancement or Other External Support",
	"6.04": "Failure to Make a Required Distribution",
	"6.05": "Securities Act Updating Disclosure",
	"6.06": "Static Pool",
	"7.01": "Regulation FD Disclosure",
	"8.01": "Other Events",
	"9.01": "Financial Statements and Exhibits",

	"1": "Changes in Control of Registrant", "2": "Acquisition or Disposition of Assets",
	"3": "Bankruptcy or Receivership", "4": "Changes in Registrant's Certifying Accountant",
	"5": "Other Events", "6": "Resignations of Registrant's Directors",
	"7": "Financial Statements and Exhibits", "8": "Change in Fiscal Year",
	"9": "Regulation FD Disclosure", "10": "Amendments to the Registrant's Code of Ethics",
	"11": "Temporary Suspension of Trading Under Registrant's Employee Benefit Plans",
	"12": "Results of Operations and Financial Condition",
}
