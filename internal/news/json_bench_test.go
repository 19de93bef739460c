package news_test

import (
	"strings"
	"testing"
	"time"

	"catalyst/internal/news"
)

// samples are items as they pass through topics: a story as a source hands it on, the same
// with a verdict, an entry of EDGAR's feed, and a filing whose text was fetched.
func samples() []sample {
	at := time.Date(2026, 1, 8, 17, 0, 1, 0, time.UTC)
	story := &news.Item{
		Key: "url:https://news.example.com/1/48213", Source: "wire", GUID: "wire-1-48213", URL: "https://news.example.com/1/48213",
		Title: "Emberford Therapeutics Receives FDA Approval for Its Glaucoma Product 12",
		Summary: "BOSTON, Nov. 12 -- Emberford Therapeutics (NASDAQ: EFTX) today said of its glaucoma business: " +
			"Emberford Therapeutics Receives FDA Approval for Its Glaucoma Product 12. Reference 5b1f09c3.",
		Received: at, Tickers: []string{"EFTX"},
	}

	judged := *story
	judged.Score, judged.Priority, judged.Reasons = 0.62, 0.4, []string{"approval +0.5", "headline ×1.25"}
	judged.Analysis = &news.Analysis{
		Direction: news.Bullish, Score: 0.7, Confidence: 0.85, Signal: "approval", Risk: "medium", Urgency: "high", Horizon: "days",
		Reasoning: "The approval opens a market that the company had no product for, and comes earlier than it had said.",
		Catalysts: []string{"approval", "first sales next quarter"}, KeyFigures: []string{"$120 million"},
		Provider: "ollama", Model: "small", Prompt: "news/3", TokensIn: 812, TokensOut: 143, Latency: 1834 * time.Millisecond, At: at,
	}

	entry := &news.Item{
		Key: "acc:0001234567-26-000001", Source: "edgar", Accession: "0001234567-26-000001",
		GUID:      "urn:tag:sec.gov,2008:accession-number=0001234567-26-000001",
		URL:       "https://www.sec.gov/Archives/edgar/data/1234567/000123456726000001/0001234567-26-000001-index.htm",
		Title:     "8-K - ACME ROCKETS & SÖHNE CORP (0001234567) (Filer)",
		Summary:   "Filed: 2026-01-08 AccNo: 0001234567-26-000001 Size: 1 KB Item 2.02: Results of Operations and Financial Condition Item 9.01: Financial Statements and Exhibits",
		Published: at, Received: at.Add(1250 * time.Millisecond), Form: "8-K", Items: []string{"2.02", "9.01"}, Tickers: []string{"ACME"},
		Filers:      []news.Filer{{Name: "ACME ROCKETS & SÖHNE CORP", CIK: "0001234567", Role: "Filer"}},
		TickersFrom: map[string]string{"ACME": "cik"}, Topic: "earnings",
	}

	filing := *entry
	const paragraph = "The Company’s revenue for the quarter was $12.5 million, up 14 % from \"a difficult\" year before.\n\n" +
		"Net loss per share was $0.11; cash and cash equivalents stood at $48.0 million at the end of December.\n"
	filing.Body = strings.Repeat(paragraph, 1<<20/len(paragraph))
	return []sample{{"story", story}, {"judged", &judged}, {"entry", entry}, {"filing", &filing}}
}

type sample struct {
	name string
	item *news.Item
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range samples() {
		data, err := news.Encode(s.item)
		if err != nil {
			b.Fatal(err)
		}
		for _, way := range []struct {
			name   string
			decode func([]byte) (*news.Item, error)
		}{{"quick", news.Decode}, {"reflection", news.DecodeAny}} {
			b.Run(s.name+"/"+way.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					if _, err := way.decode(data); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range samples() {
		for _, way := range []struct {
			name   string
			encode func(*news.Item) ([]byte, error)
		}{{"quick", news.Encode}, {"reflection", news.EncodeAny}} {
			b.Run(s.name+"/"+way.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					data, err := way.encode(s.item)
					if err != nil {
						b.Fatal(err)
					}
					b.SetBytes(int64(len(data)))
				}
			})
		}
	}
}
