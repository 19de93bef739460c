package news

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// CanonicalURL returns the form that all addresses of one page share: https, the host
// in lower case without default port and without the prefix of its mobile or AMP
// edition; no fragment, no parameter that only tracks the reader, the others in
// order; no slash at the end. For the wires that put the number of a release
// into the path, the headline after it is left out. It is an identity, not a link to follow.
//
// The case of the path and every parameter that may choose a page stay. What is
// no absolute http or https URL is returned as it is, without the white space around it.
func CanonicalURL(raw string) string {
	raw = strings.TrimSpace(raw)
	if !isWebURL(raw) {
		return raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return raw
	}
	host := canonicalHost(u)
	path := strings.TrimRight(canonicalPath(host, u.EscapedPath()), "/")
	out := "https://" + host + path
	if query := canonicalQuery(u.RawQuery, host); query != "" {
		out += "?" + query
	}
	return out
}

func isWebURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, "://")
	return ok && rest != "" && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

func canonicalHost(u *url.URL) string {
	host := strings.TrimRight(strings.ToLower(u.Hostname()), ".")
	for {
		prefix, rest, _ := strings.Cut(host, ".")
		edition := prefix == "www" || prefix == "m" || prefix == "mobile" || prefix == "amp"
		if !edition || !strings.Contains(rest, ".") {
			break
		}
		host = rest
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && port != "80" && port != "443" {
		host += ":" + port
	}
	return host
}

// releases are paths of wires up to the number and language of a release.
var releases = map[string]*regexp.Regexp{
	"globenewswire.com": regexp.MustCompile(`^/news-release/\d{4}/\d{2}/\d{2}/\d+/\d+/[a-z]{2}(?:/|$)`),
	"businesswire.com":  regexp.MustCompile(`^/news/home/\d+/[a-z]{2}(?:/|$)`),
}

// canonicalPath leaves out a headline behind the number of a release, which says
// nothing more; but not when it announces a correction, which is news of its own
// and may come under the same number.
func canonicalPath(host, path string) string {
	release, ok := releases[host]
	if !ok {
		return path
	}
	end := release.FindStringIndex(path)
	if end == nil || strings.Contains(strings.ToLower(path[end[1]:]), "correct") {
		return path
	}
	return path[:end[1]]
}

// canonicalQuery works on the text of the query: decoding and encoding it again
// would change what some servers see.
func canonicalQuery(query, host string) string {
	if query == "" {
		return ""
	}
	query = strings.Join(strings.Fields(query), "%20")
	params := slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool {
		name, value, _ := strings.Cut(p, "=")
		return p == "" || tracks(strings.ToLower(name), strings.ToLower(value), host)
	})
	slices.SortStableFunc(params, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, "=")
		nameB, _, _ := strings.Cut(b, "=")
		return strings.Compare(nameA, nameB)
	})
	return strings.Join(params, "&")
}

// trackers are parameters that say how a reader came, never what is read.
var trackers = map[string]bool{
	"fbclid": true, "gclid": true, "dclid": true, "gbraid": true, "wbraid": true, "gclsrc": true,
	"msclkid": true, "yclid": true, "twclid": true, "ttclid": true, "igshid": true,
	"mc_cid": true, "mc_eid": true, "mkt_tok": true, "_hsenc": true, "_hsmi": true,
	"cmpid": true, "icid": true, "ncid": true, "guccounter": true, "guce_referrer": true, "guce_referrer_sig": true,
	"soc_src": true, "soc_trk": true,
}

func tracks(name, value, host string) bool {
	switch {
	case trackers[name], strings.HasPrefix(name, "utm_"), strings.HasPrefix(name, "mtm_"):
		return true
	case name == "ref": // chooses a page on some sites; the site's own host as value does not
		return value == host || value == "www."+host
	}
	return false
}
