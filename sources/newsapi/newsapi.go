// Package newsapi is the source that polls newsapi.org, an index of many publishers.
//
// It is no fast source: a free key may ask a hundred times a day and gets articles a day
// late, so behind the freshness stage nothing of them is left. Articles have no id and
// no tickers; those that the text names are found.
package newsapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// Config is what pipeline.yaml says about the source.
type Config struct {
	intake.API `yaml:",inline"`

	Query    string   `yaml:"query" doc:"words to look for, in newsapi's language, as in (merger OR acquisition); empty for the headlines of business in the US"`
	Domains  []string `yaml:"domains" doc:"publishers to look at, as reuters.com, with a query; empty for all"`
	Language string   `yaml:"language" doc:"of articles found by a query, as two letters"`
}

// Defaults are the values of what pipeline.yaml leaves out. They keep a free key's hundred
// requests a day.
var Defaults = Config{
	API: intake.API{
		BaseURL: "https://newsapi.org", Timeout: 12 * time.Second,
		Pace: intake.Pace{Every: 15 * time.Minute, MaxEvery: time.Hour, MaxItems: 100},
	},
	Language: "en",
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	faults, _ := c.API.Check()
	if len(c.Domains) > 0 && c.Query == "" {
		faults = append(faults, config.At("domains", "is of use only with a query"))
	}
	if len(c.Language) != 2 {
		faults = append(faults, config.At("language", "%q: want two letters, as en", c.Language))
	}
	return errors.Join(faults...)
}

// Kind is the newsapi source.
func Kind() flows.SourceKind {
	return flows.NewKind(flows.SourceKind{
		Name:    "newsapi",
		Doc:     "polls newsapi.org, with a key",
		Example: `- newsapi: {key: "${NEWSAPI_KEY:-}", query: "merger OR acquisition"}`,
	}, Defaults, build)
}

func build(b *flows.Build, c Config) (flows.Source, error) {
	if c.Key == "" {
		return &intake.Off{Log: b.Logger, Lack: "no key: get one at newsapi.org and set NEWSAPI_KEY"}, nil
	}
	s := &source{address: c.address(), client: c.Client("X-Api-Key")}
	return intake.NewPoller(b.Name, c.Pace, intake.NewPulse(b.Name, false), b.Logger, s.look), nil
}

// address is what is asked, without the key.
func (c Config) address() string {
	path, asked := "/v2/top-headlines", url.Values{"country": {"us"}, "category": {"business"}}
	if c.Query != "" {
		path, asked = "/v2/everything", url.Values{"q": {c.Query}, "language": {c.Language}, "sortBy": {"publishedAt"}}
		if len(c.Domains) > 0 {
			asked.Set("domains", strings.Join(c.Domains, ","))
		}
	}
	asked.Set("pageSize", "100")
	return strings.TrimSuffix(c.BaseURL, "/") + path + "?" + asked.Encode()
}

type source struct {
	address string
	client  *fetch.Client
}

// answer is what newsapi.org says, good or bad.
type answer struct {
	Status   string    `json:"status"`
	Code     string    `json:"code"`
	Articles []article `json:"articles"`
}

type article struct {
	Source struct {
		Name string `json:"name"`
	} `json:"source"`
	Title       string `json:"title"`
	Description string `json:"description"`
	URL         string `json:"url"`
	PublishedAt string `json:"publishedAt"`
	Content     string `json:"content"`
}

func (s *source) look(ctx context.Context) (*intake.Document, error) {
	response, err := s.client.Get(ctx, s.address, fetch.Validators{})
	if err != nil {
		return nil, intake.Refused(err, "check NEWSAPI_KEY", func(page []byte) string {
			var a answer
			_ = json.Unmarshal(page, &a) // else it says nothing
			return a.Code
		})
	}
	var a answer
	if err := intake.Decode(response, &a); err != nil {
		return nil, err
	}
	if a.Status != "ok" {
		return nil, intake.Malformed(errors.New("the answer's status is " + cmp.Or(news.Text(a.Code), "not ok")))
	}
	doc := &intake.Document{Entries: len(a.Articles), Wait: response.Wait}
	for _, article := range a.Articles {
		if it := itemOf(article); it != nil {
			doc.Items = append(doc.Items, it)
		}
	}
	intake.OldestFirst(doc.Items)
	return doc, nil
}

// truncated is the end of a content, which is never whole.
var truncated = regexp.MustCompile(`\s*\[\+\d+ chars\]\s*$`)

// itemOf returns the item of an article; nil if it was withdrawn or says nothing.
func itemOf(a article) *news.Item {
	title := strings.TrimSuffix(news.Text(a.Title), " - "+a.Source.Name)
	if title == "" || title == "[Removed]" || a.URL == "" {
		return nil
	}
	published, err := news.ParseTime(a.PublishedAt)
	if err != nil {
		published = time.Time{} // freshness says what that means
	}
	it := &news.Item{URL: a.URL, Title: title, Summary: news.Text(a.Description), Published: published}
	if body := news.Text(truncated.ReplaceAllString(a.Content, "")); !strings.HasPrefix(it.Summary, body) {
		it.Body = body
	}
	return it
}
