package discordtest

import "slices"

// allowedMentions says who may be pinged. Nil is Discord's default: the kinds
// that a bot's message, or a webhook's, may ping unless it is told otherwise.
type allowedMentions struct {
	Parse       []string `json:"parse"`
	Roles       []string `json:"roles"`
	Users       []string `json:"users"`
	RepliedUser bool     `json:"replied_user"`
}

func (m *allowedMentions) check(f *form, lax bool) {
	if m == nil {
		return
	}
	kinds := []string{"users", "roles", "everyone"}
	if m.Parse == nil && !lax {
		f.required("allowed_mentions.parse")
	}
	for _, kind := range m.Parse {
		if !slices.Contains(kinds, kind) {
			f.oneOf("allowed_mentions.parse", kinds...)
		}
	}
	for kind, ids := range map[string][]string{"users": m.Users, "roles": m.Roles} {
		f.atMost("allowed_mentions."+kind, len(ids), 100)
		if len(ids) > 0 && slices.Contains(m.Parse, kind) {
			f.add("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", "parse:[\""+kind+"\"] and "+kind+": [ids...] are mutually exclusive.")
		}
	}
}

// pings returns the kinds and ids that may be pinged: none is harmless.
func (m *allowedMentions) pings(webhook bool) []string {
	switch {
	case m == nil && webhook:
		return []string{"users"}
	case m == nil:
		return []string{"users", "roles", "everyone"}
	}
	pings := slices.Concat(m.Parse, m.Roles, m.Users)
	if m.RepliedUser {
		pings = append(pings, "replied_user")
	}
	return pings
}
