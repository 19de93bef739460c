package alert

import (
	"regexp"
	"slices"
	"strings"

	"catalyst/internal/news"
)

// badge is the line above the headline: whether the item corrects an earlier one,
// and which filing it is.
func badge(item *news.Item) string {
	var parts []string
	if Corrects(item) {
		parts = append(parts, "✏️ CORRECTION")
	}
	if form := short(item.Form, 16); form != "" {
		part := "📄 " + form
		if items := list(item.Items, 6, 8); items != "" {
			part += " · " + items
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " · ")
}

// correcting matches what wires put into the headline of a corrected release, in
// lower case.
var correcting = regexp.MustCompile(`^\W*(?:update\W+)?(?:correcting\b|corrected version\b|corrected\s*[:\-–—/(]|correction\s*[:\-–—/(]|c o r r e c t i o n\b)` +
	`|\bcorrecting and replacing\b|[(\[/]\s*correct(?:ed|ion)\s*[)\]/]|[-–—]\s*correct(?:ed|ion)$`)

// Corrects reports whether an item replaces or amends an earlier one: an amended
// filing (8-K/A), or a release whose headline says so ("CORRECTING and REPLACING …").
func Corrects(item *news.Item) bool {
	if strings.HasSuffix(strings.ToUpper(strings.TrimSpace(item.Form)), "/A") {
		return true
	}
	title := strings.ToLower(Clean(item.Title))
	return (strings.Contains(title, "correct") || strings.Contains(title, "c o r r e c t")) && correcting.MatchString(title)
}

// filing names what the numbers in the badge stand for.
func filing(item *news.Item) Field {
	if !strings.HasPrefix(item.Form, "8-K") {
		return Field{} // other forms have other items
	}
	var lines []string
	for _, number := range item.Items {
		name := itemNames[strings.TrimSpace(number)]
		if name == "" || slices.Contains(lines, name) {
			continue
		}
		lines = append(lines, name)
	}
	if len(lines) > 1 { // nearly every filing has some
		lines = slices.DeleteFunc(lines, func(name string) bool { return name == itemNames["9.01"] })
	}
	if more := len(lines) - 4; more > 0 {
		lines = append(lines[:4], "and "+count(more)+" more")
	}
	return Field{Name: "Filing", Value: strings.Join(lines, "\n"), Inline: true, spare: 3}
}

// found lists the key numbers found in the text.
func found(item *news.Item) Field {
	const most = 6
	var lines []string
	for _, figure := range item.Figures[:min(len(item.Figures), most)] {
		if line := short(figure, 90); line != "" {
			lines = append(lines, line)
		}
	}
	if more := len(item.Figures) - most; more > 0 {
		lines = append(lines, "and "+count(more)+" more")
	}
	return Field{Name: "Figures", Value: strings.Join(lines, "\n"), Inline: true, spare: 1}
}

// itemNames are the items of an 8-K in a few words.
var itemNames = map[string]string{
	"1.01": "Material agreement",
	"1.02": "Material agreement ended",
	"1.03": "Bankruptcy or receivership",
	"1.04": "Mine safety",
	"1.05": "Cybersecurity incident",
	"2.01": "Acquisition or sale completed",
	"2.02": "Results of operations",
	"2.03": "New debt",
	"2.04": "Debt falls due early",
	"2.05": "Exit or restructuring costs",
	"2.06": "Material impairment",
	"3.01": "Delisting notice",
	"3.02": "Unregistered sale of equity",
	"3.03": "Change of holders' rights",
	"4.01": "Change of auditor",
	"4.02": "Past reports not to be relied on",
	"5.01": "Change of control",
	"5.02": "Directors or officers change",
	"5.03": "Change of charter or fiscal year",
	"5.04": "Trading under benefit plans suspended",
	"5.05": "Change of code of ethics",
	"5.06": "End of shell status",
	"5.07": "Votes of shareholders",
	"5.08": "Nominations by shareholders",
	"6.01": "Asset-backed securities: information",
	"6.02": "Asset-backed securities: servicer or trustee",
	"6.03": "Asset-backed securities: enhancement",
	"6.04": "Asset-backed securities: missed distribution",
	"6.05": "Asset-backed securities: update",
	"7.01": "Regulation FD disclosure",
	"8.01": "Other events",
	"9.01": "Exhibits",
}

var (
	// EDGAR's feeds make the headline of form, issuer, CIK and role.
	edgarTitle = regexp.MustCompile(`^(.+?) \(\d{10}\) \([A-Za-z ]+\)$`)
	// … and the summary of what everybody sees anyway.
	edgarFacts = regexp.MustCompile(`^\s*Filed:\s*\d{4}-\d\d-\d\d\s+AccNo:\s*[\d-]+(?:\s+Size:\s*[\d.,]+\s*[KMG]?B)?\s*`)
	// The summary of an 8-K goes on with its items.
	edgarItems = regexp.MustCompile(`^(?:Item \d{1,2}\.\d{2}: [^:]*?\s*)+$`)
)

// headline is the item's title; of a filing in EDGAR's own form, the issuer and
// what the filing is about.
func headline(item *news.Item) string {
	text := foreign(item.Title)
	rest, ok := strings.CutPrefix(text, item.Form+" - ")
	if item.Form == "" || !ok {
		return text
	}
	m := edgarTitle.FindStringSubmatch(rest)
	if m == nil {
		return text
	}
	if subject := subject(item); subject != "" {
		return m[1] + ": " + subject
	}
	return m[1]
}

// subject is the first item of an 8-K that says something.
func subject(item *news.Item) string {
	if !strings.HasPrefix(item.Form, "8-K") {
		return ""
	}
	for _, number := range item.Items {
		if name := itemNames[strings.TrimSpace(number)]; name != "" && number != "9.01" {
			return strings.ToLower(name[:1]) + name[1:]
		}
	}
	return ""
}

// abstract is the summary without what EDGAR's feeds put into every one.
func abstract(item *news.Item) string {
	if item.Form == "" {
		return item.Summary
	}
	text := Clean(item.Summary)
	rest := text[len(edgarFacts.FindString(text)):]
	if strings.HasPrefix(item.Form, "8-K") && edgarItems.MatchString(rest) {
		return ""
	}
	return rest
}
