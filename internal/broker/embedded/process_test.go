package embedded_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
	"catalyst/internal/broker/embedded"
)

const (
	topic = "news.raw"
	group = "announce"
)

// TestMain makes this binary also the processes that the tests below kill.
func TestMain(m *testing.M) {
	if role := os.Getenv("EMBEDDED_TEST_ROLE"); role != "" {
		if err := play(role, os.Getenv("EMBEDDED_TEST_FILE")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play does one thing until it is killed, and tells of it line by line.
func play(role, path string) error {
	b, err := embedded.Open(context.Background(), path, embedded.Options{Name: role})
	if err != nil {
		return err
	}
	if role == "publish" {
		for i := 0; ; i++ {
			id := fmt.Sprintf("%d-%d", os.Getpid(), i)
			if err := b.Publisher().Publish(topic, message.NewMessage(id, []byte(id))); err != nil {
				return err
			}
			fmt.Println(id)
		}
	}
	messages, err := subscribe(b, 50)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for m := range messages {
		fmt.Println(m.UUID)
		if role == "consume" {
			m.Ack()
		}
	}
	return nil
}

func subscribe(b *embedded.Broker, inFlight int) (<-chan *message.Message, error) {
	s, err := b.Subscriber(broker.Config{
		Group: group, InFlight: inFlight, MaxDeliveries: 1_000,
		Quarantine: func(_ context.Context, _ string, m *message.Message, reason error) error {
			return fmt.Errorf("message %s: %w", m.UUID, reason)
		},
	})
	if err != nil {
		return nil, err
	}
	return s.Subscribe(context.Background(), topic)
}

// A process is another one, and the lines it has told so far.
type process struct {
	*exec.Cmd
	lines chan string
}

func start(t *testing.T, role, path string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{exec.Command(self), make(chan string, 1_000_000)}
	p.Env = append(os.Environ(), "EMBEDDED_TEST_ROLE="+role, "EMBEDDED_TEST_FILE="+path)
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err == io.EOF || err != nil {
				return // half a line is a message nobody promised anything about
			}
			p.lines <- strings.TrimSpace(line)
		}
	}()
	t.Cleanup(func() { p.kill() })
	return p
}

func (p *process) kill() (rest []string) {
	p.Process.Kill() // SIGKILL, where there are signals
	for line := range p.lines {
		rest = append(rest, line)
	}
	p.Wait()
	return rest
}

func (p *process) line(t *testing.T, within time.Duration) string {
	t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			t.Fatal("the process has ended by itself")
		}
		return line
	case <-time.After(within):
		t.Fatalf("the process has said nothing for %v", within)
	}
	panic("unreachable")
}

func kills(t *testing.T) int {
	if testing.Short() {
		return 5
	}
	return 50
}

// Killed at any moment and started again, a consumer misses nothing, and goes
// on well within a second although leases are long.
func TestKilledConsumers(t *testing.T) {
	path := newFile(t)
	b := open(t, path)
	rounds := kills(t)
	want := make(map[string]bool)
	more := func() {
		var batch []*message.Message
		for range 2_000 / rounds {
			m := message.NewMessage(rand.Text(), []byte("text"))
			want[m.UUID] = true
			batch = append(batch, m)
		}
		if err := b.Publisher().Publish(topic, batch...); err != nil {
			t.Fatal(err)
		}
	}

	deliveries := 0
	note := func(line string) {
		if line != "ready" {
			deliveries++
			delete(want, line)
		}
	}
	var slowest time.Duration
	for range rounds {
		more()
		p := start(t, "consume", path)
		p.line(t, time.Minute) // ready: from here it counts
		began := time.Now()
		note(p.line(t, time.Minute))
		slowest = max(slowest, time.Since(began))
		for range mrand.IntN(30) {
			note(p.line(t, time.Minute))
		}
		for _, line := range p.kill() {
			note(line)
		}
	}
	more()
	p := start(t, "consume", path)
	for len(want) > 0 {
		note(p.line(t, time.Minute))
	}
	waitForLag(t, b, broker.Lag{})
	t.Logf("%d kills, %d deliveries of 2,000 messages; slowest start %v", rounds, deliveries, slowest)
	if slowest > time.Second {
		t.Errorf("a restarted consumer waited %v, want less than a second", slowest)
	}
}

// What a killed publisher has said is published is there.
func TestKilledPublishers(t *testing.T) {
	path := newFile(t)
	b := open(t, path)
	said := make(map[string]bool)
	for range kills(t) / 5 {
		p := start(t, "publish", path)
		for range 1 + mrand.IntN(50) {
			said[p.line(t, time.Minute)] = true
		}
		for _, line := range p.kill() {
			said[line] = true
		}
	}
	for after := ""; ; {
		stored, err := b.Browse(t.Context(), topic, after, 1_000)
		if err != nil {
			t.Fatal(err)
		}
		if len(stored) == 0 {
			break
		}
		for _, s := range stored {
			delete(said, s.Message.UUID)
		}
		after = stored[len(stored)-1].Position
	}
	for id := range said {
		t.Errorf("message %s was published and is lost", id)
	}
}

// A living member takes over at once what a killed one had in hand, though the
// lease is half a minute.
func TestTakeOver(t *testing.T) {
	path := newFile(t)
	b := open(t, path)
	holder := start(t, "hold", path)
	holder.line(t, time.Minute)
	for i := range 10 {
		if err := b.Publisher().Publish(topic, message.NewMessage(fmt.Sprint(i), nil)); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		holder.line(t, time.Minute) // and this process has told the other of news
	}
	messages, err := subscribe(b, 50)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-messages:
		t.Fatalf("message %s was taken from a living holder", m.UUID)
	case <-time.After(time.Second):
	}

	holder.kill()
	killed := time.Now()
	for range 10 {
		select {
		case m := <-messages:
			m.Ack()
		case <-time.After(20 * time.Second):
			t.Fatal("the messages of the dead member do not come")
		}
	}
	if took := time.Since(killed); took > time.Second {
		t.Errorf("taken over after %v, want less than a second", took)
	}
	waitForLag(t, b, broker.Lag{})
}

func waitForLag(t *testing.T, b *embedded.Broker, want broker.Lag) {
	t.Helper()
	eventually(t, fmt.Sprintf("a lag of %+v", want), func() bool {
		got, err := b.Lag(t.Context(), topic, group)
		if err != nil {
			t.Fatal(err)
		}
		return got == want
	})
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(20 * time.Second)
	for !done() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("not within 20s: %s", what)
		}
	}
}
