package llm

import (
	"errors"
	"net/url"
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
