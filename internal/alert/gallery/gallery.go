// Package gallery holds alerts of every kind, about made-up companies, to look at.
package gallery

import (
	"errors"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/internal/news"
)

// A Sample is one message as a channel would show it: mostly one card.
type Sample struct {
	Name  string
	Cards []alert.Card
}

// Samples returns the gallery as it looks at now.
func Samples(now time.Time) []Sample {
	at := func(ago time.Duration, it *news.Item) *news.Item {
		it.Published = now.Add(-ago).Truncate(time.Second)
		return it
	}
	results := func() *news.Item { return at(40*time.Second, results()) }
	offering := at(3*time.Minute, offering())
	down := flows.Unavailable("ollama", errors.New("connection refused"), 4*time.Minute)
	blocked := at(12*time.Minute, trial())
	blocked.Analysis = &news.Analysis{Unavailable: "the day's budget is spent"}

	samples := []Sample{
		one("pending: the alert comes first", alert.Pending(results())),
		one("bullish: the same message, edited", alert.Complete(judged(results(), resultsVerdict()))),
		one("bearish, with the banner of strongly negative news", alert.Complete(judged(offering, offeringVerdict()))),
		one("neutral, from the cache", alert.Complete(judged(at(9*time.Minute, facility()), facilityVerdict(now)))),
		one("a second choice, with figures that the item does not have", alert.Complete(judged(at(6*time.Minute, trial()), doubtfulVerdict()))),
		one("an amended filing", alert.Pending(at(95*time.Second, amended()))),
		one("a corrected release", alert.Pending(at(2*time.Hour, corrected()))),
		one("parked: a dependency is down", alert.Report(results(), flows.Outcome{Fate: flows.Parked, Stage: "llm_router", Err: down}, now)),
		one("timed out", alert.Timeout(results())),
		one("failed", alert.Failed(results(), "llm_router")),
		one("unavailable", alert.Complete(blocked)),
		one("a hostile headline", alert.Pending(at(30*time.Second, hostile()))),
		one("ten thousand characters", alert.Pending(at(5*time.Hour, endless()))),
	}
	burst := Sample{Name: "a burst: several alerts in one message, each shortened"}
	for _, item := range []*news.Item{judged(results(), resultsVerdict()), offering, at(time.Minute, trial()), at(time.Minute, facility())} {
		card := alert.Pending(item)
		if item.Analysis != nil {
			card = alert.Complete(item)
		}
		burst.Cards = append(burst.Cards, card.Within(600)) // a tenth of a message
	}
	return append(samples, burst)
}

func one(name string, card alert.Card) Sample { return Sample{name, []alert.Card{card}} }

func judged(item *news.Item, a *news.Analysis) *news.Item {
	item.Analysis = a
	return item
}

func results() *news.Item {
	return &news.Item{
		Key: "acc:0001900777-26-000042", Source: "edgar", Form: "8-K", Items: []string{"2.02", "7.01", "9.01"}, Tickers: []string{"NGR"},
		Title:   "Northgate Robotics reports record quarter and raises its outlook for the year",
		Summary: "Quarterly revenue of $212 million, up 31 % from a year ago. The board raised the outlook for the year to $850 million from $790 million.",
		URL:     "https://www.sec.gov/Archives/edgar/data/1900777/000190077726000042/0001900777-26-000042-index.htm",
		Score:   1.45, Reasons: []string{"guidance_raised: raises outlook +0.60", "earnings_beat: record quarter +0.50", "item 2.02 +0.35"},
		Topic: "earnings", Priority: .81,
		Figures: []string{"Revenue $212 million (Q3 2026), was $162 million", "EPS $0.41 (Q3 2026), was $0.29"},
	}
}

func resultsVerdict() *news.Analysis {
	return &news.Analysis{
		Direction: news.Bullish, Score: .7, Confidence: .86, Signal: "guidance raise",
		Reasoning: "Revenue grew 31 % and the year's outlook rose by $60 million, more than the quarter alone explains.",
		Details: []news.Detail{
			{Name: "revenue_yoy", Label: "Revenue, year over year", Value: "+31 %"},
			{Name: "guidance", Label: "Guidance", Value: "raised"},
			{Name: "guidance_range", Label: "Guided to", Value: "revenue of $850 million in 2026"},
		},
		Catalysts: []string{"record quarter", "raised outlook"}, Risk: "low", Urgency: "high", Horizon: "days",
		Provider: "ollama", Model: "qwen3:8b", Attempts: 1, Reason: "first in order",
	}
}

func offering() *news.Item {
	return &news.Item{
		Key: "url:https://news.example.com/2", Source: "globenewswire", Tickers: []string{"HLYD"},
		Title:   "Halyard Bio prices $18 million registered direct offering after Nasdaq delisting notice",
		Summary: "The company sells 12,000,000 shares with warrants at $1.50, 34 % below Thursday's close, and has until May to regain compliance.",
		URL:     "https://news.example.com/halyard-bio-offering",
		Score:   -1.55, Reasons: []string{"offering: registered direct offering -0.60", "noncompliance: delisting -0.60", "warrants in text: warrants to purchase -0.18", "falls: below close -0.17"},
	}
}

func offeringVerdict() *news.Analysis {
	return &news.Analysis{
		Direction: news.Bearish, Score: -.9, Confidence: .94, Signal: "dilution",
		Reasoning:  "The new shares are sold 34 % below the market while the listing itself is at risk.",
		KeyFigures: []string{"12,000,000 shares at $1.50", "34 % below the close", "$18 million gross"},
		Catalysts:  []string{"dilution", "delisting notice"}, Risk: "high", Urgency: "critical", Horizon: "intraday",
		Provider: "gemini", Model: "gemini-flash", Attempts: 1,
	}
}

func facility() *news.Item {
	return &news.Item{
		Key: "acc:0001900801-26-000007", Source: "edgar", Form: "8-K", Items: []string{"1.01", "2.03", "9.01"}, Tickers: []string{"CRNE"},
		Title:   "8-K - Crane & Ferry Logistics, Inc. (0001900801) (Filer)",
		Summary: "Filed: 2026-03-02 AccNo: 0001900801-26-000007 Size: 310 KB Item 1.01: Entry into a Material Definitive Agreement Item 2.03: Creation of a Direct Financial Obligation Item 9.01: Financial Statements and Exhibits",
		URL:     "https://www.sec.gov/Archives/edgar/data/1900801/000190080126000007/0001900801-26-000007-index.htm",
		Score:   .22, Reasons: []string{"item 1.01 +0.32", "item 2.03 -0.10"},
	}
}

func facilityVerdict(now time.Time) *news.Analysis {
	return &news.Analysis{
		Direction: news.Neutral, Score: .05, Confidence: .71,
		Reasoning: "An ordinary renewal of a credit line on the same terms.",
		Provider:  "anthropic", Model: "claude-haiku",
		Cached: &news.Cached{Key: "acc:0001900801-26-000006", Similarity: .981, At: now.Add(-26 * time.Minute)},
	}
}

func trial() *news.Item {
	return &news.Item{
		Key: "url:https://news.example.com/4", Source: "businesswire", Tickers: []string{"LUMA", "PXGN"},
		Title:   "Lumara Therapeutics and Paxgen meet primary endpoint in Phase 3 trial of migraine drug",
		Summary: "Monthly migraine days fell by 4.1 against 1.9 with placebo (p<0.001) among 1,204 patients. A filing is planned for the second half.",
		URL:     "https://news.example.com/lumara-phase-3",
		Seen:    []news.Sighting{{Source: "globenewswire", URL: "https://news.example.com/lumara-meets-endpoint"}},
		Score:   1.2, Reasons: []string{"clinical: meet primary endpoint +0.60", "fda in text: new drug application +0.35", "source businesswire ×1.26"},
	}
}

func doubtfulVerdict() *news.Analysis {
	return &news.Analysis{
		Direction: news.Bullish, Score: .8, Confidence: .64, Signal: "trial success",
		Reasoning:  "The primary endpoint was met with a clear margin over placebo in a large trial.",
		KeyFigures: []string{"4.1 fewer migraine days, placebo 1.9", "p<0.001, 1,204 patients", "peak sales of $2.4 billion"},
		Catalysts:  []string{"Phase 3 success"}, Risk: "medium", Urgency: "high", Horizon: "weeks",
		Unverified: []string{"$2.4 billion"},
		Provider:   "gemini", Model: "gemini-flash", Degraded: true, Reason: "after ollama: overloaded", Attempts: 3,
	}
}

func amended() *news.Item {
	return &news.Item{
		Key: "acc:0001900932-26-000012", Source: "edgar", Form: "8-K/A", Items: []string{"4.02", "9.01"}, Tickers: []string{"SBLK"},
		Title: "8-K/A - Saltbrook Industries (0001900932) (Filer)",
		URL:   "https://www.sec.gov/Archives/edgar/data/1900932/000190093226000012/0001900932-26-000012-index.htm",
		Score: -.8, Reasons: []string{"item 4.02 -0.80"},
	}
}

func corrected() *news.Item {
	return &news.Item{
		Key: "url:https://news.example.com/6", Source: "businesswire", Tickers: []string{"TRLN"},
		Title:   "CORRECTING and REPLACING Trellis Energy Signs 15-Year Power Purchase Agreement",
		Summary: "Please replace the release dated March 2 with the following: the capacity is 120 megawatts, not 210.",
		URL:     "https://news.example.com/trellis-correction",
		Score:   .35, Reasons: []string{"energy: power purchase agreement +0.35"},
	}
}

func hostile() *news.Item {
	return &news.Item{
		Key: "url:https://news.example.com/7", Source: "wire <@1>", Tickers: []string{"EVL"},
		Title:   "🟢 Bullish 99 % @everyone **FREE** [shares](https://evil.example) at discord。gg/abc \u202egnp.tnemyap\u202c <script>alert(1)</script>",
		Summary: "⏳ Verdict: BUY ||hidden|| `code` # heading — join dis\u200bcord.gg/x or ｄｉｓｃｏｒｄ．ｇｇ／y \x1b[31mred",
		URL:     "javascript:alert(1)",
		Score:   .25, Reasons: []string{"<b>rises</b>: surge +0.25"},
	}
}

func endless() *news.Item {
	return &news.Item{
		Key: "url:https://news.example.com/8", Source: "prnewswire", Tickers: []string{"AAAA", "BBBB", "CCCC", "DDDD", "EEEE"},
		Title:   strings.Repeat("Endless 👩‍👩‍👧‍👦 headline with antidisestablishmentarianism ", 200),
		Summary: strings.Repeat("NoSpacesAnywhere", 600),
		URL:     "https://news.example.com/" + strings.Repeat("long/", 200),
		Score:   .2, Reasons: []string{"launch +0.20"},
	}
}
