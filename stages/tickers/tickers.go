// Package tickers is the stage that finds an item's tickers, before it is compared with
// others of the same companies.
//
// It takes them from what the source says, from the cover page of a filing, from the companies
// that filed it, and from the text: behind an exchange or a dollar sign, never from capitals
// alone. TickersFrom says where each was found. News of a warrant or a unit is news of its
// company's common share.
//
// # When it does not work
//
// EDGAR's list of companies is kept on disk and asked for once a day, beside the messages: no
// message waits for it. Without a contact the stage never asks, and uses what is there, which
// may be what the edgar source keeps. Without a list warrants and
// units keep their names, and nobody knows the ticker of a company that only filed.
package tickers

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
	"catalyst/internal/edgar/client"
	"catalyst/internal/metrics"
	"catalyst/internal/tickers"
)

// Config is what pipeline.yaml says about the stage.
type Config struct {
	Contact string `yaml:"contact" doc:"who asks EDGAR for its list of companies: a name and an e-mail address; empty uses the copy on disk, if there is one"`
	BaseURL string `yaml:"base_url" doc:"where EDGAR is; another address is for tests and mirrors"`
	Dir     string `yaml:"dir" doc:"folder for the list of companies"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{BaseURL: client.Defaults.BaseURL, Dir: client.Defaults.Dir}

func (c Config) client() client.Config {
	return client.Config{Contact: c.Contact, BaseURL: c.BaseURL, Dir: c.Dir}
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	if strings.TrimSpace(c.Contact) != "" {
		return c.client().Validate()
	}
	if strings.TrimSpace(c.Dir) == "" {
		return config.At("dir", "is empty: name a folder, as in %s", Defaults.Dir)
	}
	return nil
}

// Kind describes the stage. The limits are those of the process.
func Kind(limits *client.Limits) flows.StageKind {
	return flows.NewKind(flows.StageKind{
		Name:    "tickers",
		Doc:     "finds the tickers of an item, and says where each was found",
		Example: `- tickers: {contact: "Example Ltd news@example.com"}`,
	}, Defaults, func(b *flows.Build, c Config) (flows.Stage, error) {
		var asks *client.Client
		if strings.TrimSpace(c.Contact) != "" {
			asks = client.New(c.client(), limits, 1)
		}
		return &stage{list: tickers.New(asks, c.Dir), log: b.Logger}, nil
	})
}

var (
	found  = metrics.Counter("tickers_found_total", "Tickers of items, by where they were found: feed, xbrl, cik, exchange, cashtag.", "from")
	items  = metrics.Counter("tickers_items_total", "Items by whether they have a ticker: found, none.", "result")
	listed = metrics.Gauge("tickers_listed", "Tickers in the list of companies; 0 where there is none.")
)

type stage struct {
	list *tickers.List
	log  *slog.Logger

	stop context.CancelFunc
	done sync.WaitGroup
}

// look is how often the list is looked at, which is read or asked for anew only if it is a day old.
const look = 15 * time.Minute

// Start reads the copy on disk and begins to keep it new.
func (s *stage) Start(context.Context) error {
	s.told(s.list.Load())
	if s.stop != nil {
		return nil
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	s.done.Go(func() {
		tick := time.NewTicker(look)
		defer tick.Stop()
		for {
			if err := s.list.Refresh(ctx); ctx.Err() == nil {
				s.told(err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return nil
}

// Close ends what Start began.
func (s *stage) Close() error {
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
	return nil
}

func (s *stage) told(err error) {
	listed.WithLabelValues().Set(float64(s.list.Size()))
	if err != nil {
		s.log.Warn("companies_not_refreshed", "error", err, "known", s.list.Size(), "effect", "tickers are those of the last copy")
	}
}

func (s *stage) Process(ctx context.Context, batch []*flows.Message) ([]*flows.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, m := range batch {
		s.list.Complete(m.Item)
		result := "none"
		for _, t := range m.Item.Tickers {
			result = "found"
			found.WithLabelValues(m.Item.TickersFrom[t]).Inc()
		}
		items.WithLabelValues(result).Inc()
	}
	return slices.Clone(batch), nil
}
