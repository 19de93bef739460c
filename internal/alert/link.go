package alert

import (
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

const maxLink = 2048 // Discord's limit for the URL of an embed

// A host name as Discord accepts one: labels and a top-level domain.
var hostName = regexp.MustCompile(`^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)

// Link returns raw as a URL that may be shown as a link: http or https, on a
// host with a public name, without credentials. It returns "" for any other:
// an alert without a link is better than a refused or deceptive one.
func Link(raw string) string {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Opaque != "" || u.User != nil {
		return ""
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	if address, _ := fold(u.Host + u.Path); invites(address) {
		return "" // however it is written
	}
	host, err := idna.Punycode.ToASCII(strings.ToLower(u.Hostname()))
	if err != nil || !hostName.MatchString(host) {
		return ""
	}
	u.Host = host + port(u)
	link := u.String()
	if len(link) > maxLink || invites(link) || visible(link) != link {
		return ""
	}
	return link
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return ":" + p
	}
	return ""
}
