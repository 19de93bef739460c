// Package rss is the source that polls an RSS, Atom or JSON Feed.
//
// An entry is published once per process: the keys of what was published are kept in memory,
// oldest entries go first, and a key counts only when its item is durable. After a restart
// the feed is published again as it stands, and the dedupe stage knows what it has seen.
//
// A feed that is down, busy, broken or replaced by a web page is waited out, with
// growing pauses and one line in the log when its state changes.
package rss

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	URL       config.Secret `yaml:"url,short" required:"true" doc:"address of the feed; it may hold a token, so it is never shown"`
	Every     time.Duration `yaml:"every" doc:"time between polls; at least 10s unless the server is this machine"`
	MaxEvery  time.Duration `yaml:"max_every" doc:"how far the feed's own ttl and caching headers may stretch every; a server that refuses with Retry-After is always heeded"`
	Timeout   time.Duration `yaml:"timeout" doc:"longest time for one poll"`
	MaxSize   config.Size   `yaml:"max_size" doc:"longest document, after decompression"`
	MaxItems  int           `yaml:"max_items" doc:"most items published in one poll, the oldest first; the next poll goes on"`
	UserAgent string        `yaml:"user_agent" doc:"who asks, and where to complain; some publishers refuse callers without an address"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{
	Every:     time.Minute,
	MaxEvery:  5 * time.Minute,
	Timeout:   12 * time.Second,
	MaxSize:   10 << 20,
	MaxItems:  1000,
	UserAgent: "catalyst-pipeline/1 (feed reader)",
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL.Reveal())
	valid := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
	var faults []error
	if !valid {
		faults = append(faults, config.At("url", "want an address that begins with http:// or https://"))
	}
	if c.Every <= 0 || c.Every < 10*time.Second && !(valid && loopback(u.Hostname())) {
		faults = append(faults, config.At("every", "%v is too often: publishers block who asks more than every 10s", c.Every))
	}
	if c.MaxEvery < 0 {
		faults = append(faults, config.At("max_every", "%v: want 0s or more", c.MaxEvery))
	}
	if c.Timeout <= 0 {
		faults = append(faults, config.At("timeout", "%v: want more than 0s", c.Timeout))
	}
	if c.MaxSize <= 0 {
		faults = append(faults, config.At("max_size", "%v: want more than 0", c.MaxSize))
	}
	if c.MaxItems <= 0 {
		faults = append(faults, config.At("max_items", "%d: want at least 1", c.MaxItems))
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

// Kind is the rss source. What it publishes has the component's name as its source, or the
// host of the feed where pipeline.yaml gives no name.
func Kind() flows.SourceKind {
	return flows.NewKind(flows.SourceKind{
		Name:    kind,
		Doc:     "polls an RSS, Atom or JSON feed",
		Example: `- rss: {url: "https://example.com/news.xml", every: 60s}`,
	}, Defaults, build)
}

func build(b *flows.Build, c Config) (flows.Source, error) {
	u, err := url.Parse(c.URL.Reveal())
	if err != nil {
		return nil, errors.New("rss: the address is no URL") // its text may hold a token
	}
	name := b.Name
	if name == kind { // nobody named it: the host says more
		name = u.Hostname()
	}
	return &source{
		name:   name,
		config: c,
		base:   u,
		log:    b.Logger.With("feed", name),
		client: &fetch.Client{UserAgent: c.UserAgent, Timeout: c.Timeout, MaxSize: int64(c.MaxSize)},
		state:  "ok",
	}, nil
}

type source struct {
	name   string
	config Config
	base   *url.URL
	log    *slog.Logger
	client *fetch.Client

	known    fetch.Validators
	seen     intake.Seen
	health   health
	failures int
	state    string // what the log said last: ok, or the result of a failed poll
}

// Run polls until ctx ends.
func (s *source) Run(ctx context.Context, publish flows.Publish) error {
	for {
		wait := s.poll(ctx, publish)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

const notPublished = "not_published"

// longest is the longest pause after failures, however many they are and whatever the
// server asks for.
const longest = time.Hour

// poll looks once and returns how long to wait before the next time.
func (s *source) poll(ctx context.Context, publish flows.Publish) time.Duration {
	asked, result, err := s.look(ctx, publish)
	if ctx.Err() != nil {
		return 0
	}
	intake.Polls.WithLabelValues(s.name, result).Inc()
	if err != nil {
		s.failures++
		if result != notPublished { // which is not the feed's fault
			s.health.failed(err)
		}
		s.turn(result, err)
		return max(fetch.Backoff(s.failures, s.config.Every, longest), min(asked, longest))
	}
	s.failures = 0
	s.health.answered()
	s.turn("ok", nil)
	intake.LastSuccess.WithLabelValues(s.name).SetToCurrentTime()
	return fetch.Next(s.config.Every, asked, s.config.MaxEvery)
}

// turn logs a change of state, and nothing while it stays the same.
func (s *source) turn(state string, err error) {
	switch {
	case state == s.state:
		return
	case err == nil:
		s.log.Info("feed_recovery")
	default:
		s.log.Warn("feed_outage", "reason", state, "error", err)
	}
	s.state = state
}

// look gets the feed and publishes what is new in it. It returns how long the
// server asks to be left alone and what came of it, in a word.
func (s *source) look(ctx context.Context, publish flows.Publish) (asked time.Duration, result string, err error) {
	answer, err := s.client.Get(ctx, s.config.URL.Reveal(), s.known)
	if err != nil {
		var status *fetch.StatusError
		switch {
		case errors.As(err, &status) && status.Busy():
			return status.Wait, "busy", err
		case errors.As(err, &status):
			return status.Wait, "refused", err
		case errors.Is(err, fetch.ErrTooLarge):
			return 0, "too_large", fmt.Errorf("%w; raise max_size if it is meant to be", err)
		}
		return 0, "network", err
	}
	if answer.NotModified {
		return answer.Wait, "not_modified", nil
	}
	doc, err := parse(fetch.UTF8(answer.Body, answer.ContentType), s.base)
	if err != nil {
		return answer.Wait, "malformed", err
	}
	asked = max(answer.Wait, doc.wait)
	if doc.entries > 0 && len(doc.items) == 0 {
		return asked, "malformed", fmt.Errorf("none of the feed's %d entries has a title, a link or a text", doc.entries)
	}
	fresh := s.fresh(doc)
	s.health.read(doc, len(fresh))
	rest := fresh[min(len(fresh), s.config.MaxItems):]
	if err := s.publish(ctx, publish, fresh[:len(fresh)-len(rest)]); err != nil {
		return asked, notPublished, err
	}
	if len(rest) == 0 { // else the next poll must get the document again
		s.known = answer.Validators
	}
	s.seen.Rotate()
	return asked, "ok", nil
}

// fresh returns the items of doc that were not published yet, oldest first, each
// key once.
func (s *source) fresh(doc *document) []*news.Item {
	var fresh []*news.Item
	inDocument := make(map[string]bool, len(doc.items))
	for _, it := range doc.items {
		intake.Prepare(it, s.name)
		if inDocument[it.Key] || it.Key == "" {
			continue
		}
		inDocument[it.Key] = true
		if !s.seen.Has(it.Key) {
			fresh = append(fresh, it)
		}
	}
	return fresh
}

// publish hands items over a hundred at a time, and remembers those that are durable.
func (s *source) publish(ctx context.Context, publish flows.Publish, items []*news.Item) error {
	for len(items) > 0 {
		n := min(len(items), 100)
		messages := make([]*flows.Message, n)
		for i, it := range items[:n] {
			messages[i] = flows.NewMessage("", it)
		}
		if err := publish(ctx, messages...); err != nil {
			return fmt.Errorf("publish %d items: %w", n, err)
		}
		for _, it := range items[:n] {
			s.seen.Add(it.Key)
		}
		intake.Items.WithLabelValues(s.name).Add(float64(n))
		items = items[n:]
	}
	return nil
}
