package local_test

import (
	"context"
	"log/slog"
	"testing"

	"catalyst/internal/llm"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/llm/local"
	"catalyst/internal/llm/ollama"
)

// instant answers without a server: what is left is what the wrapper adds.
type instant struct{ *ollama.Provider }

func (instant) Complete(context.Context, llm.Request) (llm.Response, error) {
	return llm.Response{Text: "yes", TokensOut: 100, TokensPerSecond: 40}, nil
}

func BenchmarkComplete(b *testing.B) {
	machine := llmtest.NewMachine(llmtest.GPU{})
	c := ollama.Defaults
	c.BaseURL, c.Concurrency, c.Care.Every = machine.URL, -1, 0
	p := local.New(instant{ollama.New("bench", c, nil)}, c.Care, slog.New(slog.DiscardHandler))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Complete(b.Context(), llm.Request{}); err != nil {
				b.Error(err)
			}
		}
	})
}
