package config

import (
	"net/url"
	"regexp"
	"strings"
)

// userInfo matches what stands between the scheme and the last @ of a URL's host part.
var userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#"'@]*(?:[^\s"']*@)?[^\s/?#"'@]*@`)

// RedactURL hides the user and password of every URL in text.
func RedactURL(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return userInfo.ReplaceAllString(text, "${1}[secret]@")
}

var (
	urlUser  = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://([^\s/?#"']*)@`)
	keyValue = regexp.MustCompile(`(?i)password=([^\s&]+)`)
	nameLike = regexp.MustCompile(`(?i)token|secret|passw|api_?key|credential|webhook`)
)

// secretName reports whether a variable's name says that it holds a secret.
func secretName(name string) bool { return nameLike.MatchString(name) }

// urlSecrets returns the passwords in text that is a URL or a connection string.
func urlSecrets(text string) (secrets []string) {
	for _, m := range urlUser.FindAllStringSubmatch(text, -1) {
		_, password, _ := strings.Cut(m[1], ":")
		secrets = append(secrets, password)
		if plain, err := url.PathUnescape(password); err == nil && plain != password {
			secrets = append(secrets, plain)
		}
	}
	for _, m := range keyValue.FindAllStringSubmatch(text, -1) {
		secrets = append(secrets, strings.Trim(m[1], `'"`))
	}
	return secrets
}
