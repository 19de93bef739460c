package discord

import (
	"context"
	"regexp"
	"strings"
	"unicode"

	"catalyst/internal/alert"
	"catalyst/internal/news"
)

// follow finds the message of the item that t's item corrects: by its key where the
// source knows it, else by the headline without the words that announce a correction.
// Discord takes a reply only within one channel, and none from a webhook.
func (s *Sink) follow(ctx context.Context, r *room, t *task) error {
	if r.hook {
		return nil
	}
	var key string
	switch {
	case t.Item.Amends != "":
		key = s.key(t.Item.Amends)
	case alert.Corrects(t.Item):
		key = titleKey(r, t.Item)
	}
	if key == "" {
		return nil
	}
	known, err := s.guard.Effects(ctx, key)
	if err != nil {
		return err
	}
	if read(known[0]).Channel == s.elsewhere(r) {
		t.replyTo = known[0].ID
	}
	return nil
}

// titleKey is the ledger's key of the latest message in a room with an item's headline.
// Filings have none: those of one company all have the same.
func titleKey(r *room, item *news.Item) string {
	title := plainTitle(item.Title)
	if title == "" || item.Form != "" || r.hook {
		return ""
	}
	return "discord-title/" + r.name + "/" + title
}

// correctionWords are what wires put before, or after, the headline of a release that
// they send again.
var correctionWords = regexp.MustCompile(`(?i)^\W*(?:update\W+)?(?:correcting and replacing|correcting|corrected version|corrected|correction)\W+` +
	`|\W*[(\[/–—-]\s*correct(?:ed|ion)\s*[)\]/]?$|\W*correcting and replacing\W*`)

// plainTitle is a headline as far as a correction has it too.
func plainTitle(title string) string {
	title = correctionWords.ReplaceAllString(alert.Clean(title), " ")
	return strings.Join(strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")
}
