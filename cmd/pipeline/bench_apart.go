package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"catalyst/flows"
	"catalyst/internal/broker/memory"
	redisbroker "catalyst/internal/broker/redis"
	"catalyst/internal/embed"
	"catalyst/internal/llm"
	"catalyst/internal/llm/quota"
	"catalyst/internal/replay"
	"catalyst/internal/sqlite"
	"catalyst/internal/store/postgres"
	llmrouter "catalyst/stages/llm_router"
	semanticcache "catalyst/stages/semantic_cache"
	"catalyst/stages/tickers"
)

// apart gives the plan a name, topics, stores and models of its own, on a broker of the
// kind that is asked for, so that nothing is touched that others use. leave removes it
// all.
func (r *resources) apart(ctx context.Context, plan *flows.Plan, kind string) (_ string, leave func() error, err error) {
	onRedis := strings.HasPrefix(plan.Broker, "redis")
	if kind == "" {
		if kind = "embedded"; onRedis {
			kind = "redis"
		}
	}
	if kind == "redis" && !onRedis {
		return "", nil, usage("--broker redis: the broker of %s is a file; set REDIS_URL, or write a redis:// address there", r.app.file)
	}
	cleanups := []func() error{r.close}
	leave = func() error {
		var faults []error
		for _, c := range cleanups {
			faults = append(faults, c())
		}
		return errors.Join(faults...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, leave())
		}
	}()

	folder, err := os.MkdirTemp("", "pipeline-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder: %w", err)
	}
	cleanups = append(cleanups, func() error { return os.RemoveAll(folder) })
	file := filepath.ToSlash(filepath.Join(folder, "bench.db"))
	name := "bench" + strings.ToLower(rand.Text())
	rename(plan, name)
	plan.Engine.Migrate = true

	server := plan.Broker
	switch kind {
	case "redis":
		cleanups = append(cleanups, func() error {
			_, err := redisbroker.Clear(context.Background(), server, name)
			return err
		})
		if isPostgres(plan.Store) {
			scratch, drop, err := postgres.Scratch(ctx, plan.Store, name)
			if err != nil {
				return "", nil, err
			}
			plan.Store = scratch
			cleanups = append(cleanups, func() error { return drop(context.Background()) })
		} else {
			plan.Store = "sqlite://" + file
		}
	case "memory":
		db, err := sqlite.OpenVolatile(ctx, file) // and as long as it is open, all that is opened is it
		if err != nil {
			return "", nil, err
		}
		cleanups = append([]func() error{cleanups[0], db.Close}, cleanups[1:]...)
		b := memory.NewServer().Broker()
		r.broker.value, r.broker.closer = b, b.Close
		fallthrough
	default:
		plan.Broker, plan.Store = "sqlite://"+file, "sqlite://"+file
	}
	r.withoutServers(plan)
	return kind, leave, nil
}

// rename gives the pipeline and its topics another name.
func rename(plan *flows.Plan, name string) {
	plan.Name = name
	plan.Topic, plan.Poison = name+":"+plan.Topic, name+":"+plan.Poison
	for i := range plan.Segments {
		s := &plan.Segments[i]
		if s.Topic = name + ":" + s.Topic; s.Next != "" {
			s.Next = name + ":" + s.Next
		}
	}
}

// topicBefore is the name of a topic before [rename].
func topicBefore(name, topic string) string { return strings.TrimPrefix(topic, name+":") }

// withoutServers has nobody asked: models answer at once and without limits, the
// built-in embedder makes the vectors, EDGAR is left
// alone, and no operator is told.
func (r *resources) withoutServers(plan *flows.Plan) {
	r.told.Channel = ""
	r.models.config.Budget = quota.Config{Day: quota.None, EachSource: quota.None, EachTicker: quota.None}
	standIns(r, replayOptions{llm: "fake"}, nil)
	for i, spec := range r.providers {
		build := spec.Kind.New
		r.providers[i].Kind.New = func(b *flows.Build, c any) (llm.Provider, error) {
			p, err := build(b, c)
			if s, ok := p.(*replay.Stand); ok {
				s.Bounds.RequestsPerMinute, s.Bounds.TokensPerMinute, s.Bounds.RequestsPerDay = 0, 0, 0
			}
			return p, err
		}
	}
	for _, segment := range plan.Segments {
		for i, spec := range segment.Stages {
			switch c := spec.Config.(type) {
			case tickers.Config:
				c.Contact = "" // what is on disk has to do
				segment.Stages[i].Config = c
			case llmrouter.Config:
				c.PerMinute = -1
				segment.Stages[i].Config = c
			case semanticcache.Config:
				c.Embedder = embed.DefaultConfig
				segment.Stages[i].Config = c
			}
			if spec.Kind.Name == "fetch_filing" {
				segment.Stages[i] = passBy(spec)
			}
		}
	}
}
