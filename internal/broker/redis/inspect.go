package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"catalyst/internal/broker"

	"github.com/redis/go-redis/v9"
)

// Lag implements broker.Broker.
func (b *Broker) Lag(ctx context.Context, topic, group string) (broker.Lag, error) {
	lag, err := b.lag(ctx, topic, group)
	if isNoGroup(err) {
		return broker.Lag{}, nil
	}
	if err != nil {
		return broker.Lag{}, fmt.Errorf("lag of %s on %s: %w", group, topic, err)
	}
	return lag, nil
}

func (b *Broker) lag(ctx context.Context, topic, group string) (lag broker.Lag, err error) {
	groups, err := b.client.XInfoGroups(ctx, topic).Result()
	if err != nil {
		return lag, err
	}
	g := redis.XInfoGroup{LastDeliveredID: "0-0"} // one that a server has lost with all else, or that is still to be
	if i := slices.IndexFunc(groups, func(g redis.XInfoGroup) bool { return g.Name == group }); i >= 0 {
		g = groups[i]
	} else if g.Lag, err = b.client.XLen(ctx, topic).Result(); err != nil {
		return lag, err
	}
	lag.Pending = g.Pending
	first, err := b.client.XRangeN(ctx, topic, "("+g.LastDeliveredID, "+", 1).Result()
	if err != nil {
		return lag, err
	}
	if len(first) > 0 {
		lag.Oldest = published(first[0].ID)
		if lag.Waiting, err = b.waiting(ctx, topic, g); err != nil {
			return lag, err
		}
	}
	if g.Pending > 0 {
		pending, err := b.client.XPending(ctx, topic, group).Result()
		if err != nil {
			return lag, err
		}
		if at := published(pending.Lower); !at.IsZero() && (lag.Oldest.IsZero() || at.Before(lag.Oldest)) {
			lag.Oldest = at
		}
	}
	return lag, nil
}

// waiting returns how many entries a group was not yet given. Redis knows it,
// except before version 7 and where entries were deleted: then they are counted.
func (b *Broker) waiting(ctx context.Context, topic string, g redis.XInfoGroup) (int64, error) {
	if g.Lag > 0 {
		return g.Lag, nil
	}
	const page = 1000
	var n int64
	for after := g.LastDeliveredID; ; {
		entries, err := b.client.XRangeN(ctx, topic, "("+after, "+", page).Result()
		if err != nil {
			return n, err
		}
		n += int64(len(entries))
		if len(entries) < page {
			return n, nil
		}
		after = entries[len(entries)-1].ID
	}
}

// Len implements broker.Broker.
func (b *Broker) Len(ctx context.Context, topic string) (int64, error) {
	n, err := b.client.XLen(ctx, topic).Result()
	if err != nil {
		return 0, fmt.Errorf("length of %s: %w", topic, err)
	}
	return n, nil
}

// Browse implements broker.Broker. A position is an entry's ID.
func (b *Broker) Browse(ctx context.Context, topic, after string, limit int) ([]broker.Stored, error) {
	if limit <= 0 {
		return nil, nil
	}
	start := "-"
	if after != "" {
		start = "(" + strings.TrimPrefix(after, "(")
	}
	found, err := b.client.XRangeN(ctx, topic, start, "+", int64(limit)).Result()
	if err != nil {
		return nil, fmt.Errorf("browse %s: %w", topic, err)
	}
	stored := make([]broker.Stored, len(found))
	for i, e := range found {
		m, err := decode(e.Values)
		if err != nil {
			m = salvage(e.Values)
			m.UUID = ""
		}
		stored[i] = broker.Stored{Position: e.ID, At: published(e.ID), Message: m}
	}
	return stored, nil
}

// Delete implements broker.Broker.
func (b *Broker) Delete(ctx context.Context, topic string, positions ...string) (int, error) {
	if len(positions) == 0 {
		return 0, nil
	}
	n, err := b.client.XDel(ctx, topic, positions...).Result()
	if err != nil {
		return int(n), fmt.Errorf("delete from %s: %w", topic, err)
	}
	return int(n), nil
}
