package operator

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"catalyst/internal/config"
	"catalyst/internal/store"
	"catalyst/sinks/discord/discordtest"
)

// A shelf is notes in memory that outlive operators, as those of a server do. With err
// set it answers nothing. It does not expire.
type shelf struct {
	mu    sync.Mutex
	notes map[string][]byte
	err   error
}

func (s *shelf) Notes(_ context.Context, names []string) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := make([][]byte, len(names))
	for i, name := range names {
		values[i] = s.notes[name]
	}
	return values, s.err
}

func (s *shelf) Note(_ context.Context, name string, value []byte, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if s.notes == nil {
		s.notes = map[string][]byte{}
	}
	if s.notes[name] = value; len(value) == 0 {
		delete(s.notes, name)
	}
	return nil
}

func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *shelf) copy() *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	other := &shelf{notes: map[string][]byte{}}
	for name, value := range s.notes {
		other.notes[name] = value
	}
	return other
}

var errAway = errors.New("the notes are away")

// A desk is where an operator sits: a Discord, notes, and a log.
type desk struct {
	*testing.T
	discord *discordtest.Server
	notes   *shelf
	log     *bytes.Buffer
}

const secret = "operator.token-1111.abcdef"

func testConfig() Config {
	c := Defaults
	c.Channel, c.Token = "43", config.Secret(secret)
	return c
}

// atDesk runs a test in a bubble whose time is its own.
func atDesk(t *testing.T, test func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t, discord: discordtest.New(discordtest.Realistic()), notes: &shelf{}, log: &bytes.Buffer{}}
		test(d)
		for _, v := range d.discord.Violations() {
			t.Errorf("Discord was treated badly: %+v", v)
		}
	})
}

// operator sits down at the desk, as a new process does.
func (d *desk) operator() *Operator {
	return NewWith(Setup{
		Poster: NewDiscord(testConfig(), d.discord.Transport()), From: "catalyst on desk", CoolDown: Defaults.CoolDown,
		Redact: config.NewRedactor(secret).String,
	}, func() (store.Notes, error) { return d.notes, nil }, d.logger())
}

func (d *desk) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(lockedWriter{d.log}, nil))
}

var logLock sync.Mutex

type lockedWriter struct{ b *bytes.Buffer }

func (w lockedWriter) Write(p []byte) (int, error) {
	logLock.Lock()
	defer logLock.Unlock()
	return w.b.Write(p)
}

// titles are what the channel shows, in its order.
func (d *desk) titles() (all []string) {
	for _, m := range d.discord.Messages() {
		all = append(all, strings.ReplaceAll(m.Last().Embeds[0].Title, `\`, ""))
	}
	return all
}

func (d *desk) shows(want ...string) {
	d.Helper()
	synctest.Wait()
	if got := strings.Join(d.titles(), " | "); got != strings.Join(want, " | ") {
		d.Errorf("the channel shows\n\t%s\nwant\n\t%s", got, strings.Join(want, " | "))
	}
}

// after lets time pass.
func (d *desk) after(wait time.Duration) {
	time.Sleep(wait)
	synctest.Wait()
}
