package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"

	"catalyst/internal/store"

	"github.com/redis/go-redis/v9"
)

const meterKey = ":meter:"

//go:embed meters.lua
var metersScript string

var (
	meters = redis.NewScript(metersScript)

	// used counts what is kept as a number and what is kept as holders with the
	// times they lose their places at.
	used = redis.NewScript(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local used = {}
for i, key in ipairs(KEYS) do
	if redis.call('TYPE', key).ok == 'zset' then
		used[i] = tostring(redis.call('ZCOUNT', key, '(' .. now, '+inf'))
	else
		used[i] = redis.call('GET', key) or '0'
	end
end
return used`)
)

// Take implements [store.Meters].
func (s *Store) Take(ctx context.Context, taking []store.Meter) (store.Taken, error) {
	reply, err := s.meter(ctx, "take", taking)
	if err != nil {
		return store.Taken{}, fmt.Errorf("take of meters: %w", err)
	}
	if len(taking) == 0 || reply[0] == -1 {
		return store.Taken{OK: true}, nil
	}
	return store.Taken{Full: int(reply[0]), Used: reply[1:]}, nil
}

// Add implements [store.Meters].
func (s *Store) Add(ctx context.Context, adding []store.Meter) error {
	if _, err := s.meter(ctx, "add", adding); err != nil {
		return fmt.Errorf("add to meters: %w", err)
	}
	return nil
}

func (s *Store) meter(ctx context.Context, what string, of []store.Meter) ([]int64, error) {
	if len(of) == 0 {
		return nil, nil
	}
	var keys []string
	args := make([]any, 1, 1+5*len(of))
	args[0] = what
	for _, m := range of {
		if err := m.Check(); err != nil {
			return nil, err
		}
		if what == "take" && m.Holder != "" {
			m.Amount = 1
		}
		for _, counter := range m.Counters {
			keys = append(keys, s.key(meterKey, counter))
		}
		args = append(args, len(m.Counters), m.Amount, m.Limit, m.Holder, m.Keep.Milliseconds())
	}
	return numbers(s.runOnce(ctx, meters, keys, args))
}

// Used implements [store.Meters].
func (s *Store) Used(ctx context.Context, counters []string) ([]int64, error) {
	if len(counters) == 0 {
		return nil, nil
	}
	keys := make([]string, len(counters))
	for i, counter := range counters {
		keys[i] = s.key(meterKey, counter)
	}
	stand, err := numbers(used.Run(ctx, s.client, keys))
	if err != nil {
		return nil, fmt.Errorf("read meters: %w", err)
	}
	return stand, nil
}

// runOnce runs a script that must not run twice: where the connection breaks before
// the reply, nobody knows whether it ran, and the caller is told.
func (s *Store) runOnce(ctx context.Context, script *redis.Script, keys []string, args []any) *redis.Cmd {
	run := func(command, text string) *redis.Cmd {
		words := make([]any, 0, 3+len(keys)+len(args))
		words = append(words, command, text, len(keys))
		for _, key := range keys {
			words = append(words, key)
		}
		cmd := redis.NewCmd(ctx, append(words, args...)...)
		_ = s.client.Process(ctx, once{cmd}) // the error is the command's
		return cmd
	}
	cmd := run("evalsha", script.Hash())
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		cmd = run("eval", metersScript)
	}
	return cmd
}

// once is a command that the client does not send again by itself.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// numbers reads a reply of whole numbers, of which the larger come as text: Lua's
// own are exact up to 2^53 only.
func numbers(cmd *redis.Cmd) ([]int64, error) {
	reply, err := cmd.Slice()
	if err != nil {
		return nil, err
	}
	ns := make([]int64, len(reply))
	for i, r := range reply {
		switch r := r.(type) {
		case int64:
			ns[i] = r
		case string:
			if ns[i], err = strconv.ParseInt(r, 10, 64); err != nil {
				return nil, fmt.Errorf("a counter holds %.100q and no number", r)
			}
		default:
			return nil, errors.New("a reply of another form")
		}
	}
	return ns, nil
}
