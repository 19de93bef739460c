package llm

import (
	"net/netip"
	"net/url"
	"strings"
)

// Fits returns an error of class Context if r with an answer of maxTokens is, by
// [EstimateTokens], longer than a context of so many tokens; 0 is an unknown one,
// which everything fits. What does not fit must not be sent: some servers cut it
// without a word, others count it and refuse.
func (r Request) Fits(maxTokens, context int) *Error {
	need := r.Tokens() + maxTokens
	if context <= 0 || need <= context {
		return nil
	}
	return Errorf(Context, "about %d tokens with the answer, and the context is %d", need, context)
}

// Tokens is about how many tokens the request has, rather too many than too few.
func (r Request) Tokens() int { return EstimateTokens(r.System) + EstimateTokens(r.Prompt) }

var shared = netip.MustParsePrefix("100.64.0.0/10") // of carriers, and of private overlays

// AtHome reports whether a base URL names this machine or a private network, by
// its address or by a name that no public host can have.
func AtHome(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || shared.Contains(ip)
	}
	if !strings.Contains(host, ".") { // localhost, or a service of a compose file
		return true
	}
	for _, zone := range []string{".localhost", ".local", ".lan", ".internal", ".home.arpa"} {
		if strings.HasSuffix(host, zone) {
			return true
		}
	}
	return false
}
