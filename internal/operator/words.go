package operator

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"catalyst/internal/alert"
)

// What the operator reads. Each notice says what happened and the one thing to do next.

// A Start is what a boot notice tells.
type Start struct {
	Version                           string
	Sources, Stages, Sinks, Providers []string
	Broker, Store                     string
	At                                time.Time
}

// Booted is the notice that a pipeline starts.
func Booted(s Start) Notice {
	return Notice{
		ID: noticeID(Boot, "", s.At), Kind: Boot, Level: Info, At: s.At,
		Title: "The pipeline starts",
		Text:  "Version " + s.Version + ".",
		Fields: []Field{
			{"Sources", names(s.Sources)}, {"Stages", names(s.Stages)}, {"Sinks", names(s.Sinks)},
			{"Models", names(s.Providers)}, {"Broker", s.Broker}, {"Store", s.Store},
		},
	}
}

func names(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// Stopped is the notice that a pipeline ends; err is why, if not in order.
func Stopped(started, at time.Time, f Facts, err error) Notice {
	n := Notice{
		ID: noticeID(Shutdown, "", started), Kind: Shutdown, Level: Info, At: at,
		Title: "The pipeline has stopped, in order",
		Text:  fmt.Sprintf("It ran for %s: %s, %s.", lasting(at.Sub(started)), plural(f.Items, "item"), plural(f.Alerts, "alert")),
	}
	if err != nil {
		n.Level, n.Title = Critical, "The pipeline has stopped because of an error"
		n.Text += " " + sentence(err.Error())
		n.Todo = "Mend that and start it again; nothing that it had in hand is lost."
	}
	return n
}

// beat sends a heartbeat, also to the log.
func (w *Watch) beat(f Facts, now time.Time) {
	n := beat(w.latest, f, now, w.started, w.Operator.Open())
	args := []any{}
	for _, field := range n.Fields {
		args = append(args, strings.ReplaceAll(strings.ToLower(field.Name), " ", "_"), field.Value)
	}
	w.Operator.log.Info("operator_heartbeat", args...)
	w.Operator.Say(n)
	w.latest = f
}

func beat(before, f Facts, now, started time.Time, open []string) Notice {
	count := func(before, now int64) string {
		return fmt.Sprintf("%d · %d since the start", now-before, now)
	}
	n := Notice{
		ID: noticeID(Heartbeat, "", now), Kind: Heartbeat, Level: Info, At: now,
		Title: "Heartbeat",
		Text:  "Running for " + lasting(now.Sub(started)) + ".",
		Fields: []Field{
			{"Items", count(before.Items, f.Items)},
			{"Duplicates", count(before.Duplicates, f.Duplicates)},
			{"Filtered", count(before.Filtered, f.Filtered)},
			{"Alerts", count(before.Alerts, f.Alerts)},
			{"Analyses", analyses(before.Analyses, f.Analyses)},
			{"Cost today", f.Budget.String()},
			{"Failures", count(before.Failures, f.Failures)},
			{"Poison", depth(before.Poison, f.Poison)},
			{"Queue", queue(f.Segments)},
			{"Sources", answers(f.Sources, now)},
		},
	}
	n.Fields = slices.DeleteFunc(n.Fields, func(f Field) bool { return f.Value == "" })
	if len(open) > 0 {
		n.Level = Warning
		n.Fields = append(n.Fields, Field{"Not mended yet", strings.Join(open, ", ")})
	}
	return n
}

func analyses(before, now map[string]int64) string {
	var parts []string
	for _, provider := range slices.Sorted(maps.Keys(now)) {
		if n := now[provider] - before[provider]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", provider, n))
		}
	}
	return names(parts)
}

// String says how much of the day's budget is used; nothing if nobody counts.
func (b Budget) String() string {
	switch spent := dollars(b.Spent); {
	case b.Level == "":
		return ""
	case b.Spent == Unknown:
		return "unknown: the store does not answer"
	case b.Limit < 0:
		return spent
	default:
		return fmt.Sprintf("%s of %s, %s", spent, dollars(b.Limit), b.Level)
	}
}

func dollars(nano int64) string { return fmt.Sprintf("$%.2f", float64(nano)/1e9) }

func depth(before, now int64) string {
	switch {
	case now == Unknown:
		return "unknown: the broker does not answer"
	case before == Unknown || now == before:
		return strconv.FormatInt(now, 10)
	}
	return fmt.Sprintf("%d (%+d)", now, now-before)
}

func queue(segments []Segment) string {
	var waiting int64
	var oldest time.Duration
	for _, s := range segments {
		if s.Waiting == Unknown {
			return "unknown: the broker does not answer"
		}
		waiting += s.Waiting
		oldest = max(oldest, s.Oldest)
	}
	if waiting == 0 {
		return "empty"
	}
	return fmt.Sprintf("%s, the oldest for %s", plural(waiting, "message"), lasting(oldest))
}

// answers names first what is silent.
func answers(sources []Source, now time.Time) string {
	var bad, good []string
	for _, s := range sources {
		switch {
		case s.Fault != nil:
			bad = append(bad, fmt.Sprintf("%s: no answer for %s", s.Name, lasting(now.Sub(s.FaultSince))))
		case s.Answered.IsZero():
			bad = append(bad, s.Name+": not asked yet")
		case s.Newest.IsZero():
			good = append(good, s.Name+": answers, no entry yet")
		default:
			good = append(good, fmt.Sprintf("%s: newest %s old", s.Name, lasting(now.Sub(s.Newest))))
		}
	}
	if len(bad)+len(good) == 0 {
		return ""
	}
	return strings.Join(append(bad, good...), "; ")
}

func poisoned(n int64) Alarm {
	text := "A message could not be handled and lies in poison: its alert or verdict is missing."
	if n != 1 {
		text = fmt.Sprintf("%d messages could not be handled and lie in poison: their alerts or verdicts are missing.", n)
	}
	return Alarm{
		Cause: "poison", Rank: len(strconv.FormatInt(n, 10)), Level: Warning,
		Title: "Messages in poison",
		Text:  text,
		Todo:  "pipeline dlq ls shows why; requeue them when that is mended, or drop them.",
	}
}

func paused(s Segment) Alarm {
	a := Alarm{Cause: "segment/" + s.Topic, Level: Critical, Todo: "See to it; nothing is lost, and the pipeline goes on by itself."}
	if p := s.Paused; p != nil {
		a.Title = s.Topic + " waits for " + p.Dependency
		a.Text = sentence(p.Err.Error())
		a.Since = p.Since
	}
	return a
}

func behind(s Segment) Alarm {
	return Alarm{
		Cause: "queue/" + s.Topic, Level: Warning,
		Title: s.Topic + " is behind",
		Text:  fmt.Sprintf("Nothing is down, and its oldest message has waited for %s; %s to do.", lasting(s.Oldest), plural(s.Waiting, "message")),
		Todo:  "If more comes than it can take, start a second process or raise workers; if it stands still, look for stage_stuck in the log.",
	}
}

func away(m Model) Alarm {
	return described(Alarm{
		Cause: "llm/" + m.Provider + "/" + m.Name, Level: Warning,
		Text: "It fails, so it is left alone and only looked at from time to time. The next provider is asked instead.",
	})
}

func unanswered(s Source) Alarm {
	a := Alarm{
		Cause: "source/" + s.Name + "/answer", Level: Warning, Since: s.FaultSince,
		Title: s.Name + " does not answer",
		Todo:  "Open its address in a browser; if it has moved or wants another contact, change pipeline.yaml.",
	}
	if s.Fault != nil {
		a.Text = sentence(s.Fault.Error())
	}
	return a
}

func empty(s Source) Alarm {
	a := Alarm{
		Cause: "source/" + s.Name + "/empty", Level: Warning, Since: s.EmptySince,
		Title: s.Name + " is empty",
		Text:  "It answers, and there is nothing in its answers, not even what is old.",
		Todo:  "Open its address in a browser: it may have moved, or what it is asked for may be called otherwise now. operator.empty_after says how long is too long.",
	}
	if s.EmptyPart != "" {
		a.Title = s.Name + " has nothing of " + s.EmptyPart
		a.Text = "It answers, and what it is asked for by this name is empty, whatever else it has."
	}
	return a
}

func quiet(s Source, newest time.Time) Alarm {
	text := "It answers, and has had nothing new for longer than any night or weekend."
	if s.Entries == 0 {
		text = "It answers, and its feed has been empty for longer than any night or weekend."
	}
	return Alarm{
		Cause: "source/" + s.Name + "/news", Level: Warning, Since: newest,
		Title: s.Name + " has no news",
		Text:  text,
		Todo:  "Open its address in a browser: feeds are replaced without a word. operator.quiet_after says how long is too long.",
	}
}

// described gives an alarm title and advice by its cause, where it has none.
func described(a Alarm) Alarm {
	path := strings.Split(a.Cause, "/")
	a.Text = sentence(a.Text)
	switch {
	case path[0] == "llm" && path[len(path)-1] == "price":
		a.Title = "A model of " + path[1] + " has no price"
	case path[0] == "llm" && len(path) > 2:
		a.Title = strings.Join(path[2:], "/") + " of " + path[1] + " is not asked"
		a.Todo = "Check its key, credit and status page; it is asked again by itself."
	case path[0] == "discord" && len(path) > 1:
		a.Title = "Alerts cannot be posted to " + path[1]
		a.Todo = "Do that; alerts wait meanwhile, and none is lost."
	case path[0] == "budget":
		if path[len(path)-1] != "over" {
			a.Level = Warning
		}
		a.Title = "The day's budget: " + path[len(path)-1]
		a.Todo = "If that is not meant, raise llm.budget.day; pipeline cost shows what it went for."
	default:
		a.Title = a.Cause
	}
	return a
}

// page is the notice of a cause.
func page(r record) Notice {
	a := r.Alarm
	return Notice{
		ID: r.id(Page), Kind: Page, Level: a.Level, At: r.At,
		Title: a.Title, Text: a.Text, Todo: a.Todo, Since: a.Since,
	}
}

// over is the notice that a cause is gone.
func over(r record, gone time.Time) Notice {
	since := r.Alarm.Since
	if since.IsZero() {
		since = r.At
	}
	return Notice{
		ID: r.id(Clear), Kind: Clear, Level: Good, At: gone,
		Title: "Over: " + r.Alarm.Title,
		Text:  "It lasted for " + lasting(gone.Sub(since)) + ".",
	}
}

func sentence(s string) string {
	s = strings.TrimSpace(alert.Clean(s))
	if s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.FormatInt(n, 10) + " " + word + "s"
}

// lasting says how long something is, in its two largest units.
func lasting(d time.Duration) string {
	d = max(d, 0)
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}
