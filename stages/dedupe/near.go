package dedupe

import (
	"hash/maphash"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"catalyst/internal/likeness"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// Similarity is how much two headlines have in common, 0 … 1: of the words that either
// has, the share that both have. Words that every headline has do not count, nor does
// what announces a correction. It is 0 where one has fewer than [fewest] words: "Net
// Asset Value" is another company's every time.
func Similarity(a, b string) float64 { return alike(marks(a), marks(b)) }

// fewest is how many words a headline must have that is compared.
const fewest = 4

func alike(a, b []uint64) float64 {
	if len(a) < fewest || len(b) < fewest {
		return 0
	}
	both := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			i, j, both = i+1, j+1, both+1
		}
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

// empty are words that say nothing about what has happened to whom.
var empty = func() map[string]bool {
	words := make(map[string]bool)
	for _, w := range strings.Fields(`a an and as at by for from in into is its it of on or that the their to with
		inc incorporated corp corporation co company ltd limited plc llc lp sa ag nv se holdings group
		announces announced announce announcement reports says said today s`) {
		words[w] = true
	}
	return words
}()

// words calls then with the words of a headline in its order, in lower case, without those that
// are empty. An apostrophe is left out, and the s of a genitive with it. A word is valid until
// then returns.
func words(title string, then func(word []byte)) {
	low := strings.ToLower(title)
	if mayAmend(low) {
		low = strings.ToLower(plain(title))
	}
	word := make([]byte, 0, 64)
	end := func() {
		if len(word) > 0 && !empty[string(word)] {
			then(word)
		}
		word = word[:0]
	}
	for i := 0; i < len(low); {
		r, size := rune(low[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(low[i:])
		}
		i += size
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			word = append(word, byte(r))
			continue
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			word = append(word, low[i-size:i]...)
			continue
		case r == '\'' || r == '’':
			if genitive := strings.HasPrefix(low[i:], "s ") || low[i:] == "s"; !genitive {
				continue
			}
			i++
		}
		end()
	}
	end()
}

var seed = maphash.MakeSeed()

// marks returns a number for each word of a headline, sorted, each once: a group has many to
// compare, and numbers are compared in no time.
func marks(title string) []uint64 {
	m := make([]uint64, 0, 16)
	words(title, func(w []byte) { m = append(m, maphash.Bytes(seed, w)) })
	slices.Sort(m)
	return slices.Compact(m)
}

// Wires put words before or behind the headline of a story that they tell anew.
var (
	ahead = regexp.MustCompile(`(?i)^[\W_]*(?:` +
		`(?:update|corrected|correction|correcting|refile|amended|clarification|revised|c o r r e c t i o n)(?: *#?\d{1,2} *[-–—:]| *[:/–—-])` +
		`|(?:correcting and replacing|corrected and replaced|corrected version|corrected release)\b[\W_]*` +
		`|/ *(?:correction|c o r r e c t i o n) */[\W_]*)`)
	behind = regexp.MustCompile(`(?i)[\W_]*(?:/ *c o r r e c t i o n[^/]{0,60}/|[\[(] *(?:corrected?|correction|amended|updated?) *[\])]|/ *(?:correction|update) */|[–—:-] *(?:correction|corrected|updated?|amended))[\W_]*$`)
)

// Amends reports whether a headline announces that it tells a story anew: it is an
// update, an amendment or a correction.
func Amends(title string) bool {
	return mayAmend(strings.ToLower(title)) && (ahead.MatchString(title) || behind.MatchString(title))
}

// mayAmend tells most headlines from those that are amendments, at a hundredth of the cost.
// The title is in lower case.
func mayAmend(title string) bool {
	for _, word := range [...]string{"correct", "c o r r", "updat", "amend", "refile", "revised", "clarification"} {
		if strings.Contains(title, word) {
			return true
		}
	}
	return false
}

// plain is a headline without what announces a correction; all of it if there is no more.
func plain(title string) string {
	for range 3 { // "UPDATE: CORRECTING and REPLACING …"
		if !mayAmend(strings.ToLower(title)) {
			break
		}
		shorter := ahead.ReplaceAllString(title, "")
		if mayAmend(strings.ToLower(shorter)) {
			shorter = behind.ReplaceAllString(shorter, "")
		}
		shorter = strings.TrimSpace(shorter)
		if shorter == "" || len(shorter) == len(title) {
			break
		}
		title = shorter
	}
	return title
}

// A Rule says when two headlines of one group tell one story.
type Rule struct {
	Similarity float64
	Window     time.Duration
}

// A Headline is what a story is known by.
type Headline struct {
	store.Arrival

	// All of it is read, and decided, when it is first needed.
	words   []uint64
	facts   *likeness.Facts
	wording *likeness.Wording
	place   place
}

// A place is whether a headline is the first of its row to tell its story.
type place int8

const (
	undecided place = iota
	first
	later
)

// Read reads the headline of an arrival.
func Read(a store.Arrival) *Headline { return &Headline{Arrival: a} }

func (h *Headline) marks() []uint64 {
	if h.words == nil {
		h.words = marks(h.Text)
	}
	return h.words
}

func (h *Headline) said() likeness.Facts {
	if h.facts == nil {
		facts := likeness.Of(plain(h.Text))
		h.facts = &facts
	}
	return *h.facts
}

// wording is the guard against a word in place of another: "lung" and "breast", "files for"
// and "emerges from".
const wording = "wording"

func (h *Headline) worded() likeness.Wording {
	if h.wording == nil {
		w := likeness.WordingOf(plain(h.Text))
		h.wording = &w
	}
	return *h.wording
}

// Same tells whether b, who came later, be it that it was received before, tells the same story as a. Where only their facts
// or a word tell them apart it names the guard that says so.
func (r Rule) Same(a, b *Headline) (same bool, guard string) {
	if b.At.Sub(a.At).Abs() >= r.Window || alike(a.marks(), b.marks()) < r.Similarity || Amends(b.Text) {
		return false, ""
	}
	if guard = a.said().Differs(b.said()); guard == "" && a.worded().Exchanged(b.worded()) {
		guard = wording
	}
	return guard == "", guard
}

// A row is a group of headlines in their order, and which of them were first. What it
// decides depends on the order and nothing else, so that all who have it agree.
type row []*Headline

// extend takes in the arrivals of the group as the store has them now. What r has read is
// not read again; where the oldest have gone meanwhile, who was first is decided anew, as
// by anybody who sees the row for the first time.
func (r *row) extend(all []store.Arrival) {
	known, decided := *r, true
	if len(known) > 0 && len(all) > 0 && known[0].ID != all[0].ID {
		gone := max(0, slices.IndexFunc(known, func(h *Headline) bool { return h.ID == all[0].ID }))
		known, decided = known[gone:], false
	}
	next := make(row, 0, len(all)+1)
	for i, a := range all {
		h := (*Headline)(nil)
		if i < len(known) && known[i].ID == a.ID {
			h = known[i]
		} else {
			h, decided = Read(a), false
		}
		if !decided {
			h.place = undecided
		}
		next = append(next, h)
	}
	*r = next
}

// first reports whether nobody before the i-th has told its story. Most are never asked: of
// those before a headline only the ones that are like it matter.
func (r row) first(rule Rule, i int) bool {
	h := r[i]
	if h.place == undecided {
		h.place = first
		if told, _ := r.judge(rule, h, i); told != nil {
			h.place = later
		}
	}
	return h.place == first
}

// judge returns whoever of the first n told the story of h; nil if h is the first. Guards
// are those that kept similar ones apart.
func (r row) judge(rule Rule, h *Headline, n int) (told *Headline, guards []string) {
	for i, earlier := range r[:n] {
		same, guard := rule.Same(earlier, h)
		if !same && guard == "" || parts(earlier.ID, h.ID) || !r.first(rule, i) {
			continue
		}
		if same {
			return earlier, nil
		}
		if !slices.Contains(guards, guard) {
			guards = append(guards, guard)
		}
	}
	return nil, guards
}

// parts reports whether two messages were one that was split: see [flows.Message.Split].
func parts(a, b string) bool {
	whole := func(id string) string {
		if i := strings.LastIndexByte(id, '.'); i > 0 && strings.Trim(id[i+1:], "0123456789") == "" {
			return id[:i]
		}
		return id
	}
	return a != b && whole(a) == whole(b)
}

// amended returns what h, which tells a story anew, is about: of the first n, however old
// and whatever the facts, which are what is corrected, the one most like it.
func (r row) amended(rule Rule, h *Headline, n int) (told *Headline) {
	best := rule.Similarity
	for i, earlier := range r[:n] {
		s := alike(earlier.marks(), h.marks())
		if (s > best || told == nil && s >= best) && r.first(rule, i) {
			best, told = s, earlier
		}
	}
	return told
}

// group is what a headline is compared within: those of the same companies, or where it
// names none, those with the same longest word, if it has so many words that another company's
// can hardly be like it. Empty is none.
func group(it *news.Item, h *Headline) string {
	n := len(h.marks())
	switch {
	case n < fewest:
		return ""
	case len(it.Tickers) > 0:
		tickers := slices.Compact(slices.Sorted(slices.Values(it.Tickers)))
		return "t:" + strings.Join(tickers, ",")
	case n < fewest+1:
		return ""
	}
	var longest string // and of those the first by the alphabet
	words(h.Text, func(w []byte) {
		if len(w) > len(longest) || len(w) == len(longest) && string(w) < longest {
			longest = string(w)
		}
	})
	return "w:" + longest
}

// Group is [group] of an item's headline.
func Group(it *news.Item) string { return group(it, Read(store.Arrival{Text: headline(it)})) }

// headline is what is kept of a title.
func headline(it *news.Item) string {
	const longest = 300
	title := strings.Join(strings.Fields(strings.ToValidUTF8(it.Title[:min(len(it.Title), 4*longest)], "")), " ")
	if len(title) > longest {
		title = strings.ToValidUTF8(title[:longest], "")
	}
	return title
}

// shelf keeps the rows that were read last, so that a group's headlines are not read again
// for each that joins it. What it forgets costs time and nothing else.
type shelf struct {
	mu         sync.Mutex
	young, old map[string]row
	room       int // of young, in headlines
}

// shelved is how many headlines half a shelf holds, of about a kilobyte each.
const shelved = 4096

// take hands a group's row over; nobody else gets it until it is put back.
func (s *shelf) take(group string) row {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, half := range []map[string]row{s.young, s.old} {
		if r, ok := half[group]; ok {
			delete(half, group)
			return r
		}
	}
	return nil
}

func (s *shelf) put(group string, r row) {
	if len(r) == 0 {
		return // most groups never have a second headline
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room -= len(r); s.young == nil || s.room < 0 {
		s.old, s.young, s.room = s.young, make(map[string]row), shelved
	}
	s.young[group] = r
}
