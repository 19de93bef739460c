package redisstore

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"catalyst/internal/store"

	"github.com/redis/go-redis/v9"
)

const (
	claimKey    = ":claim:"    // the ID that holds a key
	groupKey    = ":story:"    // a list of places
	sightingKey = ":sighting:" // a hash of sightings by source
)

//go:embed stories.lua
var storiesScript string

var stories = redis.NewScript(storiesScript)

// Join implements [store.Stories], in one round trip.
func (s *Store) Join(ctx context.Context, arrivals []store.Arrival, keep store.Keep) ([]store.Joined, error) {
	if len(arrivals) == 0 {
		return nil, nil
	}
	if err := errors.Join(lasting(keep.Key), lasting(keep.Story), lasting(keep.Recent)); err != nil {
		return nil, fmt.Errorf("join stories: %w", err)
	}
	keys := make([]string, len(arrivals))
	args := append(make([]any, 0, 5+5*len(arrivals)), len(arrivals),
		keep.Key.Milliseconds(), keep.Story.Milliseconds(), keep.Recent.Milliseconds(), store.GroupSize)
	groups := map[string]int{} // numbered from 1
	for i, a := range arrivals {
		keys[i] = s.key(claimKey, a.Key)
		if a.Group != "" && groups[a.Group] == 0 {
			keys = append(keys, s.key(groupKey, a.Group))
			groups[a.Group] = len(groups) + 1
		}
		args = append(args, a.ID, groups[a.Group], begin(a.ID), place(a), max(0, a.At.UnixMilli()))
	}
	reply, err := stories.Run(ctx, s.client, keys, args...).Slice()
	if err != nil {
		return nil, fmt.Errorf("join stories: %w", err)
	}
	joined, err := readJoined(reply, arrivals, groups)
	if err != nil {
		return nil, fmt.Errorf("join stories: %w", err)
	}
	return joined, nil
}

// begin is how the place of an ID begins, behind its time, and no other's does.
func begin(id string) string { return string(pack(nil, id)) }

// place is what a group keeps of an arrival.
func place(a store.Arrival) string {
	b := fmt.Appendf(nil, "%016d", max(0, a.At.UnixMilli()))
	return string(pack(pack(pack(b, a.ID), a.Key), a.Text))
}

func pack(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func unpack(b string) (text, rest string, ok bool) {
	n, size := binary.Uvarint([]byte(b[:min(len(b), binary.MaxVarintLen64)]))
	if size <= 0 || n > uint64(len(b)-size) {
		return "", "", false
	}
	return b[size : size+int(n)], b[size+int(n):], true
}

var errDamaged = errors.New("what is kept is damaged")

func readPlace(p string) (a store.Arrival, err error) {
	if len(p) < 16 {
		return a, errDamaged
	}
	ms, err := strconv.ParseInt(p[:16], 10, 64)
	if err != nil {
		return a, errDamaged
	}
	a.At = time.UnixMilli(ms).UTC()
	rest, ok := p[16:], true
	for _, field := range []*string{&a.ID, &a.Key, &a.Text} {
		if *field, rest, ok = unpack(rest); !ok {
			return a, errDamaged
		}
	}
	return a, nil
}

// readJoined reads the script's reply. What is damaged is an error: to take it for
// nothing would be to tell a story twice.
func readJoined(reply []any, arrivals []store.Arrival, groups map[string]int) ([]store.Joined, error) {
	if len(reply) != 3 {
		return nil, errDamaged
	}
	owners, before := texts(reply[0]), reply[1].([]any)
	lists, _ := reply[2].([]any)
	if len(owners) != len(arrivals) || len(before) != len(arrivals) || len(lists) != len(groups) {
		return nil, errDamaged
	}
	read := make([][]store.Arrival, len(lists))
	for g, list := range lists {
		for _, p := range texts(list) {
			a, err := readPlace(p)
			if err != nil {
				return nil, err
			}
			read[g] = append(read[g], a)
		}
	}
	joined := make([]store.Joined, len(arrivals))
	for i, a := range arrivals {
		joined[i].Owner = owners[i]
		if n, _ := before[i].(int64); n > 0 {
			list := read[groups[a.Group]-1]
			joined[i].Before = list[:min(int(n), len(list)):min(int(n), len(list))]
		}
	}
	return joined, nil
}

func texts(reply any) []string {
	list, _ := reply.([]any)
	out := make([]string, len(list))
	for i, v := range list {
		out[i], _ = v.(string)
	}
	return out
}

// yieldKeys hands keys over and takes places out. KEYS: claim and group of each; ARGV: ID,
// the one it yields to, and the beginning of its place.
var yieldKeys = redis.NewScript(`
for i = 0, #KEYS / 2 - 1 do
	local id, to, begin = ARGV[3 * i + 1], ARGV[3 * i + 2], ARGV[3 * i + 3]
	if redis.call('GET', KEYS[2 * i + 1]) == id then redis.call('SET', KEYS[2 * i + 1], to, 'KEEPTTL') end
	for _, place in ipairs(redis.call('LRANGE', KEYS[2 * i + 2], 0, -1)) do
		if string.sub(place, 17, 16 + #begin) == begin then redis.call('LREM', KEYS[2 * i + 2], 1, place) end
	end
end
return redis.status_reply('OK')`)

// keepSightings adds to hashes that have room. KEYS: one for each; ARGV: milliseconds to
// keep, the size of a hash, and field and value of each.
var keepSightings = redis.NewScript(`
for i, key in ipairs(KEYS) do
	if redis.call('HLEN', key) < tonumber(ARGV[2]) then redis.call('HSETNX', key, ARGV[1 + 2 * i], ARGV[2 + 2 * i]) end
	redis.call('PEXPIRE', key, ARGV[1])
end
return redis.status_reply('OK')`)

// Yield implements [store.Stories], in two round trips: nobody waits for it.
func (s *Store) Yield(ctx context.Context, yields []store.Yield, keep store.Keep) error {
	if len(yields) == 0 {
		return nil
	}
	if err := lasting(keep.Story); err != nil {
		return fmt.Errorf("yield stories: %w", err)
	}
	var held, seen []string
	var args []any
	fields := []any{keep.Story.Milliseconds(), store.MaxSightings}
	for _, y := range yields {
		held = append(held, s.key(claimKey, y.Key), s.key(groupKey, y.Group))
		args = append(args, y.ID, y.To, begin(y.ID))
		seen = append(seen, s.key(sightingKey, y.To))
		b := fmt.Appendf(nil, "%016d", max(0, y.Saw.At.UnixMilli()))
		fields = append(fields, y.Saw.Source, string(pack(pack(b, y.Saw.URL), y.Saw.Title)))
	}
	// The sightings first: once the keys are handed over, a second delivery does not
	// come to the same story.
	if err := keepSightings.Run(ctx, s.client, seen, fields...).Err(); err != nil {
		return fmt.Errorf("yield stories: %w", err)
	}
	if err := yieldKeys.Run(ctx, s.client, held, args...).Err(); err != nil {
		return fmt.Errorf("yield stories: %w", err)
	}
	return nil
}

// Sightings implements [store.Stories].
func (s *Store) Sightings(ctx context.Context, ids []string) ([][]store.Sighting, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found := make([]*redis.MapStringStringCmd, len(ids))
	pipe := s.client.Pipeline()
	for i, id := range ids {
		found[i] = pipe.HGetAll(ctx, s.key(sightingKey, id))
	}
	_, err := pipe.Exec(ctx)
	if err := failure(found, err); err != nil {
		return nil, fmt.Errorf("look up sightings: %w", err)
	}
	all := make([][]store.Sighting, len(ids))
	for i, cmd := range found {
		for source, value := range cmd.Val() {
			if saw, err := readSighting(source, value); err == nil { // a damaged one is no loss
				all[i] = append(all[i], saw)
			}
		}
		store.SortSightings(all[i])
	}
	return all, nil
}

func readSighting(source, value string) (saw store.Sighting, err error) {
	if len(value) < 16 {
		return saw, errDamaged
	}
	ms, err := strconv.ParseInt(value[:16], 10, 64)
	if err != nil {
		return saw, errDamaged
	}
	url, rest, ok := unpack(value[16:])
	title, _, ok2 := unpack(rest)
	if !ok || !ok2 {
		return saw, errDamaged
	}
	return store.Sighting{Source: source, URL: url, Title: title, At: time.UnixMilli(ms).UTC()}, nil
}
