// Package client asks EDGAR, the SEC's archive of filings, the way the SEC wants to be
// asked: never more often than its limit, by all processes together; with a name and an
// address to write to; and, once it has refused, not at all for ten minutes.
//
//	limits := client.NewLimits(openMeters, openNotes) // one for each process
//	c := client.New(config, limits)
//	answer, err := c.Get(ctx, "/files/company_tickers_exchange.json", fetch.Validators{})
//
// # Guarantee
//
// In any second, all processes that share the store of the limits begin at most
// [PerSecond] requests. After EDGAR has refused one, none of them begins another for
// ten minutes, also after a restart. While the store is away nobody asks: a request that
// nobody counts may be the one too many, and EDGAR shuts out the whole address.
//
// Less formally: requests under way when EDGAR refuses go on to their end, and a
// pipeline of another name counts for itself, as does another program behind the same address.
package client

import (
	"context"
	"errors"
	"net/mail"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // New York has a name on Windows too

	"catalyst/internal/config"
	"catalyst/internal/fetch"
)

// Config is what pipeline.yaml says about EDGAR, wherever it is asked. It is meant to be
// inlined into a component's own.
type Config struct {
	Contact string `yaml:"contact" required:"true" doc:"who asks: a name and an e-mail address, as in Example Ltd news@example.com; the SEC refuses callers without"`
	BaseURL string `yaml:"base_url" doc:"where EDGAR is; another address is for tests and mirrors"`
	Dir     string `yaml:"dir" doc:"folder for what is kept of EDGAR: the list of companies, and filings"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{BaseURL: official, Dir: "data/edgar"}

const (
	official = "https://www.sec.gov"
	data     = "https://data.sec.gov" // the submissions API of the official one
)

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	if fault := contactFault(c.Contact); fault != "" {
		faults = append(faults, config.At("contact", "%s: write a name and an e-mail address, as in \"Example Ltd news@example.com\"; the SEC refuses callers without", fault))
	}
	if u, err := url.Parse(c.BaseURL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		faults = append(faults, config.At("base_url", "want http:// or https:// and a host, as in %s", official))
	}
	if strings.TrimSpace(c.Dir) == "" {
		faults = append(faults, config.At("dir", "is empty: name a folder, as in %s", Defaults.Dir))
	}
	return errors.Join(faults...)
}

// contactFault says what is wrong with a contact; nothing if the SEC would take it.
func contactFault(contact string) string {
	words := strings.Fields(contact)
	if len(words) == 0 {
		return "is empty"
	}
	for _, r := range contact {
		if r < ' ' || r > '~' {
			return "has a character that no HTTP header may have"
		}
	}
	for _, word := range words {
		address, err := mail.ParseAddress(strings.Trim(word, "<>(),;"))
		if err != nil {
			continue
		}
		local, domain, _ := strings.Cut(strings.ToLower(address.Address), "@")
		switch {
		case strings.HasPrefix(local, "noreply"), strings.HasPrefix(local, "no-reply"):
			return "names an address that nobody reads"
		case !strings.Contains(domain, "."):
			continue
		case len(words) == 1:
			return "has an address and no name"
		}
		return ""
	}
	return "has no e-mail address"
}

// NewYork is where EDGAR's days begin and end, and where its clocks are that do not say so.
var NewYork = func() *time.Location {
	at, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err) // the program has it with it
	}
	return at
}()

// A Client asks EDGAR. It may be used concurrently.
type Client struct {
	config Config
	limits *Limits
	small  *fetch.Client // feeds, lists
	large  *fetch.Client // whole submissions
}

// New returns a client. Clients of one process share one limits, whatever asks.
// maxSize is how many bytes are read of a submission.
func New(c Config, limits *Limits, maxSize int64) *Client {
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	contact := strings.Join(strings.Fields(c.Contact), " ")
	return &Client{
		config: c,
		limits: limits,
		small:  &fetch.Client{UserAgent: contact, Timeout: 30 * time.Second, MaxSize: 32 << 20, Partial: true},
		large:  &fetch.Client{UserAgent: contact, Timeout: time.Minute, MaxSize: maxSize, Partial: true},
	}
}

// URL returns the address of a path on EDGAR.
func (c *Client) URL(path string) string { return c.config.BaseURL + path }

// dataURL is where the submissions API is. A mirror has all on one host.
func (c *Client) dataURL(path string) string {
	if c.config.BaseURL == official {
		return data + path
	}
	return c.URL(path)
}

// Get asks for a document by its path, unless the version known is still the newest. It
// waits for its turn. A document whose transfer broke off comes as far as it came,
// with Response.Cut set.
//
// An error is a [RefusedError] while EDGAR refuses, a [StoreError] while nobody can count
// requests, and else one of package fetch.
func (c *Client) Get(ctx context.Context, path string, known fetch.Validators) (*fetch.Response, error) {
	return c.get(ctx, c.small, c.URL(path), known)
}

func (c *Client) get(ctx context.Context, by *fetch.Client, address string, known fetch.Validators) (*fetch.Response, error) {
	if err := c.limits.wait(ctx); err != nil {
		return nil, err
	}
	answer, err := by.Get(ctx, address, known)
	if why, rest := refusal(answer, err); why != "" {
		return nil, c.limits.refused(ctx, why, rest)
	}
	requests.WithLabelValues(resultOf(answer, err)).Inc()
	return answer, err
}

func resultOf(answer *fetch.Response, err error) string {
	var status *fetch.StatusError
	switch {
	case errors.As(err, &status) && status.Code == 404:
		return "missing"
	case errors.As(err, &status):
		return "status"
	case err != nil:
		return "network"
	case answer.NotModified:
		return "not_modified"
	case answer.Cut != nil:
		return "cut"
	}
	return "ok"
}
