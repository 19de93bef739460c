package main

import (
	"catalyst/flows"
	edgarclient "catalyst/internal/edgar/client"
	"catalyst/internal/llm"
	"catalyst/internal/llm/anthropic"
	"catalyst/internal/llm/gemini"
	"catalyst/internal/llm/llamacpp"
	"catalyst/internal/llm/ollama"
	"catalyst/internal/llm/openai"
	"catalyst/sinks/console"
	"catalyst/sinks/discord"
	sinkjsonl "catalyst/sinks/jsonl"
	"catalyst/sinks/topic"
	"catalyst/sources/alpaca"
	"catalyst/sources/edgar"
	"catalyst/sources/finnhub"
	"catalyst/sources/jsonl"
	"catalyst/sources/newsapi"
	"catalyst/sources/rss"
	"catalyst/sources/stream"
	"catalyst/sources/webhook"
	alsoseen "catalyst/stages/also_seen"
	"catalyst/stages/announce"
	"catalyst/stages/batch"
	"catalyst/stages/dedupe"
	fetchfiling "catalyst/stages/fetch_filing"
	"catalyst/stages/filter"
	"catalyst/stages/freshness"
	llmrouter "catalyst/stages/llm_router"
	prefilterfilings "catalyst/stages/prefilter_filings"
	"catalyst/stages/prescale"
	"catalyst/stages/remember"
	semanticcache "catalyst/stages/semantic_cache"
	"catalyst/stages/tickers"
)

// catalog is the one list of what a pipeline.yaml can be made of. What a
// component needs, r opens when it is built.
func catalog(r *resources) flows.Catalog {
	sec := edgarclient.NewLimits(r.Meters, r.Notes) // one for whatever asks EDGAR
	return flows.Catalog{
		Sources: []flows.SourceKind{
			alpaca.Kind(r.Notes),
			edgar.Kind(sec, r.sourceNotes),
			finnhub.Kind(),
			jsonl.Kind(),
			newsapi.Kind(),
			rss.Kind(),
			stream.Kind(r.Foreign, r.Quarantine),
			webhook.Kind(),
		},
		Stages: []flows.StageKind{
			alsoseen.Kind(r.Stories),
			announce.Kind(),
			batch.Kind(),
			dedupe.Kind(r.Stories),
			fetchfiling.Kind(sec),
			filter.Kind(),
			freshness.Kind(),
			llmrouter.Kind(r.router()),
			prefilterfilings.Kind(r.Notes),
			prescale.Kind(),
			remember.Kind(),
			semanticcache.Kind(semanticcache.Deps{Answers: r.Answers, Embeddings: r.Embeddings, Notes: r.Notes, Operator: r.Operator, Models: r.Models}),
			tickers.Kind(sec),
		},
		Sinks: []flows.SinkKind{
			console.Kind(r.Ledger, r.app.out),
			discord.Kind(r.Ledger, r.app.out, r.Operator),
			sinkjsonl.Kind(r.Ledger, r.app.out),
			topic.Kind(r.Broker),
		},
		Sections: []flows.Section{
			{Key: "providers", Read: r.readProviders},
			{Key: "llm", Read: r.readLLM},
			{Key: "operator", Read: r.readOperator},
			{Key: "http", Read: r.readHTTP},
		},
	}
}

// providerKinds are the kinds of language model providers.
func providerKinds(client httpClient) []flows.Kind[llm.Provider] {
	return []flows.Kind[llm.Provider]{
		anthropic.Kind(client),
		gemini.Kind(client),
		llamacpp.Kind(client),
		ollama.Kind(client),
		openai.Kind(client),
	}
}
