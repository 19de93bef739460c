package discord

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"catalyst/internal/alert"
)

// Discord's limits for the parts of an embed, in characters. All text of a
// message together may have 6,000; a card's caps keep it far below.
const (
	maxTitle       = 256
	maxDescription = 4096
	maxFields      = 25
	maxFieldName   = 256
	maxFieldValue  = 1024
	maxFooter      = 2048
	maxEmbed       = 6000
)

// embed renders a card within Discord's limits, its text escaped.
func embed(card alert.Card) *discordgo.MessageEmbed {
	left := maxEmbed
	text := func(s string, limit int, write func(string, int) string) string {
		s = write(s, min(limit, left))
		left -= alert.Units(s)
		return s
	}
	e := &discordgo.MessageEmbed{
		Title: text(card.Title, maxTitle, alert.Markdown),
		URL:   card.URL,
		Color: card.Color,
	}
	if card.Footer != "" { // before the rest: it says who answered
		e.Footer = &discordgo.MessageEmbedFooter{Text: text(card.Footer, maxFooter, alert.Cut)}
	}
	e.Description = text(card.Description, maxDescription, alert.Markdown)
	if !card.Timestamp.IsZero() {
		e.Timestamp = card.Timestamp.UTC().Format(time.RFC3339)
	}
	for _, f := range card.Fields[:min(len(card.Fields), maxFields)] {
		var age string
		if !f.Time.IsZero() {
			age = fmt.Sprintf(" · <t:%d:R>", f.Time.Unix()) // Discord keeps it up to date
		}
		name := text(f.Name, maxFieldName, alert.Markdown)
		value := text(f.Value, maxFieldValue-len(age), alert.Markdown) + age
		left -= len(age)
		if name == "" || value == "" || left < 0 {
			continue // Discord would refuse the whole message
		}
		e.Fields = append(e.Fields, &discordgo.MessageEmbedField{Name: name, Value: value, Inline: f.Inline})
	}
	return e
}

// mark is what the ledger notes about an embed that is shown.
func mark(state alert.State, e *discordgo.MessageEmbed) (string, error) {
	rendered, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("render alert: %w", err)
	}
	return alert.Mark(state, rendered), nil
}

// showsEmbed reports whether a message that Discord returned shows want. A nonce
// may find a message that was posted earlier and says something else. What
// cannot be read is taken to differ: an edit more does no harm.
func showsEmbed(embeds json.RawMessage, want *discordgo.MessageEmbed) bool {
	var shown []struct {
		Color  int `json:"color"`
		Fields []struct {
			Value string `json:"value"`
		} `json:"fields"`
	}
	if json.Unmarshal(embeds, &shown) != nil || len(shown) != 1 ||
		shown[0].Color != want.Color || len(shown[0].Fields) != len(want.Fields) {
		return false
	}
	for i, f := range shown[0].Fields {
		if strings.TrimSpace(f.Value) != strings.TrimSpace(want.Fields[i].Value) {
			return false
		}
	}
	return true
}
