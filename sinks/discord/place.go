package discord

import (
	"regexp"
	"strings"
)

// A place is where messages are posted: a channel, or whatever a webhook posts to.
type place struct {
	name string // in the ledger, in logs and metrics: nothing secret
	url  string
	hook bool
}

func channelPlace(base, id string) place {
	return place{name: id, url: strings.TrimRight(base, "/") + "/api/v10/channels/" + id}
}

// webhookURL is the address that Discord copies.
var webhookURL = regexp.MustCompile(`^(https?://[^/?#\s]+)/api/(?:v\d+/)?webhooks/(\d{1,20})/([\w-]+)$`)

func webhookPlace(url string) place {
	m := webhookURL.FindStringSubmatch(strings.TrimSpace(url))
	if m == nil {
		return place{}
	}
	return place{name: "webhook-" + m[2], url: m[1] + "/api/v10/webhooks/" + m[2] + "/" + m[3], hook: true}
}

func (p place) create() string {
	if p.hook {
		return p.url + "?wait=true" // else the answer does not tell the id
	}
	return p.url + "/messages"
}

func (p place) edit(id string) string { return p.url + "/messages/" + id }
