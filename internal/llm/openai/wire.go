package openai

import "encoding/json"

// What is sent and read. The client library has types for all of the API, which take
// longer to write and read than everything else that is done about a call.
type (
	question struct {
		Model               string        `json:"model"`
		Messages            []message     `json:"messages"`
		MaxTokens           int           `json:"max_tokens,omitzero"`
		MaxCompletionTokens int           `json:"max_completion_tokens,omitzero"`
		Temperature         *float64      `json:"temperature,omitzero"`
		Effort              string        `json:"reasoning_effort,omitzero"`
		Format              *format       `json:"response_format,omitzero"`
		Stream              bool          `json:"stream"`
		StreamOptions       streamOptions `json:"stream_options"`
	}
	message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	streamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	}
	format struct {
		Type   string `json:"type"`
		Schema schema `json:"json_schema"`
	}
	schema struct {
		Name   string          `json:"name"`
		Schema json.RawMessage `json:"schema"`
		Strict bool            `json:"strict"`
	}

	// chunk is a piece of an answer.
	chunk struct {
		Model   string `json:"model"`
		Choices []struct {
			Delta struct {
				Content string `json:"content"`
				Refusal string `json:"refusal"`
			} `json:"delta"`
			FinishReason string `json:"finish_reason"`
		} `json:"choices"`
		Usage struct {
			PromptTokens        int `json:"prompt_tokens"`
			CompletionTokens    int `json:"completion_tokens"`
			TotalTokens         int `json:"total_tokens"`
			PromptTokensDetails struct {
				CachedTokens int `json:"cached_tokens"`
			} `json:"prompt_tokens_details"`
		} `json:"usage"`
	}
)
