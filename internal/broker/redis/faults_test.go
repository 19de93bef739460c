package redis_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	goredis "github.com/redis/go-redis/v9"

	"catalyst/internal/broker"
	"catalyst/internal/broker/redis"
	"catalyst/internal/testenv"
)

var ctx = context.Background()

// TestForeignEntries: ten thousand entries that are no messages, in between
// good ones, all go to quarantine with a reason, and all good ones arrive.
func TestForeignEntries(t *testing.T) {
	const rounds = 1000
	b, g := open(t, redis.Options{}), newGroup(t)
	uuid := redisstream.UUIDHeaderKey
	foreign := [][]any{
		{"body", "hello"},
		{"payload", "no uuid", "metadata", ""},
		{uuid, "u1", "payload", "metadata is no msgpack", "metadata", "{}"},
		{uuid, "u2", "payload", "metadata is cut off", "metadata", "\xdf\xff\xff\xff\xff\xa1a\xa1b"},
		{uuid, "u3", "payload", "metadata is a list", "metadata", "\x93\x01\x02\x03"},
		{uuid, "u4", "payload", "metadata holds numbers", "metadata", "\x81\xa1a\x01"},
		{uuid, "u5", "payload", "metadata claims a huge string", "metadata", "\x81\xdb\xff\xff\xff\xffab"},
		{uuid, "", "payload", "empty uuid"},
		{"\xff\xfe", "\x00\xff", "x", strings.Repeat("y", 2000)},
		{uuid, "u6", "metadata", "\xc1"},
	}
	for i := range rounds {
		if _, err := g.redis.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
			for _, values := range foreign {
				pipe.XAdd(ctx, &goredis.XAddArgs{Stream: g.topic, Values: values})
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			g.publish(b, fmt.Sprint("good ", i))
		}
	}

	var kept jar
	messages := g.subscribe(g.join(b, broker.Config{Quarantine: kept.put}))
	for i := 0; i < rounds; i += 10 {
		m := g.receive(messages)
		if !strings.HasPrefix(string(m.Payload), "good ") {
			t.Fatalf("delivered %q, which is no message", m.Payload)
		}
		m.Ack()
	}
	g.settled()
	if got, want := kept.len(), rounds*len(foreign); got != want {
		t.Fatalf("%d entries are in quarantine, want %d", got, want)
	}
	payloads := make(map[string]int)
	for i, m := range kept.messages {
		payloads[string(m.Payload)]++
		if m.UUID == "" || kept.reasons[i] == "" {
			t.Errorf("quarantined %q with UUID %q and reason %q", m.Payload, m.UUID, kept.reasons[i])
		}
	}
	if payloads[`{"body":"hello"}`] != rounds || payloads["empty uuid"] != rounds {
		t.Errorf("payloads in quarantine: %d of the entry without payload, %d with; want %d", payloads[`{"body":"hello"}`], payloads["empty uuid"], rounds)
	}
}

// TestQuarantineFails: an entry that quarantine refuses is tried again, and
// holds up nothing.
func TestQuarantineFails(t *testing.T) {
	b, g := open(t, redis.Options{}), newGroup(t)
	g.redis.XAdd(ctx, &goredis.XAddArgs{Stream: g.topic, Values: []any{"body", "hello"}})
	var calls int
	var kept jar
	config := broker.Config{InFlight: 1, RedeliverAfter: 20 * time.Millisecond, Quarantine: func(ctx context.Context, topic string, m *message.Message, reason error) error {
		if calls++; calls < 3 {
			return fmt.Errorf("no room")
		}
		return kept.put(ctx, topic, m, reason)
	}}
	messages := g.subscribe(g.join(b, config))
	g.publish(b, "good")
	g.receive(messages).Ack()
	g.settled()
	if kept.len() != 1 || calls != 3 {
		t.Errorf("quarantined %d times in %d calls, want 1 in 3", kept.len(), calls)
	}
}

// TestGroupIsGone: when the server loses stream or group, reading begins again
// and nothing is in the way of new messages.
func TestGroupIsGone(t *testing.T) {
	for name, lose := range map[string]func(*group) error{
		"stream deleted":  func(g *group) error { return g.redis.Del(ctx, g.topic, "members:{"+g.topic+"}:"+g.name).Err() },
		"group destroyed": func(g *group) error { return g.redis.XGroupDestroy(ctx, g.topic, g.name).Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, g := open(t, redis.Options{}), newGroup(t)
			s := g.join(b, broker.Config{Lease: 300 * time.Millisecond, RedeliverAfter: 10 * time.Millisecond})
			messages := g.subscribe(s)
			g.publish(b, "held", "nacked")
			held, nacked := g.receive(messages), g.receive(messages)
			if err := lose(g); err != nil {
				t.Fatal(err)
			}
			nacked.Nack()
			g.publish(b, "later")
			// Of "held" there is no second delivery: it is still in hand.
			for {
				m := g.receive(messages)
				m.Ack()
				if string(m.Payload) == "later" {
					break
				}
				if string(m.Payload) != "nacked" {
					t.Errorf("delivered %q", m.Payload)
				}
			}
			held.Ack()
			g.settled()
			drained, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if err := s.Drain(drained); err != nil {
				t.Errorf("drain: %v", err)
			}
		})
	}
}

// TestRenewalResurrectsNothing: a lease is renewed on what is still ours only:
// not on what was acknowledged, and not on what another has taken.
func TestRenewalResurrectsNothing(t *testing.T) {
	b, g := open(t, redis.Options{}), newGroup(t)
	messages := g.subscribe(g.join(b, broker.Config{Lease: 300 * time.Millisecond}))
	g.publish(b, "acked behind our back", "taken", "kept")
	for range 3 {
		g.receive(messages)
	}
	ids := make([]string, 3)
	for i, p := range g.pending() {
		ids[i] = p.ID
	}
	g.redis.XAck(ctx, g.topic, g.name, ids[0])
	g.redis.XClaim(ctx, &goredis.XClaimArgs{Stream: g.topic, Group: g.name, Consumer: "thief", Messages: ids[1:2]})
	claimed := time.Now()

	// Two renewals of what was kept.
	renewals := 0
	last := time.Hour
	g.eventually("the lease is renewed twice", func() bool {
		for _, p := range g.pending() {
			if p.ID == ids[2] {
				if p.Idle < last {
					renewals++
				}
				last = p.Idle
			}
		}
		return renewals >= 3 // the first time was the delivery
	})
	pending := g.pending()
	if time.Since(claimed) < 300*time.Millisecond && (len(pending) != 2 || pending[0].Consumer != "thief") {
		t.Errorf("pending are %+v, want one taken and one kept", pending)
	}
	for _, p := range pending {
		if p.ID == ids[0] {
			t.Error("an acknowledged entry is pending again")
		}
	}
	g.silent(messages, 0, "it was in hand")
}

// TestNameLost: a member that was silent for so long that another has its name
// goes on under a new one.
func TestNameLost(t *testing.T) {
	b, g := open(t, redis.Options{Name: "lost"}), newGroup(t)
	messages := g.subscribe(g.join(b, broker.Config{Lease: 300 * time.Millisecond}))
	members := "members:{" + g.topic + "}:" + g.name
	names := g.redis.HKeys(ctx, members).Val()
	if len(names) != 1 || !strings.HasPrefix(names[0], "lost-") || !strings.HasSuffix(names[0], "-0") {
		t.Fatalf("members are %q, want one lost-<host>-0", names)
	}
	far := time.Now().Add(time.Hour).UnixMilli()
	g.redis.HSet(ctx, members, names[0], fmt.Sprintf("%d another 1 elsewhere", far))
	g.eventually("it has a second name", func() bool { return g.redis.HLen(ctx, members).Val() == 2 })
	g.publish(b, "after")
	g.receive(messages).Ack()
	g.settled()
}

// TestTrim: only what every group has acknowledged is removed, and in the end
// that is nearly everything.
func TestTrim(t *testing.T) {
	const total = 12_000
	b, g := open(t, redis.Options{}), newGroup(t)
	payloads := make([]string, total)
	for i := range payloads {
		payloads[i] = fmt.Sprint(i)
	}
	consume := func(name string, n int) {
		t.Helper()
		s := g.join(b, broker.Config{Group: name})
		messages := g.subscribe(s)
		for range n {
			g.receive(messages).Ack()
		}
		drained, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := s.Drain(drained); err != nil {
			t.Fatal(err)
		}
	}
	length := func() int64 { return g.redis.XLen(ctx, g.topic).Val() }
	// A second group that has got nothing yet keeps everything.
	if err := g.redis.XGroupCreateMkStream(ctx, g.topic, "slow", "0").Err(); err != nil {
		t.Fatal(err)
	}
	for batch := range slices.Chunk(payloads, 1000) {
		g.publish(b, batch...)
	}
	consume("fast", total)
	if n := length(); n != total {
		t.Fatalf("%d entries are left while a group has done nothing, want %d", n, total)
	}
	// One of a third group is pending, early; then it cannot go on.
	streams, err := g.redis.XReadGroup(ctx, &goredis.XReadGroupArgs{Group: "slow", Consumer: "c", Streams: []string{g.topic, ">"}, Count: total}).Result()
	if err != nil {
		t.Fatal(err)
	}
	entries := streams[0].Messages
	for i, e := range entries {
		if i != 3000 {
			g.redis.XAck(ctx, g.topic, "slow", e.ID)
		}
	}
	g.publish(b, "more")
	consume("fast", 1)
	left, err := b.Browse(ctx, g.topic, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	if n := length(); n < total-3000 || n > total-2000 {
		t.Errorf("%d entries are left, want a little more than the %d since the oldest pending", n, total-3000)
	}
	if left[0].Position > entries[3000].ID {
		t.Errorf("the oldest entry is %s, but %s is pending", left[0].Position, entries[3000].ID)
	}
	g.redis.XAck(ctx, g.topic, "slow", entries[3000].ID)
	g.redis.XGroupDestroy(ctx, g.topic, "slow")
	g.publish(b, "more")
	consume("fast", 1)
	if n := length(); n > 300 {
		t.Errorf("%d entries are left, want next to none", n)
	}
}

// TestKeepAcked: somebody else's stream is left as it is.
func TestKeepAcked(t *testing.T) {
	b, g := open(t, redis.Options{KeepAcked: true}), newGroup(t)
	for range 10 {
		g.publish(b, make([]string, 1000)...)
	}
	s := g.join(b, broker.Config{})
	messages := g.subscribe(s)
	for range 10_000 {
		g.receive(messages).Ack()
	}
	g.settled()
	if n := g.redis.XLen(ctx, g.topic).Val(); n != 10_000 {
		t.Errorf("%d entries are left, want all", n)
	}
}

// TestOutage: through a connection that breaks, everything still arrives, Publish
// tells the truth, and the log has a line for the beginning and one for the end.
func TestOutage(t *testing.T) {
	p := newProxy(t)
	var log lockedBuffer
	b, err := redis.Open(ctx, p.url, redis.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	g := newGroup(t)
	messages := g.subscribe(g.join(b, broker.Config{RedeliverAfter: 10 * time.Millisecond}))
	g.publish(b, "before", "nacked")
	before, nacked := g.receive(messages), g.receive(messages)

	p.cut()
	before.Ack()
	nacked.Nack()
	if err := b.Publisher().Publish(g.topic, message.NewMessage(rand.Text(), []byte("lost"))); err == nil {
		t.Error("Publish returned nil without a server")
	}
	if err := b.Ping(ctx); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("ping: %v", err)
	}
	g.eventually("the outage is logged", func() bool { return strings.Contains(log.String(), "does not answer") })
	p.mend()

	g.eventually("Publish works again", func() bool {
		return b.Publisher().Publish(g.topic, message.NewMessage(rand.Text(), []byte("after"))) == nil
	})
	seen := make(map[string]bool)
	for !seen["after"] || !seen["nacked"] {
		m := g.receive(messages)
		seen[string(m.Payload)] = true
		m.Ack()
	}
	g.settled()
	if seen["before"] {
		t.Error("a message was delivered again whose ack was waiting")
	}
	g.eventually("the end of the outage is logged", func() bool { return strings.Contains(log.String(), "answers again") })
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines for one outage, want 2:\n%s", n, log.String())
	}
}

// TestLostReplies: entries that Redis has handed out in replies that never
// arrived are found again, without a crash and without a wait for leases.
func TestLostReplies(t *testing.T) {
	p := newProxy(t)
	b, err := redis.Open(ctx, p.url, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	g := newGroup(t)
	direct := open(t, redis.Options{})
	messages := g.subscribe(g.join(b, broker.Config{InFlight: 50}))
	const total = 2000
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range total {
			g.publish(direct, fmt.Sprint(i))
			if i%200 == 100 {
				p.breakConnections()
			}
		}
	})
	seen := make(map[string]bool)
	for len(seen) < total {
		m := g.receive(messages)
		seen[string(m.Payload)] = true
		m.Ack()
	}
	wg.Wait()
	g.settled()
}

// TestURLIsSecret: whatever is wrong with it, no error shows a password.
func TestURLIsSecret(t *testing.T) {
	real, err := url.Parse(testenv.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{
		"redis://user:hunter2@" + real.Host + "/0", // refused by the server
		"redis://user:hunter2@127.0.0.1:1/0",
		"redis://user:hunter2@127.0.0.1:1/hunter2",
		"redis://user:hunter2@127.0.0.1:hunter2",
		"redis://user:hun%zzhunter2@127.0.0.1",
		"redis://:hunter2/x@127.0.0.1",
		"redis://hunter2:hunter2",
		"http://user:hunter2@127.0.0.1",
		"hunter2",
		"redis://127.0.0.1:1/0?hunter2=1",
		"redis://user:hunter2\x7f@127.0.0.1",
	} {
		b, err := redis.Open(ctx, raw, redis.Options{})
		if err == nil {
			b.Close()
			t.Errorf("%s: opened", raw)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// TestBrowseForeign: an entry that is no message is shown as it lies there.
func TestBrowseForeign(t *testing.T) {
	b, g := open(t, redis.Options{}), newGroup(t)
	g.redis.XAdd(ctx, &goredis.XAddArgs{Stream: g.topic, Values: []any{"body", "hello", "bin", "\xff"}})
	stored, err := b.Browse(ctx, g.topic, "", 10)
	if err != nil || len(stored) != 1 {
		t.Fatalf("browsed %d, %v", len(stored), err)
	}
	var shown map[string]string
	if err := json.Unmarshal(stored[0].Message.Payload, &shown); err != nil || shown["body"] != "hello" || shown["bin (base64)"] != "/w==" {
		t.Errorf("shown as %s (%v)", stored[0].Message.Payload, err)
	}
	if stored[0].Message.UUID != "" {
		t.Errorf("UUID %q, want none", stored[0].Message.UUID)
	}
}

// TestLagAfterDelete: Redis gives up counting when entries were deleted.
func TestLagAfterDelete(t *testing.T) {
	b, g := open(t, redis.Options{}), newGroup(t)
	g.publish(b, "0", "1", "2", "3", "4", "5")
	g.redis.XGroupCreate(ctx, g.topic, g.name, "0")
	stored, _ := b.Browse(ctx, g.topic, "", 10)
	if _, err := b.Delete(ctx, g.topic, stored[3].Position); err != nil {
		t.Fatal(err)
	}
	lag, err := b.Lag(ctx, g.topic, g.name)
	if err != nil || lag.Waiting != 5 {
		t.Errorf("lag %+v, %v; want 5 waiting", lag, err)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// TestNameOfOurPid: a lease held by another process that had our pid, as the
// first process of every container has pid 1, is free.
func TestNameOfOurPid(t *testing.T) {
	b, g := open(t, redis.Options{Name: "pid"}), newGroup(t)
	members := "members:{" + g.topic + "}:" + g.name
	first := g.join(b, broker.Config{})
	g.subscribe(first)
	second := g.join(b, broker.Config{})
	g.subscribe(second)
	records := g.redis.HGetAll(ctx, members).Val()
	if len(records) != 2 {
		t.Fatalf("members are %q, want two: a live one of this process keeps its name", records)
	}
	first.Close()
	second.Close()
	for name, record := range records {
		part := strings.SplitN(record, " ", 3) // expiry, token, pid and place
		far := time.Now().Add(time.Hour).UnixMilli()
		g.redis.HSet(ctx, members, name, fmt.Sprintf("%d %s %s", far, "of-the-last-process", part[2]))
	}
	g.subscribe(g.join(b, broker.Config{}))
	if n := g.redis.HLen(ctx, members).Val(); n != 2 {
		t.Errorf("%d names are in use, want 2: the new member takes the name of a dead one", n)
	}
}

// TestIdleTopics: topics on which nothing happens take nothing from the window.
func TestIdleTopics(t *testing.T) {
	b, g := open(t, redis.Options{}), newGroup(t)
	s := g.join(b, broker.Config{InFlight: 4})
	for range 3 {
		idle := newGroup(t)
		idle.subscribe(s)
	}
	messages := g.subscribe(s)
	g.publish(b, "0", "1", "2", "3", "4")
	held := []*message.Message{g.receive(messages), g.receive(messages), g.receive(messages), g.receive(messages)}
	g.silent(messages, 300*time.Millisecond, "four are in flight")
	held[2].Ack()
	g.receive(messages).Ack()
}

// TestRouter: in a Watermill Router, Drain before Close lets handlers end in
// peace, and what they have done stays done.
func TestRouter(t *testing.T) {
	b, g, onward := open(t, redis.Options{}), newGroup(t), newGroup(t)
	s := g.join(b, broker.Config{})
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	const total = 100
	entered, release := make(chan bool, total), make(chan bool)
	router.AddHandler("hop", g.topic, s, onward.topic, b.Publisher(), func(m *message.Message) ([]*message.Message, error) {
		entered <- true
		<-release
		return []*message.Message{m}, m.Context().Err()
	})
	ran := make(chan error, 1)
	go func() { ran <- router.Run(ctx) }()
	g.publish(b, make([]string, total)...)
	for range total {
		<-entered
	}
	drained := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		drained <- s.Drain(ctx)
	}()
	close(release)
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
	if err := router.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-ran; err != nil {
		t.Errorf("run: %v", err)
	}
	if n := len(g.pending()); n != 0 {
		t.Errorf("%d are pending, want 0: every handler returned nil", n)
	}
	if n := g.redis.XLen(ctx, onward.topic).Val(); n != total {
		t.Errorf("%d went on, want %d", n, total)
	}
}

// TestTLS: rediss:// is encrypted and checks the certificate.
func TestTLS(t *testing.T) {
	p := newProxy(t)
	secure := p.encrypted()
	if b, err := redis.Open(ctx, secure, redis.Options{}); err == nil {
		b.Close()
		t.Error("a certificate that nobody vouches for was accepted")
	}
	b, err := redis.Open(ctx, secure+"?skip_verify=true", redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	g := newGroup(t)
	messages := g.subscribe(g.join(b, broker.Config{}))
	g.publish(b, "sealed")
	g.receive(messages).Ack()
	g.settled()
}
