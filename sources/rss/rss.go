// Package rss is the source that polls an RSS, Atom or JSON Feed.
//
// An entry is published once per process: the keys of what was published are kept in memory,
// and a key counts only when its item is durable. After a restart the feed is published
// again as it stands, and the dedupe stage knows what it has seen.
//
// A feed that is down, busy, broken or replaced by a web page is waited out, with
// growing pauses and one line in the log when its state changes.
package rss

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
	"catalyst/internal/news"
)

// Config is what pipeline.yaml says about a feed.
type Config struct {
	Preset      string        `yaml:"preset" enum:"globenewswire|businesswire|prnewswire|accesswire|nasdaq_halts" doc:"a feed whose address is known; give it or url"`
	URL         config.Secret `yaml:"url,short" doc:"address of the feed, also instead of a preset's own; it may hold a token, so it is never shown"`
	intake.Pace `yaml:",inline"`
	Timeout     time.Duration `yaml:"timeout" doc:"longest time for one poll"`
	MaxSize     config.Size   `yaml:"max_size" doc:"longest document, after decompression"`
	UserAgent   string        `yaml:"user_agent" doc:"who asks, and where to complain; some publishers refuse callers without an address"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{
	Pace:      intake.DefaultPace,
	Timeout:   12 * time.Second,
	MaxSize:   10 << 20,
	UserAgent: "catalyst-pipeline/1 (feed reader)",
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	u, err := url.Parse(c.address())
	valid := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
	switch {
	case c.Preset == "" && c.URL == "":
		faults = append(faults, config.At("url", "is missing: give the address of a feed, or a preset"))
	case !valid:
		faults = append(faults, config.At("url", "want an address that begins with http:// or https://"))
	}
	faults = append(faults, c.Pace.Check(valid && loopback(u.Hostname()))...)
	if c.Timeout <= 0 {
		faults = append(faults, config.At("timeout", "%v: want more than 0s", c.Timeout))
	}
	if c.MaxSize <= 0 {
		faults = append(faults, config.At("max_size", "%v: want more than 0", c.MaxSize))
	}
	switch {
	case valid && edgarHost(u.Hostname()) && !strings.Contains(c.UserAgent, "@"):
		faults = append(faults, config.At("user_agent", "give a name and an e-mail address, as in \"Example Ltd news@example.com\": the SEC refuses callers without"))
	case strings.TrimSpace(c.UserAgent) == "":
		faults = append(faults, config.At("user_agent", "is empty: say who asks, and where to complain"))
	}
	return errors.Join(faults...)
}

func edgarHost(host string) bool {
	host = strings.ToLower(host)
	return host == "sec.gov" || strings.HasSuffix(host, ".sec.gov")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

const kind = "rss"

// Kind is the rss source. What it publishes has the component's name as its source, or where
// pipeline.yaml gives no name, that of the preset or the host of the feed.
func Kind() flows.SourceKind {
	return flows.NewKind(flows.SourceKind{
		Name:    kind,
		Doc:     "polls an RSS, Atom or JSON feed",
		Example: `- rss: {preset: globenewswire, every: 60s, schedule: {closed: 3m}}`,
	}, Defaults, build)
}

func build(b *flows.Build, c Config) (flows.Source, error) {
	u, err := url.Parse(c.address())
	if err != nil {
		return nil, errors.New("rss: the address is no URL") // its text may hold a token
	}
	name := b.Name
	if name == kind { // nobody named it: these say more
		name = cmp.Or(c.Preset, u.Hostname())
	}
	s := &source{
		name:    name,
		address: c.address(),
		base:    u,
		client:  &fetch.Client{UserAgent: c.UserAgent, Timeout: c.Timeout, MaxSize: int64(c.MaxSize)},
	}
	pulse := intake.NewPulse(name, presets[c.Preset].sparse)
	s.Poller = intake.NewPoller(name, c.Pace, pulse, b.Logger.With("feed", name), s.look)
	return s, nil
}

type source struct {
	*intake.Poller
	name    string
	address string
	base    *url.URL
	client  *fetch.Client
	known   fetch.Validators
}

// look gets the feed.
func (s *source) look(ctx context.Context) (*intake.Document, error) {
	answer, err := s.client.Get(ctx, s.address, s.known)
	switch {
	case errors.Is(err, fetch.ErrTooLarge):
		return nil, fmt.Errorf("%w; raise max_size if it is meant to be", err)
	case err != nil:
		return nil, err
	case answer.NotModified:
		return &intake.Document{Unchanged: true, Wait: answer.Wait}, nil
	}
	doc, err := parse(fetch.UTF8(answer.Body, answer.ContentType), s.base)
	if err != nil {
		return nil, intake.Malformed(err)
	}
	for _, it := range doc.Items {
		if it.Amends != "" { // so far only the identity within the feed
			it.Amends = news.KeyOf(&news.Item{Source: s.name, GUID: it.Amends})
		}
	}
	doc.Wait = max(doc.Wait, answer.Wait)
	doc.Keep = func() { s.known = answer.Validators }
	return doc, nil
}
