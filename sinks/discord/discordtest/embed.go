package discordtest

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An Embed as it was received.
type Embed struct {
	Type        string  `json:"type,omitempty"`
	Title       string  `json:"title,omitempty"`
	URL         string  `json:"url,omitempty"`
	Description string  `json:"description,omitempty"`
	Timestamp   string  `json:"timestamp,omitempty"`
	Color       int     `json:"color,omitempty"`
	Footer      *Footer `json:"footer,omitempty"`
	Author      *Author `json:"author,omitempty"`
	Image       *Image  `json:"image,omitempty"`
	Thumbnail   *Image  `json:"thumbnail,omitempty"`
	Fields      []Field `json:"fields,omitempty"`
}

// Parts of an Embed.
type (
	Footer struct {
		Text    string `json:"text"`
		IconURL string `json:"icon_url,omitempty"`
	}
	Author struct {
		Name    string `json:"name"`
		URL     string `json:"url,omitempty"`
		IconURL string `json:"icon_url,omitempty"`
	}
	Image struct {
		URL string `json:"url"`
	}
	Field struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Inline bool   `json:"inline,omitempty"`
	}
)

// Field returns the value of a field by name; empty if there is none.
func (e Embed) Field(name string) string {
	for _, f := range e.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// empty reports an embed that Discord does not take for something to show.
func (e Embed) empty() bool { return e.characters() == 0 && e.Image == nil && e.Thumbnail == nil }

// characters counts the text that the sum over all embeds is about.
func (e Embed) characters() int {
	n := size(e.Title) + size(e.Description)
	if e.Footer != nil {
		n += size(e.Footer.Text)
	}
	if e.Author != nil {
		n += size(e.Author.Name)
	}
	for _, f := range e.Fields {
		n += size(f.Name) + size(f.Value)
	}
	return n
}

func checkEmbeds(f *form, embeds []Embed) {
	f.atMost("embeds", len(embeds), 10)
	total := 0
	for i, e := range embeds {
		e.check(f, "embeds."+strconv.Itoa(i)+".")
		total += e.characters()
	}
	if total > 6000 {
		f.add("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
	}
}

// check enforces the limits in Discord's documentation of embeds.
func (e Embed) check(f *form, at string) {
	required := func(path, text string, limit int) {
		if size(text) == 0 {
			f.required(path)
		}
		f.atMost(path, size(text), limit)
	}
	f.atMost(at+"title", size(e.Title), 256)
	f.atMost(at+"description", size(e.Description), 4096)
	f.atMost(at+"fields", len(e.Fields), 25)
	for i, field := range e.Fields {
		path := at + "fields." + strconv.Itoa(i)
		required(path+".name", field.Name, 256)
		required(path+".value", field.Value, 1024)
	}
	checkURL(f, at+"url", e.URL)
	if e.Footer != nil {
		required(at+"footer.text", e.Footer.Text, 2048)
		checkURL(f, at+"footer.icon_url", e.Footer.IconURL)
	}
	if e.Author != nil {
		required(at+"author.name", e.Author.Name, 256)
		checkURL(f, at+"author.url", e.Author.URL)
		checkURL(f, at+"author.icon_url", e.Author.IconURL)
	}
	for name, image := range map[string]*Image{"image": e.Image, "thumbnail": e.Thumbnail} {
		if image == nil {
			continue
		}
		if image.URL == "" {
			f.required(at + name + ".url")
		}
		checkURL(f, at+name+".url", image.URL)
	}
	if e.Color < 0 || e.Color > 0xFFFFFF {
		f.add(at+"color", "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
	}
	if _, err := time.Parse(time.RFC3339, e.Timestamp); e.Timestamp != "" && err != nil {
		f.add(at+"timestamp", "DATE_TIME_TYPE_PARSE", "Could not parse "+e.Timestamp+". Should be ISO8601.")
	}
	if e.Type != "" && e.Type != "rich" {
		f.oneOf(at+"type", "rich")
	}
}

// checkURL notes what is wrong with a URL; an empty one was not sent.
func checkURL(f *form, path, s string) {
	u, err := url.Parse(s)
	switch {
	case s == "":
	case err != nil || u.Scheme == "" || len(s) > 2048:
		f.add(path, "URL_TYPE_INVALID_URL", "Not a well formed URL.")
	case u.Scheme != "http" && u.Scheme != "https":
		f.add(path, "URL_TYPE_INVALID_SCHEME", "Scheme \""+u.Scheme+"\" is not supported. Scheme must be one of ('http', 'https').")
	case !strings.Contains(u.Hostname(), "."):
		f.add(path, "URL_TYPE_INVALID_URL", "Not a well formed URL.")
	}
}
