package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"catalyst/internal/broker"
	redisbroker "catalyst/internal/broker/redis"
)

// compete does the work of a contestant until ctx ends.
func compete(ctx context.Context, as, url, from, to string) error {
	switch as {
	case "plain":
		return plain(ctx, url, from, to)
	case "broker":
		return ours(ctx, url, from, to)
	case "stock":
		return stock(ctx, url, from, to)
	}
	return fmt.Errorf("-as %s is none of plain, broker, stock", as)
}

const (
	group = "bench"
	// stockHandlers is how many subscriptions stock has: each has one message in flight.
	stockHandlers = 8
)

// plain is the least that can be done: read up to 500, publish and acknowledge them in one
// round trip.
func plain(ctx context.Context, url, from, to string) error {
	options, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	c := redis.NewClient(options)
	defer c.Close()
	if err := c.XGroupCreateMkStream(ctx, from, group, "0").Err(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		read, err := c.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: group, Consumer: "one", Streams: []string{from, ">"}, Count: 500, Block: time.Second,
		}).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			ids := make([]string, 0, len(read[0].Messages))
			for _, e := range read[0].Messages {
				pipe.XAdd(ctx, &redis.XAddArgs{Stream: to, Values: e.Values})
				ids = append(ids, e.ID)
			}
			pipe.XAck(ctx, from, group, ids...)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// ours is internal/broker/redis in a loop: everything it promises, and no engine.
func ours(ctx context.Context, url, from, to string) error {
	b, err := redisbroker.Open(ctx, url, redisbroker.Options{Name: group})
	if err != nil {
		return err
	}
	defer b.Close()
	s, err := b.Subscriber(broker.Config{Group: group, InFlight: 2000, Quarantine: func(context.Context, string, *message.Message, error) error {
		return errors.New("nothing here is no message")
	}})
	if err != nil {
		return err
	}
	deliveries, err := s.Receive(context.WithoutCancel(ctx), from)
	if err != nil {
		return err
	}
	publisher, failed := b.Publisher(), make(chan error, 4)
	for range cap(failed) {
		go func() {
			for batch := range deliveries {
				messages := make([]*message.Message, len(batch))
				for i, d := range batch {
					messages[i] = d.Message()
				}
				if err := publisher.Publish(to, messages...); err != nil {
					failed <- err
					return
				}
				for _, d := range batch {
					d.Settle(true)
				}
			}
		}()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return s.Drain(context.WithoutCancel(ctx))
	}
}

// stock is Watermill's Router with watermill-redisstream, as its documentation has it,
// with several handlers.
func stock(ctx context.Context, url, from, to string) error {
	options, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	c := redis.NewClient(options)
	defer c.Close()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	publisher, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: c}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	for i := range stockHandlers {
		subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
			Client: c, ConsumerGroup: group, Consumer: fmt.Sprint(i), OldestId: "0",
		}, watermill.NopLogger{})
		if err != nil {
			return err
		}
		router.AddHandler(fmt.Sprint("hop-", i), from, subscriber, to, publisher, func(m *message.Message) ([]*message.Message, error) {
			return message.Messages{m}, nil
		})
	}
	return router.Run(ctx)
}
