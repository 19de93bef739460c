package prefilterfilings

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"catalyst/internal/edgar/client"
	"catalyst/internal/metrics"
	"catalyst/internal/news"
	"catalyst/internal/outage"
	"catalyst/internal/store"
)

var amendments = metrics.Counter("filings_amendments_total",
	"Amended filings by whether what they amend was found: linked, unknown.", "result")

// memory links amendments to what they amend. For each company and form it keeps one
// note, the list of filings met.
type memory struct {
	open  func() (store.Notes, error)
	keep  time.Duration
	guard outage.Guard
	log   *slog.Logger
	mu    *sync.Mutex // a note is read, changed and written
}

// A noted is a filing met before.
type noted struct {
	Key   string    `json:"key"`
	Items []string  `json:"items,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

const maxNoted = 50 // filings of one company and form; the latest are kept

// link notes the filings met and gives amendments among them what they amend. A link
// is worth no message: where the notes are out of reach there is none.
func (m *memory) link(ctx context.Context, met []*news.Item) {
	met = slices.DeleteFunc(slices.Clone(met), func(item *news.Item) bool { return noteName(item) == "" || keyOf(item) == "" })
	if len(met) == 0 {
		return
	}
	began, err := m.guard.Do(ctx, func(ctx context.Context) error { return m.linkAll(ctx, met) })
	if began {
		m.log.WarnContext(ctx, "amendments are not linked to what they amend; filings go on", "error", err)
	}
}

func (m *memory) linkAll(ctx context.Context, met []*news.Item) error {
	notes, err := m.open()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, item := range met {
		if name := noteName(item); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	values, err := notes.Notes(ctx, names)
	if err != nil {
		return err
	}
	for i, name := range names {
		if err := m.linkOne(ctx, notes, name, values[i], met); err != nil {
			return err
		}
	}
	return nil
}

// linkOne links the filings of one company and form. Those that amend nothing are noted
// first: an amendment may come in the same batch.
func (m *memory) linkOne(ctx context.Context, notes store.Notes, name string, value []byte, met []*news.Item) error {
	var list []noted
	if json.Unmarshal(value, &list) != nil {
		list = nil // of another program, or none
	}
	grew := false
	for _, item := range met {
		if noteName(item) == name && !isAmendment(item) {
			list, grew = add(list, item, grew)
		}
	}
	for _, item := range met {
		if noteName(item) != name || !isAmendment(item) || item.Amends != "" {
			continue
		}
		result := "unknown"
		if item.Amends = amended(item, list, m.keep); item.Amends != "" {
			result = "linked"
		}
		amendments.WithLabelValues(result).Inc()
	}
	if !grew {
		return nil
	}
	slices.SortStableFunc(list, func(a, b noted) int { return a.At.Compare(b.At) })
	data, err := json.Marshal(list[max(0, len(list)-maxNoted):])
	if err != nil {
		return err
	}
	return notes.Note(ctx, name, data, m.keep)
}

// add puts item into list, in place of what was known of it before.
func add(list []noted, item *news.Item, grew bool) ([]noted, bool) {
	n := noted{Key: keyOf(item), Items: items(item.Items), At: at(item)}
	i := slices.IndexFunc(list, func(o noted) bool { return o.Key == n.Key })
	switch {
	case i < 0:
		return append(list, n), true
	case len(n.Items) == 0 || slices.Equal(list[i].Items, n.Items) && list[i].At.Equal(n.At):
		return list, grew
	}
	list[i] = n
	return list, true
}

// amended is the key of the filing of list that item amends; empty if none can be meant, or
// more than one. It must have an item of the amendment's, and have been filed on the day that
// the text names, if it names one.
func amended(item *news.Item, list []noted, keep time.Duration) string {
	when := at(item)
	may := slices.DeleteFunc(slices.Clone(list), func(n noted) bool {
		return n.Key == keyOf(item) || !when.IsZero() && !n.At.IsZero() && (n.At.After(when) || when.Sub(n.At) > keep)
	})
	days := daysNamed(item.Body)
	if len(days) > 0 {
		may = slices.DeleteFunc(may, func(n noted) bool { return !slices.Contains(days, n.At.In(client.NewYork).Format(time.DateOnly)) })
	}
	if strings.HasPrefix(baseForm(item.Form), "8-K") {
		mine := slices.DeleteFunc(items(item.Items), func(i string) bool { return i == "9.01" })
		may = slices.DeleteFunc(may, func(n noted) bool { return !shares(mine, n.Items, len(days) > 0) })
	}
	if len(may) != 1 {
		return ""
	}
	return may[0].Key
}

// shares reports whether an amendment with the items mine can be of a filing with others.
// One that brings exhibits only brings the accounts of a company that was acquired, unless it
// names the day of what it amends.
func shares(mine, others []string, dated bool) bool {
	if len(mine) == 0 {
		return dated || slices.Contains(others, "2.01")
	}
	return slices.ContainsFunc(mine, func(i string) bool { return slices.Contains(others, i) })
}

var filedOn = regexp.MustCompile(`(?i)(?:form\s+(?:8-K|10-[KQ])|(?:current|annual|quarterly|original|initial)\s+(?:report|filing|form)|original\s+\S+)[^\n]{0,250}?` +
	`\b(?:filed|furnished)\b[^\n]{0,120}?\b((?:January|February|March|April|May|June|July|August|September|October|November|December)[\s\x{a0}]+\d{1,2},[\s\x{a0}]+\d{4})`)

// daysNamed are the days on which, by the beginning of a text, a report was filed.
func daysNamed(body string) []string {
	var days []string
	for _, m := range filedOn.FindAllStringSubmatch(head(body), 5) {
		if day, err := time.Parse("January 2, 2006", strings.Join(strings.Fields(m[1]), " ")); err == nil {
			days = append(days, day.Format(time.DateOnly))
		}
	}
	return days
}

func isAmendment(item *news.Item) bool {
	return strings.HasSuffix(strings.ToUpper(strings.TrimSpace(item.Form)), "/A")
}

// noteName is where filings of item's company and form are noted; empty without a company.
func noteName(item *news.Item) string {
	cik := ""
	if len(item.Filers) > 0 {
		cik = item.Filers[0].CIK
	}
	if m := titleCIK.FindStringSubmatch(item.Title); cik == "" && m != nil {
		cik = m[1]
	}
	if cik = strings.TrimLeft(cik, "0"); cik == "" || len(cik) > 10 {
		return ""
	}
	return "filings/" + cik + "/" + head(baseForm(item.Form))
}

var titleCIK = regexp.MustCompile(`\((\d{10})\)(?: \([A-Za-z ]+\))?$`)

func keyOf(item *news.Item) string { return cmp.Or(item.Key, news.KeyOf(item)) }

// at is when a filing was made, as far as anybody says.
func at(item *news.Item) time.Time {
	if item.Published.IsZero() {
		return item.Received.UTC()
	}
	return item.Published.UTC()
}
