package openai

import (
	"encoding/json"

	"catalyst/internal/llm"
)

// events makes of a whole answer the one chunk that a stream could have been: its
// messages become deltas. An error stays as it is, which is an event too.
func events(whole []byte) ([]llm.Event, error) {
	var answer map[string]any
	if err := json.Unmarshal(whole, &answer); err != nil {
		return nil, err
	}
	choices, _ := answer["choices"].([]any)
	for _, c := range choices {
		if choice, ok := c.(map[string]any); ok && choice["message"] != nil {
			choice["delta"] = choice["message"]
			delete(choice, "message")
		}
	}
	data, err := json.Marshal(answer)
	return []llm.Event{{Data: data}, {Data: []byte("[DONE]")}}, err
}
