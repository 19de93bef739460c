package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bwmarrin/discordgo"
)

// Inspect finds out, without posting, whether alerts can be posted to every place, and says
// what it has found, for people. It asks for more than [Sink.Check]: of a channel of a
// server also what the bot may do there.
func (s *Sink) Inspect(ctx context.Context) (found string, err error) {
	places := []place{s.home}
	for _, r := range s.config.Routes {
		places = append(places, channelPlace(s.config.BaseURL, r.Channel))
	}
	var all []string
	for _, p := range places {
		said, fault := s.client.inspect(ctx, p)
		if fault != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.name, fault))
			continue
		}
		all = append(all, p.name+": "+said)
	}
	return strings.Join(all, "; "), err
}

func (c *client) inspect(ctx context.Context, p place) (found string, err error) {
	if p.hook {
		return "the webhook is there", c.get(ctx, p.url, nil)
	}
	var channel aboutChannel
	if err := c.get(ctx, p.url, &channel); err != nil {
		return "", err
	}
	if channel.Guild == "" {
		return "a direct message", nil // in which nobody takes permissions away
	}
	may, err := c.permissions(ctx, strings.TrimSuffix(p.url, "/channels/"+p.name), &channel)
	if err != nil {
		return "", fmt.Errorf("permissions: %w", err)
	}
	var lacks, has []string
	for _, need := range needed(channel.thread()) {
		if may&need.bit == 0 {
			lacks = append(lacks, need.name)
		} else {
			has = append(has, need.name)
		}
	}
	if len(lacks) > 0 {
		return "", fmt.Errorf("the bot lacks permissions in the channel: allow it %s", strings.Join(lacks, ", "))
	}
	return "may " + strings.Join(has, ", "), nil
}

// What Discord says of channels and servers, as far as it matters: a field that is not as
// expected costs nobody the answer if nobody needs it.
type (
	aboutChannel struct {
		Type       discordgo.ChannelType           `json:"type"`
		Guild      string                          `json:"guild_id"`
		Parent     string                          `json:"parent_id"`
		Overwrites []discordgo.PermissionOverwrite `json:"permission_overwrites"`
	}
	aboutGuild struct {
		ID    string `json:"id"`
		Owner string `json:"owner_id"`
		Roles []struct {
			ID          string `json:"id"`
			Permissions int64  `json:"permissions,string"`
		} `json:"roles"`
	}
)

func (c *aboutChannel) thread() bool { return (&discordgo.Channel{Type: c.Type}).IsThread() }

type permission struct {
	bit  int64
	name string // as Discord shows it
}

// needed is what posting takes: history is for answers to earlier alerts.
func needed(thread bool) []permission {
	send := permission{discordgo.PermissionSendMessages, "Send Messages"}
	if thread {
		send = permission{discordgo.PermissionSendMessagesInThreads, "Send Messages in Threads"}
	}
	return []permission{
		{discordgo.PermissionViewChannel, "View Channel"}, send,
		{discordgo.PermissionEmbedLinks, "Embed Links"},
		{discordgo.PermissionReadMessageHistory, "Read Message History"},
	}
}

// permissions returns what the bot may do in a channel of a server. A thread has the
// permissions of its channel.
func (c *client) permissions(ctx context.Context, api string, channel *aboutChannel) (int64, error) {
	if channel.thread() {
		var parent aboutChannel
		if err := c.get(ctx, api+"/channels/"+channel.Parent, &parent); err != nil {
			return 0, err
		}
		channel = &parent
	}
	var (
		bot    struct{ ID string }
		guild  aboutGuild
		member struct{ Roles []string }
	)
	for _, ask := range []struct {
		path func() string
		into any
	}{
		{func() string { return "/users/@me" }, &bot},
		{func() string { return "/guilds/" + channel.Guild }, &guild},
		{func() string { return "/guilds/" + channel.Guild + "/members/" + bot.ID }, &member},
	} {
		if err := c.get(ctx, api+ask.path(), ask.into); err != nil {
			return 0, err
		}
	}
	return permissionsOf(bot.ID, &guild, member.Roles, channel.Overwrites), nil
}

// permissionsOf adds up what everybody, the roles of a member and the channel allow and deny, in
// the order that Discord documents: everybody, roles, the member itself.
func permissionsOf(user string, guild *aboutGuild, roles []string, overwrites []discordgo.PermissionOverwrite) (may int64) {
	if user == guild.Owner {
		return discordgo.PermissionAll
	}
	mine := map[string]bool{}
	for _, id := range roles {
		mine[id] = true
	}
	for _, r := range guild.Roles {
		if mine[r.ID] || r.ID == guild.ID {
			may |= r.Permissions
		}
	}
	if may&discordgo.PermissionAdministrator != 0 {
		return discordgo.PermissionAll
	}
	var allow, deny [3]int64
	for _, o := range overwrites {
		level := -1
		switch {
		case o.Type == discordgo.PermissionOverwriteTypeMember && o.ID == user:
			level = 2
		case o.Type != discordgo.PermissionOverwriteTypeRole:
		case o.ID == guild.ID:
			level = 0
		case mine[o.ID]:
			level = 1
		}
		if level >= 0 {
			allow[level] |= o.Allow
			deny[level] |= o.Deny
		}
	}
	for level := range allow {
		may = may&^deny[level] | allow[level]
	}
	return may
}

// get asks Discord for something and reads it, unless into is nil.
func (c *client) get(ctx context.Context, url string, into any) error {
	r := c.send(ctx, routeCheck, http.MethodGet, url, nil)
	if r.decide() != accept {
		problem := r.problem("get channel", c.secrets)
		if a := r.decide(); a == fixBot || a == fixRoom {
			return fmt.Errorf("%s (%w)", r.advice(), problem)
		}
		return problem
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return errors.New("this is no answer of Discord's API: check base_url")
	}
	return nil
}
