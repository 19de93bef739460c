package embedded_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
	"catalyst/internal/broker/embedded"
	"catalyst/internal/sqlite"
)

// apart returns another way to the file at path: opened that way nothing is shared
// but the file, as between two processes.
func apart(t *testing.T, path string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		t.Skip("links need a privilege here")
	}
	return filepath.Join(link, filepath.Base(path))
}

// edit changes the file as any other program could.
func edit(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Write(t.Context(), func(tx *sqlite.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, b *embedded.Broker, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := b.Publisher().Publish(topic, message.NewMessage(id, []byte("text of "+id))); err != nil {
			t.Fatal(err)
		}
	}
}

func join(t *testing.T, b *embedded.Broker, c broker.Config) <-chan *message.Message {
	t.Helper()
	if c.Quarantine == nil {
		c.Quarantine = func(_ context.Context, _ string, m *message.Message, reason error) error {
			t.Errorf("message %s is quarantined: %v", m.UUID, reason)
			return nil
		}
	}
	s, err := b.Subscriber(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	messages, err := s.Subscribe(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func receive(t *testing.T, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, ok := <-messages:
		if !ok {
			t.Fatal("the channel is closed")
		}
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("no message")
	}
	panic("unreachable")
}

// Rows that are no messages go to quarantine, and the topic lives on.
func TestDamagedRows(t *testing.T) {
	path := newFile(t)
	b := open(t, path)
	publish(t, b, "a", "b", "c", "d")
	edit(t, path,
		`UPDATE messages SET metadata = 'source=x&broken=%zz' WHERE uuid = 'a'`,
		`UPDATE messages SET uuid = '' WHERE uuid = 'c'`)

	stored, err := b.Browse(t.Context(), topic, "", 10)
	if err != nil || len(stored) != 4 {
		t.Fatalf("browsed %d, error %v, want 4", len(stored), err)
	}
	for i, want := range []string{"", "b", "", "d"} {
		if got := stored[i].Message.UUID; got != want {
			t.Errorf("row %d has UUID %q, want %q", i, got, want)
		}
	}

	type item struct {
		m      *message.Message
		reason error
	}
	damaged := make(chan item, 10)
	messages := join(t, b, broker.Config{Group: group, Quarantine: func(_ context.Context, _ string, m *message.Message, reason error) error {
		damaged <- item{m, reason}
		return nil
	}})
	for _, want := range []string{"b", "d"} {
		m := receive(t, messages)
		if m.UUID != want {
			t.Errorf("received %q, want %q", m.UUID, want)
		}
		m.Ack()
	}
	for range 2 {
		got := <-damaged
		text := string(got.m.Payload)
		if got.m.UUID == "" || got.reason == nil || (text != "text of a" && text != "text of c") {
			t.Errorf("quarantined %q with UUID %q for %v", text, got.m.UUID, got.reason)
		}
		if text == "text of a" && got.m.Metadata.Get("source") != "x" {
			t.Errorf("metadata %v, want what could be read", got.m.Metadata)
		}
	}
	waitForLag(t, b, broker.Lag{})
}

// What every group has acknowledged is deleted; what one still needs is not; and
// a topic without groups keeps everything.
func TestTrim(t *testing.T) {
	path := newFile(t)
	b := open(t, path)
	stored := func() int {
		all, err := b.Browse(t.Context(), topic, "", 10_000)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if err := b.Publisher().Publish("news.poison", message.NewMessage("bad", nil)); err != nil {
		t.Fatal(err)
	}
	one := join(t, b, broker.Config{Group: group})
	two := join(t, b, broker.Config{Group: "second", RedeliverAfter: time.Hour})
	for i := range 1_200 {
		publish(t, b, fmt.Sprint(i))
	}
	var kept []*message.Message
	for i := range 1_200 {
		receive(t, one).Ack()
		m := receive(t, two)
		switch i {
		case 0:
			m.Nack()
		case 700:
			kept = append(kept, m)
		default:
			m.Ack()
		}
	}
	eventually(t, "all but what the second group needs is deleted", func() bool { return stored() == 2 })
	kept[0].Ack()
	eventually(t, "only the failing one is left", func() bool { return stored() == 1 })
	if poison, err := b.Browse(t.Context(), "news.poison", "", 10); err != nil || len(poison) != 1 {
		t.Errorf("%d messages in a topic without groups, error %v, want 1", len(poison), err)
	}
}

// A member of another machine cannot be looked after; its lease decides.
func TestSilentMember(t *testing.T) {
	path := newFile(t)
	b := open(t, path)
	messages := join(t, b, broker.Config{Group: group})
	edit(t, path,
		`INSERT INTO messages (topic, uuid, metadata, payload, at) VALUES ('news.raw', 'held', '', x'', 1)`,
		`INSERT INTO members (id, name, host, pid, process, lease) VALUES (99, 'far', 'elsewhere', 1, 'x', 700)`,
		`INSERT INTO deliveries SELECT g.id, m.id, 99, 1, 0 FROM groups g, messages m`,
		`UPDATE groups SET cursor = (SELECT max(id) FROM messages)`)
	edited := time.Now()
	receive(t, messages).Ack()
	if waited := time.Since(edited); waited < 700*time.Millisecond {
		t.Errorf("taken over after %v, want the lease of 700ms respected", waited)
	}
	waitForLag(t, b, broker.Lag{})
}

// After the machine slept for long, others have taken a member for dead. It
// joins again; what it still has in hand it does not get twice.
func TestTakenForDead(t *testing.T) {
	path := newFile(t)
	b := open(t, path)
	messages := join(t, b, broker.Config{Group: group, Lease: time.Second})
	publish(t, b, "one")
	held := receive(t, messages)
	edit(t, path, `DELETE FROM members`, `UPDATE deliveries SET member = NULL`)
	publish(t, b, "two")
	next := receive(t, messages)
	if next.UUID != "two" {
		t.Errorf("received %q, want what is not in hand", next.UUID)
	}
	held.Ack()
	next.Ack()
	waitForLag(t, b, broker.Lag{})
}

// While nobody can write to the file, nobody can give a sign of life. That is no
// reason to take one another for dead when it is over.
func TestSilenceOfAll(t *testing.T) {
	path := newFile(t)
	one, two := open(t, path), open(t, apart(t, path))
	const lease = 600 * time.Millisecond
	messages := join(t, one, broker.Config{Group: group, Lease: lease})
	publish(t, one, "held")
	held := receive(t, messages)
	others := join(t, two, broker.Config{Group: group, Lease: lease})

	locker, err := sqlite.Open(t.Context(), apart(t, path))
	if err != nil {
		t.Fatal(err)
	}
	defer locker.Close()
	for range 2 {
		err = locker.Write(t.Context(), func(*sqlite.Tx) error {
			time.Sleep(2 * lease) // as a backup does, or a full disk
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case m := <-others:
			t.Fatalf("message %s was taken from a living holder", m.UUID)
		case <-time.After(lease / 3):
		}
	}
	held.Ack()
	waitForLag(t, one, broker.Lag{})
}

// A broker never works on tables it does not know.
func TestOpenWithoutTables(t *testing.T) {
	_, err := embedded.Open(t.Context(), filepath.Join(t.TempDir(), "empty.db"), embedded.Options{})
	if err == nil || !strings.Contains(err.Error(), "pipeline migrate") {
		t.Errorf("open an empty file: %v, want what to do about it", err)
	}
}
