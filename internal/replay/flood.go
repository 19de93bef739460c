package replay

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"catalyst/internal/news"
)

// madeUp returns h with the items that floods and repeats add.
func (s *Script) madeUp(h *History) (*History, error) {
	if h.Empty() {
		return nil, fmt.Errorf("a script needs a history to be laid over")
	}
	more := *h
	more.Events = append([]Event(nil), h.Events...)
	for i, fault := range s.Faults {
		var add []Event
		var err error
		switch {
		case fault.Flood != nil:
			add, err = fault.Flood.events(h, i)
		case fault.Repeat != nil:
			before := more // a flood is repeated too
			before.Sort()
			add, err = fault.Repeat.events(h, &before, i)
		}
		if err != nil {
			return nil, fmt.Errorf("fault %d: %w", i+1, err)
		}
		if more.Events = append(more.Events, add...); len(more.Events)-len(h.Events) > maxMadeUp {
			return nil, fmt.Errorf("fault %d: the script makes more than %d items", i+1, maxMadeUp)
		}
	}
	more.Sort()
	return &more, nil
}

// poll numbers what comes at once: the polls of each fault.
func poll(fault, n int) int { return (fault+1)<<32 + n + 1 }

// events are a flood. at, item and accession numbers are those of the history and of
// the fault, so that two floods of one script are of different items.
func (f *Flood) events(h *History, fault int) (all []Event, _ error) {
	from, err := f.start(h)
	if err != nil {
		return nil, err
	}
	for n := range f.Items {
		e := Event{At: from, poll: poll(fault, 0)}
		if f.Over > 0 {
			e.At, e.poll = from.Add(f.Over/time.Duration(f.Items)*time.Duration(n)), 0
		}
		item := f.item(fault, n)
		item.Published = e.At
		if e.payload, err = news.Encode(item); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (f *Flood) item(fault, n int) *news.Item {
	title := f.Titles[n%len(f.Titles)]
	item := &news.Item{Source: f.Source, Form: f.Form, Items: f.Forms}
	if strings.Contains(title, "{ticker}") {
		item.Tickers = []string{symbol(fault, n)}
	}
	item.Title = strings.NewReplacer("{n}", strconv.Itoa(n+1), "{ticker}", symbol(fault, n)).Replace(title)
	if f.Form != "" {
		item.Accession = fmt.Sprintf("%010d-25-%06d", 9_000_000+fault, n+1)
	} else {
		item.GUID = fmt.Sprintf("flood-%d-%d", fault+1, n+1)
	}
	return item
}

// symbol is a made-up ticker of its own for each item, up to half a million.
func symbol(fault, n int) string {
	n += fault * 1000003
	var s [4]byte
	for i := range s {
		s[i] = byte('A' + n%26)
		n /= 26
	}
	return string(s[:])
}

// events are what polls bring again of what came before: a fault's at, item and end count in
// h, and what is repeated is of all, which is sorted.
func (r *Repeat) events(h, all *History, fault int) (again []Event, _ error) {
	when, err := r.span(h)
	if err != nil {
		return nil, err
	}
	if r.For == 0 {
		_, when.to = all.Span()
	}
	n := 0
	for n < len(all.Events) && !all.Events[n].At.After(when.from) {
		n++
	}
	if n < r.Items {
		return nil, fmt.Errorf("repeats %d items, and only %d came before it", r.Items, n)
	}
	same := all.Events[n-r.Items : n]
	for count, at := 0, when.from.Add(r.Every); at.Before(when.to) || at.Equal(when.to); at = at.Add(r.Every) {
		for _, e := range same {
			again = append(again, Event{At: at, payload: e.payload, poll: poll(fault, count)})
		}
		if count++; len(again) > maxMadeUp {
			return nil, fmt.Errorf("makes more than %d items", maxMadeUp)
		}
	}
	return again, nil
}
