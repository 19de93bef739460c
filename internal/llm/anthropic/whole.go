package anthropic

import (
	"encoding/json"

	"catalyst/internal/llm"
)

// events makes of a whole message the events that a stream of it could have been,
// as far as they are read here.
func events(whole []byte) (list []llm.Event, err error) {
	var message struct {
		Type       string            `json:"type"`
		Content    []json.RawMessage `json:"content"`
		StopReason string            `json:"stop_reason"`
		Usage      json.RawMessage   `json:"usage"`
	}
	if err := json.Unmarshal(whole, &message); err != nil {
		return nil, err
	}
	if message.Type == "error" {
		return []llm.Event{{Name: "error", Data: whole}}, nil
	}
	add := func(name string, fields map[string]any) {
		fields["type"] = name
		data, failed := json.Marshal(fields)
		if failed != nil {
			err = failed
		}
		list = append(list, llm.Event{Name: name, Data: data})
	}
	add("message_start", map[string]any{"message": json.RawMessage(whole)})
	for i, raw := range message.Content {
		var block struct{ Type, Text string }
		if json.Unmarshal(raw, &block) == nil && block.Type == "text" {
			add("content_block_delta", map[string]any{
				"index": i, "delta": map[string]any{"type": "text_delta", "text": block.Text},
			})
		}
	}
	if message.StopReason != "" {
		add("message_delta", map[string]any{
			"delta": map[string]any{"stop_reason": message.StopReason}, "usage": message.Usage,
		})
	}
	return list, err
}
