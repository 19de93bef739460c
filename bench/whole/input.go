package main

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"catalyst/bench/whole/work"
	"catalyst/internal/load"
	"catalyst/internal/news"
	"catalyst/internal/store"
)

// An input is what every contestant gets, and what must come of it.
type input struct {
	items  []*news.Item
	alerts map[string]bool // addresses of those to be posted
	// either are those of which it depends on who comes first whether they are posted: what
	// another tells anew is dropped behind that one, and what was told the other way round.
	either map[string]bool
	first  *news.Item // it goes ahead: when it is done, a contestant is at work
}

// newInput makes n items, and finds by going through them one by one which are alerts.
func newInput(n int) (input, error) {
	in := input{alerts: make(map[string]bool), either: make(map[string]bool), first: &news.Item{
		Source: "load-0", GUID: "first", URL: "https://news.example.com/first", Tickers: []string{"FRST"},
		Title: "Forerunner Pharma Receives FDA Approval for Its Asthma Product",
	}}
	tools, err := work.New()
	if err != nil {
		return in, err
	}
	keys, urls, stories := map[string]bool{}, map[string]string{}, map[string][]store.Arrival{}
	for i := range n {
		item := load.DefaultMix.Item(i)
		in.items = append(in.items, item)
		item = load.DefaultMix.Item(i)
		worth, err := tools.Receive(item), error(nil)
		if worth && !keys[item.Key] {
			keys[item.Key] = true
			worth, err = tools.Worth(item)
		} else {
			worth = false
		}
		if err != nil {
			return in, err
		}
		if !worth {
			continue
		}
		a := tools.Story(fmt.Sprint(i), item)
		by, amends := tools.Told(a, stories[a.Group])
		if url := urls[amends]; url != "" {
			delete(in.alerts, url)
			in.either[url] = true
		}
		if by != "" {
			in.either[item.URL] = true
			continue
		}
		if a.Group != "" {
			stories[a.Group] = append(stories[a.Group], a)
		}
		in.alerts[item.URL], urls[item.Key] = true, item.URL
	}
	return in, nil
}

// put publishes items as Watermill has them, as news of this moment.
func put(ctx context.Context, c *redis.Client, stream string, items ...*news.Item) error {
	now := time.Now().UTC()
	for at := 0; at < len(items); at += 1000 {
		if _, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, item := range items[at:min(at+1000, len(items))] {
				item.Published, item.Received = now, now
				payload, err := news.Encode(item)
				if err != nil {
					return err
				}
				pipe.XAdd(ctx, &redis.XAddArgs{Stream: stream, Values: []any{
					"_watermill_message_uuid", fmt.Sprintf("%s-%d", item.Source, at+i), "metadata", "\x80", "payload", payload,
				}})
			}
			return nil
		}); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}
