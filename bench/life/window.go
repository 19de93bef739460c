package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	redisbroker "catalyst/internal/broker/redis"
	"catalyst/internal/load"
	"catalyst/internal/sqlite"
	"catalyst/internal/store"
	redisstore "catalyst/internal/store/redis"
	sqlitestore "catalyst/internal/store/sqlite"
)

const (
	windowBatch   = 100  // arrivals that join together
	windowSample  = 4000 // arrivals that are measured together
	windowSamples = 8    // of which the least counts, at each size: what else runs on the machine only adds
	windowGroup   = 4    // headlines of a company: with all that it has, up to 128, each new one is compared
)

// window compares what it costs to claim a key, and to take a place among the headlines of
// a company, with few and with many in the dedupe window: CPU of this process, and of
// Redis.
func (l *life) window(ctx context.Context) error {
	name := "benchlife" + strings.ToLower(rand.Text())
	onServer, err := redisstore.Open(l.redisURL, name)
	if err != nil {
		return err
	}
	defer onServer.Close()
	path := filepath.Join(l.folder, name+".db")
	db, err := sqlite.OpenVolatile(ctx, path) // what a disk takes is not the question
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err = sqlite.Migrate(ctx, db); err != nil {
		return err
	}
	inFile, err := sqlitestore.Open(ctx, path, name)
	if err != nil {
		return err
	}
	defer inFile.Close()
	for _, place := range []struct {
		name    string
		stories store.Stories
		cpu     func(context.Context) (time.Duration, error)
	}{{"redis", onServer, l.bothCPU}, {"file", inFile, func(context.Context) (time.Duration, error) { return load.CPU(), nil }}} {
		for _, grouped := range []bool{false, true} {
			what := map[bool]string{false: "a key among keys", true: "a headline among others"}[grouped]
			costs, err := l.joins(ctx, place.stories, place.cpu, grouped)
			if err == nil && place.name == "redis" {
				_, err = redisbroker.Clear(context.Background(), l.redisURL, name)
			}
			if err != nil {
				return err
			}
			ratio := costs[len(costs)-1].micros / costs[0].micros
			l.judge(ratio <= sameCost, what+", "+place.name, asSame, "%v: %.2f×", costs, ratio)
		}
	}
	return nil
}

// A cost is what an item took among so many.
type cost struct {
	micros float64
	among  int
}

func (c cost) String() string { return fmt.Sprintf("%.1f µs among %d", c.micros, c.among) }

// joins fills the window and says what a join costs at each size.
func (l *life) joins(ctx context.Context, s store.Stories, cpu func(context.Context) (time.Duration, error), grouped bool) (costs []cost, err error) {
	keep := store.Keep{Key: 168 * time.Hour, Story: 12 * time.Hour, Recent: time.Hour}
	next := 0
	join := func(until int) error {
		for next < until {
			batch := make([]store.Arrival, 0, windowBatch)
			for ; len(batch) < windowBatch && next < until; next++ {
				a := store.Arrival{Key: fmt.Sprintf("%t/%s", grouped, address(next)), ID: strconv.Itoa(next), At: time.Now()}
				if grouped {
					a.Group, a.Text = fmt.Sprint("company ", next/windowGroup), worth(next).Title
				}
				batch = append(batch, a)
			}
			if _, err := s.Join(ctx, batch, keep); err != nil {
				return err
			}
		}
		return nil
	}
	for word := range strings.SplitSeq(l.sizes, ",") {
		size, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("-sizes: %w", err)
		}
		if err := join(size); err != nil {
			return nil, err
		}
		least := cost{among: size}
		for range windowSamples {
			before, err := cpu(ctx)
			if err != nil {
				return nil, err
			}
			if err := join(next + windowSample); err != nil {
				return nil, err
			}
			after, err := cpu(ctx)
			if err != nil {
				return nil, err
			}
			if micros := float64((after - before).Microseconds()) / windowSample; least.micros == 0 || micros < least.micros {
				least.micros = micros
			}
		}
		costs = append(costs, least)
	}
	return costs, nil
}

// bothCPU is the CPU of this process and of Redis, which may have others to serve.
func (l *life) bothCPU(ctx context.Context) (time.Duration, error) {
	info, err := l.client.Info(ctx, "cpu").Result()
	if err != nil {
		return 0, err
	}
	sum := load.CPU()
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && (name == "used_cpu_user" || name == "used_cpu_sys") {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(seconds * float64(time.Second))
		}
	}
	return sum, nil
}
