package replay

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	var out strings.Builder
	f := &r.Figures
	fmt.Fprintf(&out, "%s on %d items, %s to %s, in %.1f s (%s)\n", r.File, f.In, stamp(r.From), stamp(r.To), f.Seconds, speed(r.Speed))
	fmt.Fprintf(&out, "models %s, seed %d; sinks %s\n", r.Models, r.Seed, r.Sinks)
	if r.Interrupted {
		fmt.Fprintf(&out, "interrupted: %d of %d items\n", f.In, f.Items)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&out, "note: %s\n", plain(note))
	}
	fmt.Fprintf(&out, "\nalerted %d · analysed %d · cached %d · unavailable %d · dropped %d (duplicates %d) · poisoned %d · parked %d · lost %d\n\n",
		f.Alerted, f.Analysed, f.Cached, f.Unavailable, f.Dropped, f.Duplicates, f.Poisoned, f.Parked, f.Lost)

	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "STAGE\tIN\tOUT\tDROPPED\tFAILED\tBATCHES\tMEAN ms\tBUSY ms\t")
	for _, s := range r.Stages {
		var dropped int64
		for _, n := range s.Dropped {
			dropped += n
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%.2f\t%.0f\t\n", s.Name, s.In, s.Out, dropped, s.Failed, s.Batches, s.MeanMS, s.BusyMS)
	}
	table.Flush()
	fmt.Fprintf(&out, "slowest: %s\n", f.Slowest)

	r.polls(&out)
	if drops := r.Drops(); len(drops) > 0 {
		out.WriteString("\nDROPPED BECAUSE\n")
		for _, d := range drops {
			fmt.Fprintf(&out, "%7d  %s: %s\n", d.N, d.Stage, plain(d.Reason))
		}
	}
	r.models(&out)

	out.WriteString("\n")
	table = tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "DELAY ms\tp50\tp95\tp99\tmax\t")
	fmt.Fprintf(table, "alert\t%s\t%s\t%s\t%s\t\n", number(f.AlertP50), number(f.AlertP95), number(f.AlertP99), number(f.AlertMax))
	fmt.Fprintf(table, "verdict\t%s\t%s\t%s\t%s\t\n", number(f.VerdictP50), number(f.VerdictP95), number(f.VerdictP99), number(f.VerdictMax))
	table.Flush()
	fmt.Fprintf(&out, "queue at most %d, the oldest for %.1f s · %.0f items/s · CPU %.2f s · memory %.0f MB\n", f.Depth, f.Age/1e3, f.Rate, f.CPU, f.Memory)
	_, err := io.WriteString(w, out.String())
	return err
}

// polls tells what sources made of their polls.
func (r *Report) polls(out *strings.Builder) {
	if len(r.Polls) == 0 {
		return
	}
	out.WriteString("\n")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "SOURCE\tPOLLS\tANSWERS\tNOT MODIFIED\tITEMS\tMOST\tMALFORMED\tFAILED\t")
	for _, p := range r.Polls {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", p.Source, p.Polls, p.Answers, p.NotModified, p.Items, p.Most, p.Malformed, p.Failures())
	}
	table.Flush()
	for _, p := range r.Polls {
		if p.Fault != "" {
			fmt.Fprintf(out, "%s: %s\n", p.Source, plain(p.Fault))
		}
		if p.Unrecorded > 0 {
			fmt.Fprintf(out, "%s asked %d times for what is not in the recording, first for %s\n", p.Source, p.Unrecorded, plain(p.Unknown))
		}
	}
}

// Failures are the failed polls by what came of them.
func (p Polled) Failures() string {
	if p.Failed == 0 {
		return "0"
	}
	var words []string
	for _, result := range slices.Sorted(maps.Keys(p.Results)) {
		if result != "ok" && result != "not_modified" {
			words = append(words, fmt.Sprintf("%d %s", p.Results[result], result))
		}
	}
	return strings.Join(words, ", ")
}

// models tells of calls to models and of the cache.
func (r *Report) models(out *strings.Builder) {
	if len(r.Providers) > 0 {
		out.WriteString("\n")
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "MODEL\tCALLS\tFAILED\tTOKENS IN\tOUT\tCOST\tp50 ms\tp95 ms\t")
		for _, u := range r.Providers {
			fmt.Fprintf(table, "%s %s\t%d\t%s\t%d\t%d\t%s\t%.0f\t%.0f\t\n", u.Name, u.Model, u.Calls, failures(u), u.TokensIn, u.TokensOut,
				dollars(float64(u.NanoDollars)/1e9), u.Latency.P50, u.Latency.P95)
		}
		table.Flush()
	}
	if len(r.Hits) > 0 {
		exact, least := 0, 1.0
		for _, h := range r.Hits {
			if h.Similarity == 1 {
				exact++
			}
			least = min(least, h.Similarity)
		}
		fmt.Fprintf(out, "cache: %d hits, %d of an equal text; the least similar %.3f\n", len(r.Hits), exact, least)
	}
}

// failures are the failed calls by class.
func failures(u Use) string {
	if u.Calls == u.OK {
		return "0"
	}
	var words []string
	for _, class := range slices.Sorted(maps.Keys(u.Failed)) {
		words = append(words, fmt.Sprintf("%d %s", u.Failed[class], class))
	}
	return strings.Join(words, ", ")
}

func speed(s float64) string {
	if s == 0 {
		return "as fast as can be"
	}
	return strconv.FormatFloat(s, 'g', -1, 64) + "×"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// number writes a figure as short as it makes sense.
func number(v float64) string {
	switch {
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return strconv.FormatInt(int64(v), 10)
	case math.Abs(v) < 1:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

func signed(v float64) string {
	if v == 0 {
		return ""
	}
	text := number(v)
	if v > 0 {
		text = "+" + text
	}
	return text
}

func dollars(v float64) string { return fmt.Sprintf("$%.4f", v) }

// plain takes from a text what a terminal would obey.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}
