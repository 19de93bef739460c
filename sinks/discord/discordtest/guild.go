package discordtest

import "strconv"

// A Guild is the server that all channels belong to. It tells what it allows, as Discord does,
// and forbids nothing by it: [Server.Refuse] does that.
type Guild struct {
	ID       string
	Owner    string // id of a user
	Everyone int64  // permissions of all members
	Roles    []Role // further ones, all of them the bot's unless NotMine
}

// A Role is a set of permissions.
type Role struct {
	ID          string
	Permissions int64
	NotMine     bool
}

// An Overwrite is what a channel allows and denies a role, or with Bot the bot itself.
type Overwrite struct {
	ID          string // of a role; the guild's own for everybody
	Bot         bool
	Allow, Deny int64
}

func (s *Server) channel(id string) map[string]any {
	out := map[string]any{"id": id, "type": 0, "name": "alerts"}
	g := s.config.Guild
	if g == nil {
		out["type"] = 1
		return out
	}
	out["guild_id"] = g.ID
	room := s.config.Rooms[id]
	if room.Parent != "" {
		out["type"], out["parent_id"] = 11, room.Parent
		return out // a thread has no overwrites
	}
	overwrites := []map[string]any{}
	for _, o := range room.Overwrites {
		wire := map[string]any{"id": o.ID, "type": 0, "allow": bits(o.Allow), "deny": bits(o.Deny)}
		if o.Bot {
			wire["id"], wire["type"] = botID(s.config.Token), 1
		}
		overwrites = append(overwrites, wire)
	}
	out["permission_overwrites"] = overwrites
	return out
}

func bits(permissions int64) string { return strconv.FormatInt(permissions, 10) }

func (s *Server) guild(c *call) answer {
	g := s.config.Guild
	if g == nil || c.PathValue("guild") != g.ID {
		return refuse(10004)
	}
	roles := []map[string]any{{"id": g.ID, "name": "@everyone", "permissions": bits(g.Everyone)}}
	for _, r := range g.Roles {
		roles = append(roles, map[string]any{"id": r.ID, "name": "role " + r.ID, "permissions": bits(r.Permissions)})
	}
	return ok(map[string]any{"id": g.ID, "name": "traders", "owner_id": g.Owner, "roles": roles})
}

func (s *Server) member(c *call) answer {
	g := s.config.Guild
	switch {
	case g == nil || c.PathValue("guild") != g.ID:
		return refuse(10004)
	case c.PathValue("user") != c.author:
		return refuse(10007)
	}
	roles := []string{}
	for _, r := range g.Roles {
		if !r.NotMine {
			roles = append(roles, r.ID)
		}
	}
	return ok(map[string]any{"user": map[string]any{"id": c.author, "username": "catalyst", "bot": true}, "roles": roles})
}
