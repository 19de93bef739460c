package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A membership is the lease on a consumer name, <pipeline>-<hostname>-<slot>,
// for one topic and group.
//
// The lowest free slot is taken, so that names are few and the next process
// finds what the last one left. A slot is free when its lease has run out, or
// when its holder ran on this host and its process is gone: then a restart after
// a crash goes on at once.
type membership struct {
	name  string
	token string
}

// returned is the consumer name of entries that were given back.
const returned = "returned"

// membersKey names the hash of a group's members: consumer name → record.
func membersKey(topic, group string) string { return "members:{" + topic + "}:" + group }

// A record is a member as it stands in the hash: "expiry token pid where".
type record struct {
	expiry int64 // in milliseconds, by the server's clock
	token  string
	pid    int
	where  string
}

func parseRecord(text string) (r record, ok bool) {
	part := strings.SplitN(text, " ", 4)
	if len(part) != 4 {
		return record{}, false
	}
	expiry, err1 := strconv.ParseInt(part[0], 10, 64)
	pid, err2 := strconv.Atoi(part[2])
	return record{expiry, part[1], pid, part[3]}, err1 == nil && err2 == nil
}

// tokens holds the memberships of this process. Another with our pid and not
// in here belongs to a process that had the pid before us, as every first
// process of a container has the pid 1.
var tokens sync.Map

// dead reports whether the member's lease has run out or its process is gone.
func (r record) dead(now int64, here string) bool {
	if r.expiry <= now {
		return true
	}
	if r.where != here {
		return false
	}
	if r.pid == os.Getpid() {
		_, ours := tokens.Load(r.token)
		return !ours
	}
	return !alive(r.pid)
}

// roll is who is in a group, at one moment.
type roll struct {
	now     int64
	records map[string]string
}

func (b *Broker) roll(ctx context.Context, topic, group string) (roll, error) {
	var now *redis.TimeCmd
	var records *redis.MapStringStringCmd
	if _, err := b.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		now, records = pipe.Time(ctx), pipe.HGetAll(ctx, membersKey(topic, group))
		return nil
	}); err != nil {
		return roll{}, err
	}
	return roll{now.Val().UnixMilli(), records.Val()}, nil
}

// dead reports whether name is a member known to be dead, and its record.
func (r roll) dead(name, here string) (text string, dead bool) {
	text = r.records[name]
	rec, ok := parseRecord(text)
	return text, ok && rec.dead(r.now, here)
}

// enlist leases the lowest free slot.
func (b *Broker) enlist(ctx context.Context, topic, group string, lease time.Duration) (membership, error) {
	m := membership{token: rand.Text()}
	tokens.Store(m.token, nil)
	for {
		roll, err := b.roll(ctx, topic, group)
		if err != nil {
			tokens.Delete(m.token)
			return m, err
		}
		for slot := 0; ; slot++ {
			m.name = fmt.Sprintf("%s-%s-%d", b.opts.Name, b.host, slot)
			text, taken := roll.records[m.name]
			if _, ok := parseRecord(text); taken && ok {
				if _, dead := roll.dead(m.name, b.where()); !dead {
					continue
				}
			}
			ours, err := b.lease(ctx, topic, group, m, text, lease)
			if err != nil {
				tokens.Delete(m.token)
				return m, err
			}
			if ours {
				return m, nil
			}
			break // somebody was faster: look again
		}
	}
}

// lease takes the slot of m if its record is as expected, or renews it.
func (b *Broker) lease(ctx context.Context, topic, group string, m membership, expected string, lease time.Duration) (ours bool, err error) {
	identity := fmt.Sprintf("%d %s", os.Getpid(), b.where())
	n, err := leaseScript.Run(ctx, b.client, []string{membersKey(topic, group)},
		m.name, expected, m.token, identity, lease.Milliseconds()).Int()
	return n == 1, err
}

// resign ends a lease, so that the others take what was left under its name.
func (b *Broker) resign(ctx context.Context, topic, group string, m membership) error {
	defer tokens.Delete(m.token)
	_, err := b.lease(ctx, topic, group, m, "", 0)
	return err
}

// where is the place in which a pid means a process.
func (b *Broker) where() string { return b.host + pidSpace }
