package discord

import (
	"strings"
	"testing"

	dg "github.com/bwmarrin/discordgo"

	"catalyst/flows"
	"catalyst/sinks/discord/discordtest"
)

// Inspect adds permissions up as Discord does, and posts nothing.
func TestInspect(t *testing.T) {
	const (
		guild   = "900"
		reading = dg.PermissionViewChannel | dg.PermissionReadMessageHistory
		posting = dg.PermissionSendMessages | dg.PermissionEmbedLinks
	)
	room := func(o ...discordtest.Overwrite) discordtest.Room { return discordtest.Room{Overwrites: o} }
	for _, test := range []struct {
		name  string
		guild *discordtest.Guild
		rooms map[string]discordtest.Room
		want  string // in what is found, or after "lacks: " in the error
	}{
		{"a direct message", nil, nil, "a direct message"},
		{"everybody may", &discordtest.Guild{Everyone: reading | posting}, nil, "may View Channel, Send Messages, Embed Links, Read Message History"},
		{"a role may", &discordtest.Guild{Everyone: reading, Roles: []discordtest.Role{{ID: "1", Permissions: posting}}}, nil, "may View"},
		{"a role that is another's", &discordtest.Guild{Everyone: reading, Roles: []discordtest.Role{{ID: "1", Permissions: posting, NotMine: true}}}, nil,
			"lacks: allow it Send Messages, Embed Links"},
		{"no history", &discordtest.Guild{Everyone: posting | dg.PermissionViewChannel}, nil, "lacks: allow it Read Message History"},
		{"the channel denies everybody", &discordtest.Guild{Everyone: reading | posting},
			map[string]discordtest.Room{testChannel: room(discordtest.Overwrite{ID: guild, Deny: dg.PermissionSendMessages})}, "lacks: allow it Send Messages"},
		{"and allows a role", &discordtest.Guild{Everyone: reading | posting, Roles: []discordtest.Role{{ID: "1"}}},
			map[string]discordtest.Room{testChannel: room(discordtest.Overwrite{ID: "1", Allow: posting}, discordtest.Overwrite{ID: guild, Deny: posting})}, "may View"},
		{"one role denies, the other allows", &discordtest.Guild{Everyone: reading | posting, Roles: []discordtest.Role{{ID: "1"}, {ID: "2"}}},
			map[string]discordtest.Room{testChannel: room(discordtest.Overwrite{ID: "1", Allow: posting}, discordtest.Overwrite{ID: "2", Deny: posting})}, "may View"},
		{"the bot itself is denied", &discordtest.Guild{Everyone: reading | posting, Roles: []discordtest.Role{{ID: "1"}}},
			map[string]discordtest.Room{testChannel: room(discordtest.Overwrite{ID: "1", Allow: posting}, discordtest.Overwrite{Bot: true, Deny: dg.PermissionEmbedLinks})}, "lacks: allow it Embed Links"},
		{"an administrator", &discordtest.Guild{Roles: []discordtest.Role{{ID: "1", Permissions: dg.PermissionAdministrator}}},
			map[string]discordtest.Room{testChannel: room(discordtest.Overwrite{ID: guild, Deny: posting})}, "may View"},
		{"a thread", &discordtest.Guild{Everyone: reading | posting},
			map[string]discordtest.Room{testChannel: {Parent: "70"}}, "lacks: allow it Send Messages in Threads"},
		{"a thread by its channel", &discordtest.Guild{Everyone: reading | posting},
			map[string]discordtest.Room{testChannel: {Parent: "70"}, "70": room(discordtest.Overwrite{ID: guild, Allow: dg.PermissionSendMessagesInThreads})}, "may View Channel, Send Messages in Threads"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.guild != nil {
				test.guild.ID = guild
			}
			onBench(t, discordtest.Config{Token: testToken, Guild: test.guild, Rooms: test.rooms}, testConfig(), func(t *testing.T, b *bench) {
				found, err := b.Inspect(t.Context())
				want, lacks := strings.CutPrefix(test.want, "lacks: ")
				if lacks {
					if err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), testToken) {
						t.Errorf("error %v, want the end %q", err, want)
					}
				} else if err != nil || !strings.Contains(found, want) {
					t.Errorf("%q, %v; want %q", found, err, want)
				}
				for _, r := range b.server.Requests() {
					if r.Route == "create" {
						t.Error("a message was posted")
					}
				}
			})
		})
	}
}

// Every place is looked at, and one that is closed is told with what to do.
func TestInspectTellsOfEachPlace(t *testing.T) {
	c := testConfig()
	c.Routes = []Route{{When: flows.Condition{}, Channel: "8"}}
	onBench(t, discordtest.Config{Token: testToken, Channels: []string{testChannel}}, c, func(t *testing.T, b *bench) {
		found, err := b.Inspect(t.Context())
		if !strings.HasPrefix(found, testChannel+":") || err == nil || !strings.Contains(err.Error(), "8: the channel does not exist") {
			t.Errorf("%q, %v", found, err)
		}
	})
}
