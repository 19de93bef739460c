package rss

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"catalyst/flows"
)

func datedEntry(title string, at time.Time) string {
	return fmt.Sprintf(`<item><title>%s</title><guid>%s</guid><pubDate>%s</pubDate></item>`, title, title, at.UTC().Format(time.RFC1123Z))
}

// What a feed said is told as it was said: an answer with nothing new is an answer,
// and the newest entry stays the newest.
func TestHealth(t *testing.T) {
	p, to := newPaper(t), &topic{}
	s, _ := reader(t, p.url, nil)
	var _ flows.Witness = s
	if h := s.Health(); h != (flows.Health{}) {
		t.Errorf("before the first poll %+v, want nothing known", h)
	}

	began := time.Now()
	written := began.Add(-26 * time.Hour).Truncate(time.Second)
	p.prints(rssFeed(datedEntry("a", written.Add(-time.Hour)), datedEntry("b", written), entry("undated")))
	s.Poll(t.Context(), to.publish)
	h := s.Health()
	if h.Entries != 3 || !h.Newest.Equal(written) || h.Answered.Before(began) || h.Fault != nil {
		t.Errorf("%+v, want 3 entries, the newest of %v, answered and without fault", h, written)
	}

	p.says(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotModified) })
	s.Poll(t.Context(), to.publish)
	if again := s.Health(); !again.Answered.After(h.Answered) || !again.Newest.Equal(written) || again.Fault != nil {
		t.Errorf("after a 304 %+v, want a later answer and all else as it was", again)
	}

	for n := 1; n <= 3; n++ {
		before := s.Health()
		p.says(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
		s.Poll(t.Context(), to.publish)
		got := s.Health()
		if got.Failures != n || got.Fault == nil || !strings.Contains(got.Fault.Error(), "403") || got.Answered != before.Answered {
			t.Errorf("refused %d times: %+v", n, got)
		}
		if n > 1 && got.FaultSince != before.FaultSince {
			t.Errorf("the fault begins anew at the failure %d", n)
		}
	}

	p.prints(rssFeed())
	s.Poll(t.Context(), to.publish)
	if h := s.Health(); h.Fault != nil || h.Failures != 0 || !h.FaultSince.IsZero() || h.Entries != 0 || !h.Newest.Equal(written) {
		t.Errorf("an empty feed: %+v, want no fault, no entries, and what was the newest", h)
	}
}

// Where entries have no dates, or dates to come, it is the poll that tells when
// something new came.
func TestHealthWithoutDates(t *testing.T) {
	for name, item := range map[string]func(string) string{
		"no dates":      entry,
		"dates to come": func(title string) string { return datedEntry(title, time.Now().Add(1000*time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			p, to := newPaper(t), &topic{}
			s, _ := reader(t, p.url, nil)
			newest := func() time.Time {
				s.Poll(t.Context(), to.publish)
				return s.Health().Newest
			}
			began := time.Now()
			p.prints(rssFeed(item("a")))
			first := newest()
			if first.Before(began) || first.After(time.Now()) {
				t.Errorf("newest at %v, want the time of the poll", first)
			}
			if again := newest(); again != first {
				t.Errorf("the same feed moves the newest entry by %v", again.Sub(first))
			}
			p.prints(rssFeed(item("b"), item("a")))
			if later := newest(); !later.After(first) {
				t.Error("something new came, and the newest entry is as old as before")
			}
		})
	}
}

// A feed whose entries all say nothing is not understood: that is no quiet night.
func TestUnreadableEntriesAreAFault(t *testing.T) {
	p, to := newPaper(t), &topic{}
	s, log := reader(t, p.url, nil)
	p.prints(rssFeed(`<item><guid>1</guid></item>`, `<item><guid>2</guid></item>`))
	s.Poll(t.Context(), to.publish)
	if h := s.Health(); h.Fault == nil || !strings.Contains(log.String(), "none of the 2 entries") {
		t.Errorf("%+v, and the log says\n%s", h, log)
	}
}

// That the pipeline's own broker refuses an item is not the feed's fault.
func TestHealthWhenNothingCanBePublished(t *testing.T) {
	p := newPaper(t)
	s, _ := reader(t, p.url, nil)
	p.prints(rssFeed(entry("a")))
	s.Poll(t.Context(), (&topic{err: fmt.Errorf("no space left")}).publish)
	if h := s.Health(); h.Fault != nil || h.Failures != 0 {
		t.Errorf("%+v, want no fault of the feed", h)
	}
}
