package discord

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"catalyst/internal/alert"
)

// Discord's limits for the parts of an embed and for all text in the embeds of one
// message, in characters.
const (
	maxTitle       = 256
	maxDescription = 4096
	maxFields      = 25
	maxFieldName   = 256
	maxFieldValue  = 1024
	maxFooter      = 2048
	maxAuthor      = 256
	maxEmbeds      = 6000
)

// embed renders a card that has a message of its own.
func embed(card alert.Card) *discordgo.MessageEmbed { return embeds(card)[0] }

// embeds renders cards, of which one message takes ten, within Discord's limits,
// their text escaped. Each gets an equal share of what the message may hold, so
// what one shows does not depend on what becomes of the others; and a URL of its
// own, because Discord shows only the first of those that have the same.
func embeds(cards ...alert.Card) []*discordgo.MessageEmbed {
	made := make([]*discordgo.MessageEmbed, len(cards))
	taken := make(map[string]bool)
	for i, card := range cards {
		made[i] = render(card, maxEmbeds/len(cards))
		made[i].URL = distinct(made[i].URL, i, taken)
	}
	return made
}

// distinct returns link, with another fragment if it is taken. What cannot be
// told apart is no link: no two embeds without one are taken for the same.
func distinct(link string, n int, taken map[string]bool) string {
	if link != "" && taken[link] {
		bare, _, _ := strings.Cut(link, "#")
		link = alert.Link(fmt.Sprintf("%s#alert-%d", bare, n+1))
	}
	taken[link] = true
	return link
}

// render gives a card at most budget characters. The card has been made to fit;
// this is where it is certain.
func render(card alert.Card, budget int) *discordgo.MessageEmbed {
	card = card.Within(budget)
	left := budget
	text := func(s string, limit int, write func(string, int) string) string {
		s = write(s, max(0, min(limit, left)))
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
	if badge := text(card.Badge, maxAuthor, alert.Cut); badge != "" {
		e.Author = &discordgo.MessageEmbedAuthor{Name: badge}
	}
	if !card.Timestamp.IsZero() {
		e.Timestamp = card.Timestamp.UTC().Format(time.RFC3339)
	}
	for _, f := range card.Fields[:min(len(card.Fields), maxFields)] {
		var age string
		if !f.Time.IsZero() {
			age = fmt.Sprintf(" · <t:%d:R>", f.Time.Unix()) // Discord keeps it up to date
		}
		left -= len(age)
		name := text(f.Name, maxFieldName, alert.Markdown)
		value := text(f.Value, maxFieldValue-len(age), alert.Markdown) + age
		if name == "" || value == age || left < 0 {
			left += alert.Units(name) + alert.Units(value)
			continue // Discord would refuse the whole message
		}
		e.Fields = append(e.Fields, &discordgo.MessageEmbedField{Name: name, Value: value, Inline: f.Inline})
	}
	e.Description = text(card.Description, maxDescription-maxBanner, alert.Markdown)
	if banner := text(card.Banner, maxBanner-len(boldly), alert.Markdown); banner != "" && left >= len(boldly) {
		e.Description = strings.TrimRight(fmt.Sprintf(boldly, banner)+e.Description, "\n")
	}
	return e
}

const (
	boldly    = "**%s**\n"
	maxBanner = 512
)

// mark is what the ledger notes about an embed that is shown.
func mark(state alert.State, e *discordgo.MessageEmbed) string {
	rendered, _ := json.Marshal(e) // text and numbers only
	return alert.Mark(state, rendered)
}

// showsEmbeds reports which of want a message that Discord returned shows, each in its
// place. A nonce may find a message that was posted earlier and says something else.
// What cannot be read is taken to differ: an edit more does no harm.
func showsEmbeds(embeds json.RawMessage, want []*discordgo.MessageEmbed) []bool {
	same := make([]bool, len(want))
	var shown []shownEmbed
	if json.Unmarshal(embeds, &shown) != nil || len(shown) != len(want) {
		return same
	}
	for i := range want {
		same[i] = shown[i].is(want[i])
	}
	return same
}

// A shownEmbed is what tells the states of an alert apart.
type shownEmbed struct {
	Color  int `json:"color"`
	Fields []struct {
		Value string `json:"value"`
	} `json:"fields"`
}

func (s shownEmbed) is(want *discordgo.MessageEmbed) bool {
	if s.Color != want.Color || len(s.Fields) != len(want.Fields) {
		return false
	}
	for i, f := range s.Fields {
		if strings.TrimSpace(f.Value) != strings.TrimSpace(want.Fields[i].Value) {
			return false
		}
	}
	return true
}
