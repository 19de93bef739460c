package discord

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"catalyst/internal/alert"
)

// An action is what an answer of Discord asks for.
type action int

const (
	accept   action = iota
	again           // Discord or the network is in trouble: soon, with the same nonce
	slowDown        // 429
	refuse          // the message is at fault and always will be
	giveUp          // the posted message can no longer be edited
	fixBot          // an operator must act; no channel can be posted to
	fixRoom         // an operator must act; this channel cannot be posted to
	gone            // a webhook that must never be called again
)

// A reply is Discord's answer to one request; status 0 if there was none.
type reply struct {
	status int
	header http.Header
	body   []byte
	code   int // Discord's own, of an error
	err    error
}

// decide maps a reply to what is to be done about it.
func (r *reply) decide() action {
	if r.status >= 200 && r.status < 300 {
		return accept
	}
	switch r.code {
	case discordgo.ErrCodeUnknownMessage,
		discordgo.ErrCodePerformedOperationOnArchivedThread,
		discordgo.ErrCodeCannotEditFromAnotherUser,
		discordgo.ErrCodeMaximumNumberOfEditsToMessagesOlderThanOneHourReached:
		return giveUp
	case discordgo.ErrCodeUnauthorized,
		discordgo.ErrCodeInvalidAuthenticationToken:
		return fixBot
	case discordgo.ErrCodeUnknownWebhook,
		discordgo.ErrCodeInvalidWebhookTokenProvided:
		return gone
	case discordgo.ErrCodeUnknownChannel,
		discordgo.ErrCodeUnknownGuild,
		discordgo.ErrCodeMissingAccess,
		discordgo.ErrCodeMissingPermissions:
		return fixRoom
	case discordgo.ErrCodeThisActionCannotBePerformedDueToSlowmodeRateLimit,
		discordgo.ErrCodeMessageCannotBeEditedDueToAnnouncementRateLimits,
		discordgo.ErrCodeTheWriteActionYouArePerformingOnTheServerHasHitTheWriteRateLimit,
		discordgo.ErrCodeChannelHasHitWriteRateLimit,
		codeServiceLimited:
		return slowDown
	case discordgo.ErrCodeInvalidFormBody,
		discordgo.ErrCodeCannotSendEmptyMessage,
		codeAutomod, codeHarmfulLink:
		return refuse
	}
	switch {
	case r.status == 0 || r.status >= 500 || r.status == http.StatusRequestTimeout:
		return again
	case r.status == http.StatusTooManyRequests:
		return slowDown
	case r.status == http.StatusBadRequest, r.status == http.StatusRequestEntityTooLarge:
		return refuse
	case r.status == http.StatusForbidden:
		return fixRoom
	}
	return fixBot // 401, and whatever says that this is not Discord's API
}

const (
	codeAutomod        = 200000
	codeHarmfulLink    = 240000
	codeServiceLimited = 40062
)

// advice tells an operator what to do about a reply.
func (r *reply) advice() string {
	switch {
	case r.decide() == gone:
		return "the webhook was deleted: make a new one, set DISCORD_WEBHOOK to its address and start again"
	case r.status == http.StatusUnauthorized || r.decide() == fixBot && r.code != 0:
		return "the bot's token was refused: set DISCORD_TOKEN to the token on the Bot page of the application"
	case r.code == discordgo.ErrCodeUnknownChannel, r.code == discordgo.ErrCodeUnknownGuild:
		return "the channel does not exist: set DISCORD_CHANNEL to its id"
	case r.code == discordgo.ErrCodeMissingAccess:
		return "the bot does not see the channel: invite it, and allow it View Channel there"
	case r.code == discordgo.ErrCodeMissingPermissions:
		return "the bot may not post: allow it Send Messages and Embed Links in the channel"
	case r.code == discordgo.ErrCodeThreadIsLocked:
		return "the thread is locked: unlock it, or name another one"
	case r.status == http.StatusForbidden:
		return "Discord forbids it: check the bot's permissions in the channel"
	}
	return "this is no answer of Discord's API: check base_url"
}

// slow returns how long a 429 asks to wait, and whether it speaks of the
// whole bot. What is not JSON comes from the network in front of Discord,
// which blocks the address and so the bot.
func (r *reply) slow() (wait time.Duration, global bool) {
	var told struct {
		RetryAfter json.Number `json:"retry_after"`
		Global     bool        `json:"global"`
	}
	isJSON := json.Unmarshal(r.body, &told) == nil
	global = !isJSON || told.Global || r.header.Get("X-RateLimit-Global") != "" ||
		r.header.Get("X-RateLimit-Scope") == "global"
	for _, s := range []string{told.RetryAfter.String(), r.header.Get("Retry-After"), r.header.Get("X-RateLimit-Reset-After")} {
		if wait, ok := seconds(s); ok {
			return wait, global
		}
	}
	return 5 * time.Second, global
}

// problem is the reply as an error. Nothing of the request is in it, and no secret even
// if Discord, or what poses as it, says it.
func (r *reply) problem(what string, secrets []string) error {
	if r.status == 0 {
		return fmt.Errorf("%s: %w", what, r.err)
	}
	body := string(r.body)
	for _, secret := range secrets {
		body = strings.ReplaceAll(body, secret, "[secret]")
	}
	return fmt.Errorf("%s: HTTP %d: %s", what, r.status, alert.Cut(alert.Clean(body), 500))
}
