package discord

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/internal/news"
	"catalyst/internal/once"
	"catalyst/internal/operator"
	"catalyst/internal/store"
)

// Sink posts alerts and edits them.
type Sink struct {
	config  Config
	client  *client
	bot     *bot
	home    place
	guard   *once.Guard
	health  *health
	tickers tickers
	oldest  func(context.Context) (time.Time, error) // as in [flows.Build]
	log     *slog.Logger
	ctx     context.Context // ends with Close
	end     context.CancelFunc
	sweeps  sync.WaitGroup

	mu    sync.Mutex
	rooms map[string]*room // by the name of the place

	checkMu   sync.Mutex
	checkedAt time.Time
	checked   error
}

var (
	_ flows.Sink      = (*Sink)(nil)
	_ flows.Announcer = (*Sink)(nil)
	_ flows.Reporter  = (*Sink)(nil)
	_ flows.Starter   = (*Sink)(nil)
	_ flows.Checker   = (*Sink)(nil)
	_ flows.Closer    = (*Sink)(nil)
)

// needs is what a sink needs from outside.
type needs struct {
	ledger    func() (store.Ledger, error)
	operator  func() (*operator.Operator, error)
	bot       *bot
	transport http.RoundTripper
}

func newSink(b *flows.Build, c Config, n needs) (*Sink, error) {
	client, err := newClient(c, n.transport)
	if err != nil {
		return nil, err
	}
	s := &Sink{
		config:  c,
		client:  client,
		bot:     n.bot,
		home:    c.home(),
		health:  &health{log: b.Logger, operator: n.operator, paged: make(map[string]bool)},
		tickers: tickers{limit: c.PerTicker},
		oldest:  b.Oldest,
		log:     b.Logger,
		rooms:   make(map[string]*room),
	}
	s.guard = &once.Guard{Ledger: n.ledger, Key: func(m *flows.Message) string { return s.key(once.ItemKey(m)) }, Keep: c.Keep}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s, nil
}

// key is the ledger's key of an item. Wherever its alert was posted is noted under it:
// changed rules do not post it a second time.
func (s *Sink) key(item string) string { return s.prefix() + item }

func (s *Sink) prefix() string { return "discord/" + s.home.name + "/" }

// room returns the room of a place; the empty name is the sink's own.
func (s *Sink) room(name string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.home
	if name != "" && name != p.name {
		p = channelPlace(s.config.BaseURL, name)
	}
	if s.rooms[p.name] == nil {
		s.rooms[p.name] = newRoom(s, p)
	}
	return s.rooms[p.name]
}

// elsewhere is the name of a room that is not the sink's own.
func (s *Sink) elsewhere(r *room) string {
	if r.name == s.home.name {
		return ""
	}
	return r.name
}

// route returns the room that an item is posted to.
func (s *Sink) route(item *news.Item) (*room, error) {
	for i, r := range s.config.Routes {
		holds, err := r.When.Match(item)
		if err != nil {
			return nil, flows.Permanent(fmt.Errorf("routes: rule %d: %w", i+1, err))
		}
		if holds {
			return s.room(r.Channel), nil
		}
	}
	return s.room(""), nil
}

// Start opens the ledger, and from now on looks for alerts whose analysis does not
// come. It does not talk to Discord: an outage of Discord is no reason not to start.
func (s *Sink) Start(context.Context) error {
	if _, err := s.guard.Open(); err != nil {
		return err
	}
	s.sweeps.Go(s.sweep)
	return nil
}

// Close ends whatever is under way. A second call does nothing.
func (s *Sink) Close() error {
	s.mu.Lock()
	rooms := s.rooms
	s.rooms = make(map[string]*room)
	s.mu.Unlock()
	for _, r := range rooms {
		r.late.flush(r.sink.config.RequestTimeout)
	}
	s.end()
	s.sweeps.Wait()
	s.client.session.Client.CloseIdleConnections()
	return nil
}

// Announce posts items that have no message yet, as pending.
func (s *Sink) Announce(ctx context.Context, batch []*flows.Message) error {
	jobs, err := s.guard.Begin(ctx, batch)
	if err != nil {
		return err
	}
	s.await(ctx, s.postAll(ctx, jobs, alert.Pending))
	return nil
}

// Deliver shows items with their verdict: in the message they have, or in a new
// one. It returns when they are shown; nobody else waits for that.
func (s *Sink) Deliver(ctx context.Context, batch []*flows.Message) error {
	jobs, err := s.guard.Begin(ctx, batch)
	if err != nil {
		return err
	}
	var show waiting
	var posts []*once.Job
	for _, job := range jobs {
		if rec := read(job.Effect); rec.shown() != "" || job.Effect.ID != "" {
			s.guard.End(job)
			show.add(s, job, alert.Complete(job.Item), rec)
			continue
		}
		posts = append(posts, job)
	}
	show.begin() // they need not wait for what is to be posted
	for _, t := range s.await(ctx, s.postAll(ctx, posts, alert.Complete)) {
		show.add(s, t.Job, t.card, t.record) // it may have been posted before, as something else
	}
	show.begin()
	show.wait(ctx)
	return nil
}

// Report says in an item's message that its analysis waits or has failed. An
// item without a message gets none for that.
func (s *Sink) Report(ctx context.Context, m *flows.Message, o flows.Outcome) error {
	if down, ok := flows.AsUnavailable(o.Err); ok && down.Dependency == "discord" {
		return nil // nobody would see it
	}
	ctx, cancel := context.WithTimeout(ctx, s.client.timeout)
	defer cancel()
	jobs, err := s.guard.Begin(ctx, []*flows.Message{m})
	if err != nil {
		return err
	}
	s.guard.End(jobs...)
	if jobs[0].Effect.ID == "" {
		return nil
	}
	told := make(chan error, 1)
	s.show(jobs[0].Key, jobs[0].Effect.ID, alert.Report(m.Item, o, time.Now()), read(jobs[0].Effect), func(err error) { told <- err }).edits.kick()
	select {
	case err := <-told:
		return err
	case <-ctx.Done(): // it is shown when there is a place for it
		return nil
	}
}

// show has a message changed in the room it returns, unless that would change nothing.
func (s *Sink) show(key, id string, card alert.Card, rec record, ended func(error)) *room {
	r := s.room(rec.Channel)
	c := &change{key: key, id: id, state: card.State, card: card, since: time.Now(), ended: ended}
	c.render(rec)
	if rec.shows(c.state, c.mark) {
		c.end(nil)
		return r
	}
	r.changes.add(c)
	return r
}

// waiting is what a call waits for: edits that others make.
type waiting struct {
	jobs  []*once.Job
	ends  []chan error
	rooms map[*room]bool
}

func (w *waiting) add(s *Sink, job *once.Job, card alert.Card, rec record) {
	end := make(chan error, 1)
	w.jobs, w.ends = append(w.jobs, job), append(w.ends, end)
	r := s.show(job.Key, job.Effect.ID, card, rec, func(err error) { end <- err })
	if w.rooms == nil {
		w.rooms = make(map[*room]bool)
	}
	w.rooms[r] = true
}

// begin has what was added made, all of it together.
func (w *waiting) begin() {
	for r := range w.rooms {
		r.edits.kick()
	}
}

// wait settles those that fail. An edit that is not made in time is made later, or
// replaced by a later one.
func (w *waiting) wait(ctx context.Context) {
	for i, end := range w.ends {
		select {
		case err := <-end:
			if err != nil {
				w.jobs[i].Fail(err)
			}
		case <-ctx.Done():
			w.jobs[i].Fail(outOfTime(ctx, "edit message"))
		}
	}
}

// outOfTime is the end of a call whose turn has not come. That is nobody's failure,
// and an interruption none of Discord's.
func outOfTime(ctx context.Context, what string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return flows.Unavailable("discord", fmt.Errorf("%s: the rate limit left no place for it in time", what), 0)
}

// postAll begins to post jobs that have no message, all of them together. What is not to
// be posted has come to its end.
func (s *Sink) postAll(ctx context.Context, jobs []*once.Job, card func(*news.Item) alert.Card) []*task {
	var tasks []*task
	var held []heldBack
	rooms := make(map[*room]bool)
	for _, job := range jobs {
		t := &task{Job: job, card: card(job.Item), record: read(job.Effect), since: time.Now(), done: make(chan error, 1)}
		t.deadline, _ = ctx.Deadline()
		r, late, err := s.begin(ctx, t)
		switch {
		case err != nil:
			job.Fail(err)
			s.guard.End(job)
		case late:
			held = append(held, heldBack{r, t})
		case r == nil:
			s.guard.End(job)
		default:
			tasks, rooms[r] = append(tasks, t), true
		}
	}
	for r := range rooms {
		r.creates.kick()
	}
	s.holdBack(ctx, held) // the others do not wait for that
	return tasks
}

// begin has a task posted in the room it returns, as it was planned or else by the rules;
// no room if there is nothing to post. held says that the room has too many of its kind.
func (s *Sink) begin(ctx context.Context, t *task) (r *room, held bool, err error) {
	if t.Effect.ID != "" || t.record.shown() != "" {
		return nil, false, nil
	}
	if t.record.state() == statePlanned {
		r := s.room(t.record.Channel)
		p, err := r.planned(ctx, t)
		if err != nil {
			return nil, false, err
		}
		if p != nil {
			r.posts.resume(p)
			return r, false, nil
		}
	}
	if r, err = s.route(t.Item); err != nil {
		return nil, false, err
	}
	if !s.tickers.allow(t.Key, t.Item.Tickers, time.Now()) {
		return r, true, nil
	}
	if err := s.follow(ctx, r, t); err != nil {
		return nil, false, err
	}
	r.posts.add(t)
	return r, false, nil
}

// await waits for tasks, settles those that fail and returns the others. All jobs
// come to their end, now or when what is under way does.
func (s *Sink) await(ctx context.Context, tasks []*task) (done []*task) {
	for _, t := range tasks {
		err := s.awaitOne(ctx, t)
		if err != nil {
			t.Fail(err)
			continue
		}
		done = append(done, t)
	}
	return done
}

func (s *Sink) awaitOne(ctx context.Context, t *task) error {
	select {
	case err := <-t.done:
		s.guard.End(t.Job)
		return err
	case <-ctx.Done():
	}
	if s.withdraw(t) {
		s.guard.End(t.Job)
	} else if !t.leave() {
		s.guard.End(t.Job)
		return <-t.done
	}
	return outOfTime(ctx, "create message")
}

// withdraw takes a task back that is not under way.
func (s *Sink) withdraw(t *task) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rooms {
		if r.posts.withdraw(t) {
			return true
		}
	}
	return false
}

// nonce names a create to Discord, which takes 25 characters: by the keys of its
// alerts and where it goes.
func nonce(names ...string) string {
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintf(h, "%d:%s", len(name), name)
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil)[:15]))
}

const checkEvery = 30 * time.Second

// Check asks Discord for the channels, at most once in half a minute.
func (s *Sink) Check(ctx context.Context) error {
	s.checkMu.Lock()
	defer s.checkMu.Unlock()
	if s.checkedAt.IsZero() || time.Since(s.checkedAt) > checkEvery {
		s.checked = s.client.check(ctx, s.home)
		for _, r := range s.config.Routes {
			s.checked = errors.Join(s.checked, s.client.check(ctx, channelPlace(s.config.BaseURL, r.Channel)))
		}
		s.checkedAt = time.Now()
	}
	return s.checked
}
