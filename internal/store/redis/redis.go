// Package redisstore keeps stories, the ledger, embeddings, meters and notes in Redis
// 7 or newer.
//
// Every key is "<pipeline>:<kind>:<hash>", where the hash stands for the name
// asked for: whatever a feed sends as an item's key, what Redis holds is of one
// size and is told apart from all else. Every key expires by itself.
package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"catalyst/internal/store"

	"github.com/redis/go-redis/v9"
)

// Store keeps what one pipeline remembers beside its broker. It is safe for
// concurrent use, and any number of processes may have one on the same server.
type Store struct {
	client *redis.Client
	prefix string
}

var (
	_ store.Stories    = (*Store)(nil)
	_ store.Ledger     = (*Store)(nil)
	_ store.Embeddings = (*Store)(nil)
	_ store.Meters     = (*Store)(nil)
	_ store.Notes      = (*Store)(nil)
)

// Open returns the store of a pipeline on the server at url, such as
// "redis://:password@host:6379/0", with a client of its own. It does not connect
// yet: whether the server is there and fit shows at the first use, or by
// [Store.Check].
func Open(url, pipeline string) (*Store, error) {
	options, err := redis.ParseURL(url)
	if err != nil { // which may quote a malformed URL, and with it the password
		return nil, errors.New("the Redis URL cannot be read: write redis://user:password@host:6379/0, " +
			"and %-encode what is neither letter nor digit in the password")
	}
	options.ContextTimeoutEnabled = true // a call ends with its context, even if the server hangs
	return &Store{client: redis.NewClient(options), prefix: pipeline}, nil
}

// Close ends the store's client.
func (s *Store) Close() error { return s.client.Close() }

// Check connects and says what the server lacks; nil if it is fit.
func (s *Store) Check(ctx context.Context) error {
	info, err := s.client.InfoMap(ctx, "server", "memory").Result()
	if err != nil {
		return fmt.Errorf("check redis: %w", err)
	}
	return fit(info["Server"]["redis_version"], info["Memory"]["maxmemory"], info["Memory"]["maxmemory_policy"])
}

func fit(version, maxmemory, policy string) error {
	var lacks []error
	var major int
	if _, err := fmt.Sscanf(version, "%d.", &major); err != nil || major < 7 {
		lacks = append(lacks, fmt.Errorf("version %q of Redis: 7 or newer is needed", version))
	}
	if maxmemory != "0" && policy != "noeviction" {
		lacks = append(lacks, fmt.Errorf("redis may evict keys when its memory is full, and with them the record of what was posted: "+
			"set maxmemory-policy noeviction (it is %q)", policy))
	}
	return errors.Join(lacks...)
}

// key names what is kept under names in Redis. 128 bits of a hash are enough for
// no two names ever to meet, by chance or by design.
func (s *Store) key(kind string, names ...string) string {
	h := sha256.New()
	var size [8]byte
	for _, name := range names { // each with its length, so that "a"+"bc" is not "ab"+"c"
		binary.LittleEndian.PutUint64(size[:], uint64(len(name)))
		h.Write(size[:])
		h.Write([]byte(name))
	}
	var b strings.Builder
	b.WriteString(s.prefix)
	b.WriteString(kind)
	b.WriteString(base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16]))
	return b.String()
}

// lasting says why a time to live is of no use: Redis counts milliseconds.
func lasting(ttl time.Duration) error {
	if ttl < time.Millisecond {
		return fmt.Errorf("a time to live of %v: 1ms is the least", ttl)
	}
	return nil
}

// failure returns what went wrong in a pipeline, if anything did: redis.Nil only
// says that there was nothing under a key.
func failure[C redis.Cmder](cmds []C, err error) error {
	for _, c := range cmds {
		if err := c.Err(); err != nil && err != redis.Nil {
			return err
		}
	}
	if err == redis.Nil {
		return nil
	}
	return err
}
