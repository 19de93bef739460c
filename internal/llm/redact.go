package llm

import (
	"errors"
	"html"
	"net/url"
	"regexp"
	"strings"
)

const errorText = 300 // characters of a server's error that are kept

// Redact makes what a server or client said fit for an error or a log: without
// secrets, in one line, not too long. Servers echo keys, and so do URLs.
func Redact(text string, secrets ...string) string {
	for _, s := range secrets {
		if s == "" {
			continue
		}
		text = strings.ReplaceAll(text, s, "[secret]")
		text = strings.ReplaceAll(text, url.QueryEscape(s), "[secret]")
	}
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > errorText {
		text = string(runes[:errorText]) + "…"
	}
	return text
}

var title = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// ServerText is what a server's body says, for an error's text: of a page of HTML,
// as proxies send it, its title.
func ServerText(body string) string {
	if !strings.HasPrefix(strings.TrimSpace(body), "<") {
		return body
	}
	if found := title.FindStringSubmatch(body[:min(len(body), 16<<10)]); found != nil {
		return "a page of HTML: " + strings.TrimSpace(html.UnescapeString(found[1]))
	}
	return "a page of HTML"
}

// Secrets returns what must not be shown of a key and a base URL: the key, and
// any password and query values in the URL.
func Secrets(key, base string) []string {
	secrets := []string{key}
	u, err := url.Parse(base)
	if err != nil {
		return append(secrets, base)
	}
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password)
	}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	return secrets
}

// RedactError is Redact for an error of a client: its text without the URL
// that net/http puts into it.
func RedactError(err error, secrets ...string) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return errors.New(Redact(err.Error(), secrets...))
}
