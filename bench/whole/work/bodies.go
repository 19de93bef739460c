package work

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"catalyst/internal/alert"
	"catalyst/internal/llm"
	"catalyst/internal/news"
)

var background = context.Background() // for functions that take one and do not wait

// Model is the name of the model that is asked.
const Model = "stand-in"

// Question is the body that asks the model about an item.
func (t *Tools) Question(item *news.Item) ([]byte, error) {
	r, err := t.prompts.Of(item).Request([]*news.Item{item}, maxText)
	if err != nil {
		return nil, err
	}
	return json.Marshal(question{
		Model: Model, MaxTokens: 1024,
		Messages: []message{{"system", r.System}, {"user", r.Prompt}},
		Format:   format{"json_schema", schema{r.SchemaName, r.Schema, true}},
	})
}

type (
	question struct {
		Model     string    `json:"model"`
		Messages  []message `json:"messages"`
		MaxTokens int       `json:"max_tokens"`
		Format    format    `json:"response_format"`
	}
	message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
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
)

// Answer reads the model's verdict on an item out of the body of its answer.
func (t *Tools) Answer(body []byte, item *news.Item) (*news.Analysis, error) {
	var answer struct {
		Choices []struct {
			Message message `json:"message"`
		} `json:"choices"`
		Usage struct {
			In  int `json:"prompt_tokens"`
			Out int `json:"completion_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(answer.Choices) == 0 {
		return nil, errors.New("read answer: there is none in it")
	}
	prompt := t.prompts.Of(item)
	a, err := prompt.ParseAnswer(answer.Choices[0].Message.Content, item)
	if err != nil {
		return nil, err
	}
	a.Provider, a.Model, a.Prompt, a.At = "openai", Model, prompt.ID, time.Now().UTC()
	a.TokensIn, a.TokensOut, a.Attempts = answer.Usage.In, answer.Usage.Out, 1
	a.Signal = llm.Signal(a.Direction, a.Score)
	return &a, nil
}

// Alert is the body that posts an item before its analysis; replyTo, if not empty, is the
// message it corrects.
func Alert(item *news.Item, replyTo string) ([]byte, error) {
	sum := sha256.Sum256([]byte(item.Key))
	body := post{Embeds: []embedded{render(alert.Pending(item))}, Nonce: hex.EncodeToString(sum[:12]), Enforce: true}
	body.Mentions.Parse = []string{}
	if replyTo != "" {
		body.Reference = &reference{replyTo}
	}
	return json.Marshal(body)
}

// Edit is the body that shows the verdict in an item's message.
func Edit(item *news.Item) ([]byte, error) {
	body := post{Embeds: []embedded{render(alert.Complete(item))}}
	body.Mentions.Parse = []string{}
	return json.Marshal(body)
}

// MessageID reads which message was posted.
func MessageID(body []byte) (string, error) {
	var m struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return "", fmt.Errorf("read message: %w", err)
	}
	if m.ID == "" {
		return "", errors.New("read message: it has no id")
	}
	return m.ID, nil
}

type (
	post struct {
		Embeds   []embedded `json:"embeds"`
		Mentions struct {
			Parse []string `json:"parse"`
		} `json:"allowed_mentions"`
		Nonce     string     `json:"nonce,omitempty"`
		Enforce   bool       `json:"enforce_nonce,omitempty"`
		Reference *reference `json:"message_reference,omitempty"`
	}
	reference struct {
		ID string `json:"message_id"`
	}
	embedded struct {
		Title       string  `json:"title"`
		URL         string  `json:"url,omitempty"`
		Description string  `json:"description,omitempty"`
		Timestamp   string  `json:"timestamp,omitempty"`
		Color       int     `json:"color"`
		Author      *named  `json:"author,omitempty"`
		Footer      *text   `json:"footer,omitempty"`
		Fields      []field `json:"fields,omitempty"`
	}
	named struct {
		Name string `json:"name"`
	}
	text struct {
		Text string `json:"text"`
	}
	field struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Inline bool   `json:"inline,omitempty"`
	}
)

// render shows a card within the limits of one embed.
func render(card alert.Card) embedded {
	card = card.Within(6000)
	e := embedded{
		Title: alert.Markdown(card.Title, 256), URL: card.URL, Color: card.Color,
		Description: alert.Markdown(card.Description, 4096),
	}
	if card.Badge != "" {
		e.Author = &named{card.Badge}
	}
	if card.Footer != "" {
		e.Footer = &text{alert.Cut(card.Footer, 2048)}
	}
	if !card.Timestamp.IsZero() {
		e.Timestamp = card.Timestamp.UTC().Format(time.RFC3339)
	}
	for _, f := range card.Fields {
		value := alert.Markdown(f.Value, 1000)
		if !f.Time.IsZero() {
			value += fmt.Sprintf(" · <t:%d:R>", f.Time.Unix())
		}
		if f.Name != "" && value != "" {
			e.Fields = append(e.Fields, field{alert.Markdown(f.Name, 256), value, f.Inline})
		}
	}
	return e
}
