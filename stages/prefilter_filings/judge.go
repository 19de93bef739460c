package prefilterfilings

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"catalyst/internal/news"
)

// A judge knows what goes on. It may be used concurrently.
type judge struct {
	config   Config
	keywords phrases
	banks    []string // plain names
	urgency  map[string]float64
	impact   map[string]float64
}

func newJudge(c Config) *judge {
	j := &judge{
		config: c, keywords: newPhrases(c.Keywords...),
		urgency: changed(urgency, c.Urgency), impact: changed(impact, c.Impact),
	}
	for _, bank := range c.Banks {
		j.banks = append(j.banks, plain(bank))
	}
	return j
}

// reason is why a filing is dropped, in a few words; empty if it goes on.
func (j *judge) reason(item *news.Item) string {
	f := read(item)
	wanted := slices.Contains(j.config.Forms, f.form)
	if !wanted {
		// The form alone tells what it is, so that its reason says more.
		f.name, f.text = "", ""
	}
	if noise := j.noise(f); noise != "" && !j.watched(item) {
		return noise
	}
	switch {
	case !wanted:
		return "form not wanted"
	case !f.current || f.has(j.config.Items...):
		return ""
	case len(f.items) > 0 && !f.has(j.config.KeywordItems...):
		return "items not wanted"
	case j.keywords.in(f.text):
		return ""
	case item.Body == "": // and nobody can know yet what it says
		return ""
	}
	return "no keyword"
}

// known reports whether an amendment may be of this filing, or it is one. A filing
// that was dropped for its items counts: the amendment of it must not be taken for
// that of another.
func (j *judge) known(item *news.Item, reason string) bool {
	return reason == "" || reason == "items not wanted" || reason == "no keyword"
}

// A facts is what a filing is judged by.
type facts struct {
	form    string // without "/A"
	current bool   // an 8-K
	items   []string
	name    string // of the filer it is about, plain
	names   []string
	text    string // what it says, as far as it is known: see [lead]
}

func (f *facts) has(items ...string) bool {
	return slices.ContainsFunc(f.items, func(item string) bool { return slices.Contains(items, item) })
}

func read(item *news.Item) *facts {
	f := &facts{form: baseForm(item.Form), items: items(item.Items), text: lead(item)}
	f.current = strings.HasPrefix(f.form, "8-K")
	for _, filer := range item.Filers {
		if filer.Role != "Filed by" && filer.Role != "Reporting" { // underwriters file for those they sell
			f.names = append(f.names, plain(filer.Name))
		}
	}
	if m := edgarTitle.FindStringSubmatch(item.Title); len(f.names) == 0 && m != nil {
		f.names = []string{plain(m[1])}
	}
	if len(f.names) > 0 {
		f.name = f.names[0]
	}
	return f
}

func baseForm(form string) string {
	form = strings.ToUpper(strings.TrimSpace(form))
	return strings.TrimSuffix(form, "/A")
}

var (
	// What EDGAR's feeds make titles and summaries of says nothing of a filing's text, but
	// has company names and the names of items in it.
	edgarTitle   = regexp.MustCompile(`^\S.* - (.+?) \(\d{10}\)(?: \([A-Za-z ]+\))?$`)
	edgarSummary = regexp.MustCompile(`^\s*Filed:\s*\d{4}-\d\d-\d\d\s+AccNo:`)

	itemNumber = regexp.MustCompile(`^[1-9]\.\d\d$`)
)

// items are the numbers of an 8-K's items as they are since August 2004.
func items(numbers []string) []string {
	var all []string
	for _, n := range numbers {
		n = strings.TrimSpace(n)
		if now := formerItems[n]; now != "" {
			n = now
		}
		all = append(all, n)
	}
	return all
}

// formerItems are the items of before, and what became of each.
var formerItems = map[string]string{
	"1": "5.01", "2": "2.01", "3": "1.03", "4": "4.01", "5": "8.01", "6": "5.02",
	"7": "9.01", "8": "5.03", "9": "7.01", "10": "5.05", "11": "5.04", "12": "2.02",
}

// maxLead is how much is read of a filing and of each of its exhibits: news stand first.
const maxLead = 4000

// lead is what a filing says first, and so does each of its exhibits, up to where
// they warn of forward-looking statements: that warning has every keyword there is. It is
// in lower case, with single spaces between words.
func lead(item *news.Item) string {
	var texts []string
	if !edgarTitle.MatchString(item.Title) {
		texts = append(texts, head(item.Title))
	}
	if !edgarSummary.MatchString(item.Summary) {
		texts = append(texts, head(item.Summary))
	}
	rest := item.Body
	for more := rest != ""; more && len(texts) < maxParts; {
		var part string
		part, rest, more = strings.Cut(rest, "\n\nExhibit ")
		texts = append(texts, untilWarned(head(part)))
	}
	text := strings.ToLower(strings.Join(texts, "\n"))
	for _, filer := range item.Filers { // a name is no news
		if name := strings.ToLower(strings.TrimSpace(filer.Name)); len(name) > 3 {
			text = strings.ReplaceAll(text, name, " ")
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

const maxParts = 10 // title and summary, filing and exhibits

func untilWarned(text string) string {
	lower := strings.ToLower(text)
	for _, warning := range []string{"forward-looking statement", "forward-looking information", "forward looking statement"} {
		if i := strings.Index(lower, warning); i >= 0 {
			lower = lower[:i]
		}
	}
	return lower
}

func head(s string) string { return s[:min(len(s), maxLead)] }

// phrases are words in lower case, with single spaces between them.
type phrases []string

func newPhrases(words ...string) phrases {
	all := make(phrases, len(words))
	for i, w := range words {
		all[i] = strings.Join(strings.Fields(strings.ToLower(w)), " ")
	}
	return all
}

// in reports whether one of them begins where a word of text does, which is as [lead] makes it.
func (p phrases) in(text string) bool {
	return slices.ContainsFunc(p, func(phrase string) bool {
		for from := 0; ; {
			i := strings.Index(text[from:], phrase)
			if i < 0 {
				return false
			}
			from += i
			if r, _ := utf8.DecodeLastRuneInString(text[:from]); from == 0 || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				return true
			}
			from++
		}
	})
}
