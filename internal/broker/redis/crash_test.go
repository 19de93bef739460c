package redis_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
	"catalyst/internal/broker/redis"
	"catalyst/internal/testenv"
)

// TestMain lets the test binary be the process that is killed: with memberEnv
// set, it is a member of a group that prints each message it gets on a line.
func TestMain(m *testing.M) {
	if text := os.Getenv(memberEnv); text != "" {
		if err := beMember(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const memberEnv = "BROKER_TEST_MEMBER"

type member struct {
	URL, Topic, Group string
	Ack               bool
	Lease             time.Duration
	InFlight          int
	MaxDeliveries     int
}

func beMember(text string) error {
	var c member
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	b, err := redis.Open(context.Background(), c.URL, redis.Options{Name: "crash"})
	if err != nil {
		return err
	}
	s, err := b.Subscriber(broker.Config{
		Group: c.Group, Lease: c.Lease, InFlight: c.InFlight, MaxDeliveries: c.MaxDeliveries,
		Quarantine: func(_ context.Context, _ string, m *message.Message, _ error) error {
			fmt.Println("quarantined " + string(m.Payload))
			return nil
		},
	})
	if err != nil {
		return err
	}
	messages, err := s.Subscribe(context.Background(), c.Topic)
	if err != nil {
		return err
	}
	for m := range messages {
		fmt.Println(string(m.Payload))
		if string(m.Payload) == "deadly" && c.Ack {
			os.Exit(1)
		}
		if c.Ack {
			m.Ack()
		}
	}
	return nil
}

// start runs a member in a process of its own; kill ends it as a power cut would.
func (g *group) start(c member) (lines <-chan string, kill func()) {
	g.Helper()
	c.URL, c.Topic, c.Group = testenv.Redis(g), g.topic, g.name
	text, err := json.Marshal(c)
	if err != nil {
		g.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), memberEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		g.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		g.Fatal(err)
	}
	received := make(chan string, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(received)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			received <- scanner.Text()
		}
	}()
	kill = func() {
		cmd.Process.Kill()
		<-done
		cmd.Wait()
	}
	g.Cleanup(kill)
	return received, kill
}

// TestRestart: a process killed and started again goes on at once with what the
// first had in hand, under the same consumer name, whatever the lease.
func TestRestart(t *testing.T) {
	g := newGroup(t)
	g.publish(open(t, redis.Options{}), "a", "b", "c")
	lines, kill := g.start(member{Lease: time.Hour})
	for range 3 {
		<-lines
	}
	kill()
	killed := time.Now()
	lines, _ = g.start(member{Lease: time.Hour, Ack: true})
	for range 3 {
		<-lines
	}
	if took := time.Since(killed); took > 500*time.Millisecond {
		t.Errorf("its messages came back after %v, want at once", took)
	}
	g.settled()
	consumers, err := g.redis.XInfoConsumers(context.Background(), g.topic, g.name).Result()
	if err != nil || len(consumers) != 1 || !strings.HasPrefix(consumers[0].Name, "crash-") {
		t.Errorf("consumers are %+v (%v), want one that both processes used", consumers, err)
	}
}

// TestPeerOfTheDead: another process on the host takes over at once as well.
func TestPeerOfTheDead(t *testing.T) {
	b, g := open(t, redis.Options{Name: "peer"}), newGroup(t)
	g.publish(b, "a", "b", "c")
	lines, kill := g.start(member{Lease: time.Hour})
	for range 3 {
		<-lines
	}
	messages := g.subscribe(g.join(b, broker.Config{Lease: time.Hour}))
	g.silent(messages, 400*time.Millisecond, "its holder lives")
	kill()
	killed := time.Now()
	for range 3 {
		g.receive(messages).Ack()
	}
	if took := time.Since(killed); took > time.Second {
		t.Errorf("taken over after %v, want within a second", took)
	}
	g.settled()
}

// TestDeliveriesSurviveCrashes: a message that kills its process each time ends
// in quarantine.
func TestDeliveriesSurviveCrashes(t *testing.T) {
	b, g := open(t, redis.Options{}), newGroup(t)
	g.publish(b, "deadly")
	for range 3 {
		lines, kill := g.start(member{Lease: time.Hour})
		if got := <-lines; got != "deadly" {
			t.Fatalf("received %q", got)
		}
		kill()
	}
	var kept jar
	messages := g.subscribe(g.join(b, broker.Config{Lease: time.Hour, MaxDeliveries: 3, Quarantine: kept.put}))
	g.settled()
	g.silent(messages, 0, "it was delivered three times")
	if kept.len() != 1 || string(kept.messages[0].Payload) != "deadly" || !strings.Contains(kept.reasons[0], "3 times") {
		t.Errorf("in quarantine: %v %v", kept.messages, kept.reasons)
	}
}

// TestOnlyTheDeadly: of a window full of messages whose process dies again and
// again, only the one that brings it down ends in quarantine.
func TestOnlyTheDeadly(t *testing.T) {
	const innocent = 200
	g := newGroup(t)
	payloads := make([]string, innocent+1)
	for i := range payloads {
		payloads[i] = fmt.Sprint(i)
	}
	payloads[innocent/2] = "deadly"
	g.publish(open(t, redis.Options{}), payloads...)
	deaths, quarantined := 0, ""
	for quarantined == "" {
		lines, kill := g.start(member{Ack: true, Lease: time.Hour, InFlight: 64, MaxDeliveries: 10})
		for line := range lines {
			if rest, found := strings.CutPrefix(line, "quarantined "); found {
				quarantined = rest
				g.settled()
				kill()
			}
		}
		kill()
		if deaths++; deaths > 30 {
			t.Fatal("still alive after 30 deaths of its process")
		}
	}
	if quarantined != "deadly" {
		t.Errorf("%q is in quarantine", quarantined)
	}
	t.Logf("after %d deaths", deaths)
}

// TestKills: through fifty kills nothing is lost.
func TestKills(t *testing.T) {
	if testing.Short() {
		t.Skip("starts fifty processes")
	}
	const kills, total = 50, 2000
	b, g := open(t, redis.Options{}), newGroup(t)
	seen := make(map[string]int)
	published := 0
	for i := range kills {
		lines, kill := g.start(member{Ack: true, Lease: time.Hour, MaxDeliveries: 1000})
		for ; published < total*(i+1)/kills; published++ {
			g.publish(b, fmt.Sprint(published))
		}
		for range 1 + i*7%40 {
			select {
			case line, open := <-lines:
				if !open {
					t.Fatal("the member died by itself")
				}
				seen[line]++
			case <-time.After(patience):
				t.Fatal("the member gets nothing")
			}
		}
		kill()
		for line := range lines {
			seen[line]++
		}
	}
	messages := g.subscribe(g.join(b, broker.Config{MaxDeliveries: 1000}))
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for len(seen) < total || len(g.pending()) > 0 {
		select {
		case m := <-messages:
			seen[string(m.Payload)]++
			m.Ack()
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%d of %d messages arrived, %d are pending", len(seen), total, len(g.pending()))
		}
	}
	again := 0
	for _, n := range seen {
		again += n - 1
	}
	t.Logf("%d kills, %d messages, %d deliveries repeated", kills, total, again)
}
