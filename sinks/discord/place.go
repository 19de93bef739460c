package discord

import (
	"regexp"
	"strings"
)

// A place is where messages are posted: a channel, which may be a thread, or whatever
// a webhook posts to.
type place struct {
	name   string // in the ledger, in logs and metrics: nothing secret
	url    string
	hook   bool
	thread string // of a webhook's channel; a thread of a bot is a channel like another
}

func channelPlace(base, id string) place {
	return place{name: id, url: strings.TrimRight(base, "/") + "/api/v10/channels/" + id}
}

// webhookURL is the address that Discord copies, to which a thread may be added.
var webhookURL = regexp.MustCompile(`^(https?://[^/?#\s]+)/api/(?:v\d+/)?webhooks/(\d{1,20})/([\w-]+)(?:\?thread_id=(\d{1,20}))?$`)

func webhookPlace(url string) place {
	m := webhookURL.FindStringSubmatch(strings.TrimSpace(url))
	if m == nil {
		return place{}
	}
	p := place{name: "webhook-" + m[2], url: m[1] + "/api/v10/webhooks/" + m[2] + "/" + m[3], hook: true, thread: m[4]}
	if p.thread != "" {
		p.name += "-" + p.thread
	}
	return p
}

func (p place) create() string {
	switch {
	case !p.hook:
		return p.url + "/messages"
	case p.thread != "":
		return p.url + "?wait=true&thread_id=" + p.thread
	}
	return p.url + "?wait=true" // else the answer does not tell the id
}

func (p place) edit(id string) string {
	at := p.url + "/messages/" + id
	if p.thread != "" {
		at += "?thread_id=" + p.thread
	}
	return at
}
