package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"catalyst/internal/edgar/edgartest"
	"catalyst/sinks/discord/discordtest"
)

// example stands in for pipeline.yaml: the file of examples/ with this name, in which pairs of
// texts are replaced, the old and the new.
func example(tb testing.TB, name string, replaced ...string) edit {
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", name))
	if err != nil {
		tb.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(strings.NewReplacer(replaced...).Replace(string(text))), &doc); err != nil {
		tb.Fatal(err)
	}
	return func(root *yaml.Node) { *root = *doc.Content[0] }
}

// submitted is the full text of a filing: pairs of a document's type and its HTML.
func submitted(form, period string, documents ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<SEC-HEADER>\nCONFORMED SUBMISSION TYPE:\t%s\nCONFORMED PERIOD OF REPORT:\t%s\n</SEC-HEADER>\n", form, strings.ReplaceAll(period, "-", ""))
	for i := 0; i < len(documents); i += 2 {
		fmt.Fprintf(&b, "<DOCUMENT>\n<TYPE>%s\n<TEXT>\n<html><body>%s</body></html>\n</TEXT>\n</DOCUMENT>\n", documents[i], documents[i+1])
	}
	return b.String()
}

// reported is an 8-K with items, "2.02 Results", and a release.
func reported(release string, items ...string) string {
	var b strings.Builder
	b.WriteString("<p><b>FORM 8-K</b></p><p>CURRENT REPORT</p>")
	for _, item := range items {
		fmt.Fprintf(&b, "<p><b>Item %s.</b></p><p>A release is furnished as Exhibit 99.1.</p>", item)
	}
	return submitted("8-K", "2026-01-08", "8-K", b.String()+"<p><b>SIGNATURES</b></p>", "EX-99.1", release)
}

const results = "<p><b>Halvorsen Robotics Reports Third Quarter Results</b></p>" +
	"<p>Revenue for the third quarter of 2026 was $57.0 million, compared to $35.1 million in the third quarter of 2025.</p>" +
	"<p>Diluted earnings per share for the third quarter of 2026 were $1.30.</p>"

// annually is a 10-K whose Item 7 says this.
func annually(period, discussion string) string {
	return submitted("10-K", period, "10-K", "<p><b>FORM 10-K</b></p><p><b>PART I</b></p><p><b>Item 1. Business</b></p><p>We build robots for mines on four continents.</p>"+
		"<p><b>Item 1A. Risk Factors</b></p><p>A mine that closes buys no robots, and some of our customers have only one.</p><p><b>Item 2. Properties</b></p><p>One plant.</p>"+
		"<p><b>PART II</b></p><p><b>Item 7. Management's Discussion and Analysis</b></p><p>"+discussion+"</p><p><b>Item 8. Financial Statements</b></p><p>None.</p><p><b>SIGNATURES</b></p>")
}

// examples/filings.yaml against an EDGAR of this machine: from the entry in the feed to
// the alert with period, revenue and earnings per share. Polls see the same entries again
// and again, each filer has one, and nothing is said or asked twice.
func TestFilingsFromFeedToAlert(t *testing.T) {
	sec := edgartest.NewServer(t)
	sec.List(edgartest.Company{CIK: 1234567, Ticker: "HRBT"}, edgartest.Company{CIK: 7654321, Ticker: "QRRY"})
	robots := edgartest.Filer{Name: "Halvorsen Robotics Inc", CIK: "0001234567", Role: "Filer"}
	mine := edgartest.Filer{Name: "Quarry Holdings Corp", CIK: "0007654321", Role: "Filer"}
	now := time.Now()
	sec.Add(
		edgartest.Filing{Accession: "0001234567-25-000001", Form: "10-K", Filers: []edgartest.Filer{robots}, Accepted: now.AddDate(-1, 0, 0), Period: "2024-12-31",
			Submission: annually("2024-12-31", "Sales of robots grew since two large mines were opened in the course of the year.")},
		edgartest.Filing{Accession: "0001234567-26-000001", Form: "10-K", Filers: []edgartest.Filer{robots}, Accepted: now.Add(-3 * time.Minute), Period: "2025-12-31",
			Submission: annually("2025-12-31", "Net losses widened because our largest customer went bankrupt, and will order nothing more.")},
		edgartest.Filing{Accession: "0001234567-26-000002", Form: "8-K", Filers: []edgartest.Filer{robots, {Name: "Halvorsen Finance LLC", CIK: "0001234599", Role: "Filer"}}, Accepted: now.Add(-2 * time.Minute),
			Items:      []string{"2.02: Results of Operations and Financial Condition", "9.01: Financial Statements and Exhibits"},
			Submission: reported(results, "2.02. Results of Operations and Financial Condition", "9.01. Financial Statements and Exhibits")},
		edgartest.Filing{Accession: "0007654321-26-000001", Form: "8-K", Filers: []edgartest.Filer{mine}, Accepted: now.Add(-time.Minute),
			Items:      []string{"7.01: Regulation FD Disclosure"},
			Submission: reported("<p>Our chairman speaks at a dinner on Tuesday.</p>", "7.01. Regulation FD Disclosure")},
		edgartest.Filing{Accession: "0007654321-26-000002", Form: "8-K", Filers: []edgartest.Filer{mine}, Accepted: now.Add(-time.Minute),
			Items: []string{"5.07: Submission of Matters to a Vote of Security Holders"}},
	)
	w := newWorld(t, "embedded", discordtest.Config{}, example(t, "filings.yaml",
		"${EDGAR_CONTACT}", "Example Ltd news@example.com", "${EDGAR_URL:-https://www.sec.gov}", sec.URL),
		setting("sources", "edgar", "{every: 300ms, watch_every: 300ms}"),
		setting("sinks", "discord", "{creates: 100000, edits: 100000, window: 1s, per_second: 100000, per_ticker: 0}"))
	w.env["FEATURE_RSS"] = "0"
	c := w.start()
	const wanted = 2
	until(t, 30*time.Second, "both filings are judged", func() bool { return w.allJudged(wanted) && w.idle() })
	polls := func() int { return len(sec.Requests("/cgi-bin/browse-edgar")) }
	seen := polls()
	until(t, 30*time.Second, "two more polls", func() bool { return polls() >= seen+6 })
	until(t, 30*time.Second, "nothing is left to do", w.idle)
	c.stop()

	alerts := map[string]discordtest.Message{}
	for _, m := range w.discord.Messages() {
		alerts[m.Last().Embeds[0].Title] = m
	}
	for title, want := range map[string][]string{
		"HRBT · Halvorsen Robotics Inc: results of operations": {"Revenue $57.0 million (Q3 2026), was $35.1 million", "EPS (diluted) $1.30 (Q3 2026)"},
		"HRBT · Halvorsen Robotics Inc":                        nil,
	} {
		alert, ok := alerts[title]
		if !ok {
			t.Fatalf("there is no alert %q, only %q", title, slices.Collect(maps.Keys(alerts)))
		}
		if first := alert.Versions[0].Embeds[0]; judged(discordtest.Message{Versions: alert.Versions[:1]}) || first.Field("Figures") != "" {
			t.Errorf("%s: the first alert has %+v already: it waited for them", title, first)
		}
		for _, figure := range want {
			if figures := alert.Last().Embeds[0].Field("Figures"); !strings.Contains(strings.ReplaceAll(figures, `\`, ""), figure) {
				t.Errorf("%s: the figures are %q, want %q", title, figures, figure)
			}
		}
	}
	if len(alerts) != wanted {
		t.Errorf("%d alerts, want %d", len(alerts), wanted)
	}
	asked := w.model.Requests()
	if len(asked) == 0 || len(asked) > wanted {
		t.Errorf("%d questions to the model for %d filings in %d polls", len(asked), wanted, polls())
	}
	var prompts string
	for _, r := range asked {
		prompts += r.Body
	}
	for word, want := range map[string]bool{
		"Revenue $57.0 million (Q3 2026)": true, "Reports Third Quarter Results": true,
		"What changed since 2024-12-31": true, "our largest customer went bankrupt": true, "mines on four continents": false,
		"speaks at a dinner": false,
	} {
		if strings.Contains(prompts, word) != want {
			t.Errorf("the model is told %q: %v, want %v", word, !want, want)
		}
	}
	if bad := w.poison(); len(bad) > 0 {
		t.Errorf("%d in poison", len(bad))
	}
	if v := sec.Violations(); len(v) > 0 {
		t.Errorf("EDGAR's rules were broken: %q", v)
	}
	t.Logf("%d alerts and %d questions to the model in %d polls, %d requests, at most %d in a second", len(alerts), len(asked), polls(), len(sec.Requests("/")), sec.Busiest())
}

// The example is the default pipeline and more: what is added to that one belongs here too.
func TestFilingsExampleIsTheDefaultPipelineAndMore(t *testing.T) {
	kinds := func(file string) (all []string) {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		var parts map[string]yaml.Node
		if err := yaml.Unmarshal(text, &parts); err != nil {
			t.Fatal(err)
		}
		for _, section := range []string{"sources", "stages", "sinks", "providers"} {
			list := parts[section]
			for _, component := range list.Content {
				if component.Kind == yaml.MappingNode {
					component = component.Content[0]
				}
				all = append(all, section+": "+component.Value)
			}
		}
		return all
	}
	have := kinds("examples/filings.yaml")
	for _, kind := range kinds("pipeline.yaml") {
		i := slices.Index(have, kind)
		if i < 0 {
			t.Fatalf("examples/filings.yaml lacks %q, or has it elsewhere", kind)
		}
		have = have[i+1:]
	}
}
