package discord

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/internal/once"
	"catalyst/internal/store"
)

// A task is one alert to post.
type task struct {
	*once.Job
	card    alert.Card
	record  record
	replyTo string // id of the message that it corrects

	since    time.Time
	deadline time.Time // zero: none
	done     chan error
	mu       sync.Mutex
	left     bool // nobody waits for it: whoever has it in flight ends the job
	over     bool
}

// end tells whoever waits what became of t.
func (t *task) end(g *once.Guard, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.over = true
	t.done <- err
	if t.left {
		g.End(t.Job)
	}
}

// leave says that nobody waits any more; false if t is over.
func (t *task) leave() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = !t.over
	return t.left
}

func (t *task) abandoned() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.left
}

// A post is a message to create: one alert, or several. As soon as it is planned it
// stays as it is, however often it is tried, so that Discord knows it by its nonce.
type post struct {
	nonce   string
	tasks   []*task // who waits for it
	members []member
	replyTo string
	group   string // the ledger's key of the plan; empty for a single alert
	planned bool   // the plan is in the ledger
	tries   int
	summary func(error) // not nil: no alert, but a line about such
}

// A member is an alert in a post, in the order of the embeds.
type member struct {
	Key   string                  `json:"key"`
	Mark  string                  `json:"mark"`
	Embed *discordgo.MessageEmbed `json:"embed"`
}

func (p *post) embeds() []*discordgo.MessageEmbed {
	var all []*discordgo.MessageEmbed
	for _, m := range p.members {
		all = append(all, m.Embed)
	}
	return all
}

func (p *post) end(g *once.Guard, err error) {
	if p.summary != nil {
		p.summary(err)
	}
	for _, t := range p.tasks {
		t.end(g, err)
	}
}

// outbox holds what waits to be posted in a room. It is the work of a lane.
type outbox struct {
	room   *room
	newest bool

	mu      sync.Mutex // guards the tasks of posts too
	ready   []*post    // they go first
	boarded []flight
	flying  map[string]*post // by nonce: boarded, or on their way
	tasks   []*task          // in the order they came
}

// add has a task posted, as soon as the lane is kicked; it ends when that is done or
// cannot be.
func (o *outbox) add(t *task) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tasks = append(o.tasks, t)
}

// resume has a post posted as it is. If it is on its way already, it goes once.
func (o *outbox) resume(p *post) {
	defer o.room.creates.kick()
	o.mu.Lock()
	defer o.mu.Unlock()
	same := o.flying[p.nonce]
	for _, other := range o.ready {
		if other.nonce == p.nonce {
			same = other
		}
	}
	if same != nil {
		same.tasks = append(same.tasks, p.tasks...)
		return
	}
	o.ready = append(o.ready, p)
}

// A flight is a post with the permit to send it.
type flight struct {
	*post
	permit permit
}

// board has p sent when the lane departs: whoever waits for it from now on shares it.
func (o *outbox) board(p *post, permit permit) {
	o.flying[p.nonce] = p
	o.boarded = append(o.boarded, flight{p, permit})
}

// depart plans what has boarded with one question to the ledger, and sends it.
func (o *outbox) depart() {
	o.mu.Lock()
	boarded := o.boarded
	o.boarded = nil
	o.mu.Unlock()
	if len(boarded) > 0 {
		go o.room.postAll(boarded)
	}
}

// land says that p is under way no more: whoever waits for it from now on has it posted
// again, which by the nonce changes nothing.
func (o *outbox) land(p *post) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.flying, p.nonce)
}

func (o *outbox) waiting() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.ready)+len(o.tasks) > 0
}

// send takes out one alert, or several as one message where each of those that wait
// could not have a message of its own and the window still hold them all.
func (o *outbox) send(permit permit) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ready) > 0 {
		p := o.ready[0]
		o.ready = o.ready[1:]
		o.board(p, permit)
		return true
	}
	if len(o.tasks) == 0 {
		return false
	}
	n, left := 1, permit.left
	if len(o.tasks)-1 > maxMembers*(left-1) {
		n = min(len(o.tasks), maxMembers)
	}
	chosen := o.take(n, o.newest && len(o.tasks) > left)
	o.board(newPost(o.room.name, chosen), permit)
	return true
}

const maxMembers = 10

// take takes n tasks out, from the end if newest; only such as may share a message,
// if it is more than one.
func (o *outbox) take(n int, newest bool) (chosen []*task) {
	order := slices.Clone(o.tasks)
	if newest {
		slices.Reverse(order)
	}
	for _, t := range order {
		if len(chosen) == n {
			break
		}
		if t.replyTo != "" && !o.room.hook { // it has a message of its own, of which it is the follow-up
			if len(chosen) > 0 {
				continue
			}
			n = 1
		}
		chosen = append(chosen, t)
	}
	o.tasks = slices.DeleteFunc(o.tasks, func(t *task) bool { return slices.Contains(chosen, t) })
	for _, t := range chosen {
		waited.WithLabelValues(routeCreate).Observe(time.Since(t.since).Seconds())
	}
	return chosen
}

// withdraw takes a task out that is not yet under way.
func (o *outbox) withdraw(t *task) bool {
	o.mu.Lock()
	i := slices.Index(o.tasks, t)
	if i >= 0 {
		o.tasks = slices.Delete(o.tasks, i, i+1)
	}
	o.mu.Unlock() // a lane asks for it while it holds its own
	if i >= 0 {
		o.room.creates.kick() // it need not wait for it
	}
	return i >= 0
}

// cannot implements [work].
func (o *outbox) cannot(until time.Time, err error) {
	o.mu.Lock()
	var over []*task
	late := func(t *task) bool { return until == forever || !t.deadline.IsZero() && t.deadline.Before(until) }
	o.tasks = slices.DeleteFunc(o.tasks, func(t *task) bool {
		if late(t) {
			over = append(over, t)
			return true
		}
		return false
	})
	o.ready = slices.DeleteFunc(o.ready, func(p *post) bool {
		if until == forever || !slices.ContainsFunc(p.tasks, func(t *task) bool { return !late(t) }) && len(p.tasks) > 0 {
			over = append(over, p.tasks...)
			return true
		}
		return false
	})
	o.mu.Unlock()
	err = o.room.notSent("create message", err)
	for _, t := range over {
		t.end(o.room.sink.guard, err)
	}
}

// newPost makes a post of tasks, which are not in the ledger yet.
func newPost(place string, tasks []*task) *post {
	p := &post{tasks: tasks}
	cards := make([]alert.Card, len(tasks))
	for i, t := range tasks {
		cards[i] = t.card
	}
	for i, e := range embeds(cards...) {
		p.members = append(p.members, member{tasks[i].Key, mark(cards[i].State, e), e})
	}
	if len(tasks) == 1 {
		p.nonce, p.replyTo = nonce(tasks[0].Key, place), tasks[0].replyTo
		return p
	}
	keys := []string{place}
	for _, t := range tasks {
		keys = append(keys, t.Key)
	}
	p.nonce = nonce(keys...)
	p.group = "discord-group/" + place + "/" + p.nonce
	return p
}

// postAll makes one try at each of boarded.
func (r *room) postAll(boarded []flight) {
	err := r.plan(boarded)
	for _, f := range boarded {
		if err != nil {
			r.sink.bot.giveBack(r.creates, f.permit)
			r.posts.land(f.post)
			f.end(r.sink.guard, err)
			continue
		}
		go r.post(f.permit, f.post)
	}
}

// post makes one try at p, and what follows from it.
func (r *room) post(permit permit, p *post) {
	g := r.sink.guard
	defer func() {
		if v := recover(); v != nil { // the engine's own net does not reach here
			r.posts.land(p)
			p.end(g, fmt.Errorf("post alert: panic: %v", v))
		}
	}()
	p.tries++
	a := r.try(r.creates, permit, p.tries, http.MethodPost, r.create(), r.createBody(p))
	r.posts.land(p)
	switch {
	case a.retry && p.abandoned():
		p.end(g, context.Canceled)
	case a.retry:
		r.posts.resume(p)
	case flows.IsPermanent(a.err) && p.group != "":
		for _, t := range p.tasks { // one of them is at fault: each alone
			r.posts.resume(newPost(r.name, []*task{t}))
		}
	case a.err != nil || p.summary != nil:
		p.end(g, a.err)
	default:
		p.end(g, r.postedAs(p, a.reply))
	}
}

func (p *post) abandoned() bool {
	return len(p.tasks) > 0 && !slices.ContainsFunc(p.tasks, func(t *task) bool { return !t.abandoned() })
}

func (r *room) createBody(p *post) createBody {
	body := createBody{Embeds: p.embeds(), AllowedMentions: nobody}
	if r.hook {
		return body
	}
	body.Nonce, body.EnforceNonce = p.nonce, true
	if p.replyTo != "" {
		body.Reference = &reference{MessageID: p.replyTo}
	}
	return body
}

// postedAs records what was posted, or found by its nonce, with whatever it shows.
func (r *room) postedAs(p *post, a *reply) error {
	var message struct {
		ID     string          `json:"id"`
		Embeds json.RawMessage `json:"embeds"` // only looked at where it helps
	}
	if err := json.Unmarshal(a.body, &message); err != nil || message.ID == "" {
		// Whatever was posted, the nonce will find it again.
		return flows.Unavailable("discord", a.problem("create message: no id in the answer", r.sink.client.secrets), 0)
	}
	shows := showsEmbeds(message.Embeds, p.embeds())
	var effects []store.Effect
	for i, m := range p.members {
		rec := record{Mark: m.Mark, Channel: r.sink.elsewhere(r), Posted: time.Now().Unix()}
		if !shows[i] {
			rec.Mark = "" // unknown: the next edit will be made
		}
		if p.group != "" {
			rec.Group, rec.Place, rec.Size = p.group, i, len(p.members)
		}
		if rec.keeps(message.ID) {
			rec.Embed = keep(m.Embed)
		}
		e := rec.effect(m.Key, message.ID)
		if t := p.task(m.Key); t != nil {
			t.Effect, t.record = e, rec
			if key := titleKey(r, t.Item); key != "" {
				effects = append(effects, record{Channel: rec.Channel}.effect(key, message.ID))
			}
		} else if known, err := r.sink.guard.Effects(r.sink.ctx, m.Key); err != nil || known[0].ID != "" {
			continue // it will be found by the nonce; or another process has shown more of it
		}
		effects = append(effects, e)
	}
	posted.WithLabelValues().Add(float64(len(p.members)))
	r.sink.log.Debug("alert_posted", "message", message.ID, "alerts", len(p.members))
	if len(effects) == 0 {
		return nil
	}
	return r.sink.guard.Record(r.sink.ctx, effects...)
}

func (p *post) task(key string) *task {
	for _, t := range p.tasks {
		if t.Key == key {
			return t
		}
	}
	return nil
}
