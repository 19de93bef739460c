package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"catalyst/flows"
)

const (
	tries        = 3                // of a request that meets trouble, before it counts as an outage
	patience     = 30 * time.Second // a longer rate limit is an outage
	operatorWait = 5 * time.Minute  // before looking whether somebody has acted
	maxReply     = 1 << 20
)

// client sends requests to one channel through discordgo, around its limiter
// and retries: those hold one request in flight per channel, sleep through a
// cancelled context and know neither global limits nor HTML answers.
type client struct {
	session *discordgo.Session
	channel string // its URL
	timeout time.Duration
	creates *window
	edits   *window
	health  health
}

func newClient(c Config, limits *limits, transport http.RoundTripper, log *slog.Logger) (*client, error) {
	session, err := discordgo.New(bearer(c.Token))
	if err != nil {
		return nil, fmt.Errorf("make discord session: %w", err)
	}
	session.ShouldRetryOnRateLimit = false
	session.MaxRestRetries = 0
	session.Client = &http.Client{
		Transport: recorder{transport},
		// The token goes to the address configured and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &client{
		session: session,
		channel: strings.TrimRight(c.BaseURL, "/") + "/api/v10/channels/" + c.Channel,
		timeout: c.RequestTimeout,
		creates: limits.window(routeCreate, c.Channel, c.Creates, c.Window),
		edits:   limits.window(routeEdit, c.Channel, c.Edits, c.Window),
		health:  health{log: log},
	}, nil
}

const (
	routeCreate = "create"
	routeEdit   = "edit"
	routeCheck  = "check"
)

// The bodies are our own: discordgo's have no nonce, send null where Discord's
// documentation has a list, and leak fields into edits.
type (
	createBody struct {
		Embeds          []*discordgo.MessageEmbed `json:"embeds"`
		AllowedMentions mentions                  `json:"allowed_mentions"`
		Nonce           string                    `json:"nonce"`
		EnforceNonce    bool                      `json:"enforce_nonce"`
	}
	editBody struct {
		Embeds          []*discordgo.MessageEmbed `json:"embeds"`
		AllowedMentions mentions                  `json:"allowed_mentions"`
	}
	mentions struct {
		Parse []string `json:"parse"`
	}
)

// nobody is who may be pinged. An edit without it would fall back to everybody.
var nobody = mentions{Parse: []string{}}

// create posts a message, or finds the one that was posted with the nonce. It
// returns the message's id and whether it shows embed.
func (c *client) create(ctx context.Context, nonce string, embed *discordgo.MessageEmbed) (id string, shows bool, err error) {
	r, err := c.do(ctx, c.creates, routeCreate, http.MethodPost, "/messages", createBody{
		Embeds:          []*discordgo.MessageEmbed{embed},
		AllowedMentions: nobody,
		Nonce:           nonce,
		EnforceNonce:    true,
	})
	if err != nil {
		return "", false, err
	}
	var message struct {
		ID     string          `json:"id"`
		Embeds json.RawMessage `json:"embeds"` // only looked at where it helps
	}
	if err := json.Unmarshal(r.body, &message); err != nil || message.ID == "" {
		// Whatever was posted, the nonce will find it again.
		return "", false, flows.Unavailable("discord", r.problem("create message: no id in the answer", c.session.Token), 0)
	}
	return message.ID, showsEmbed(message.Embeds, embed), nil
}

// edit replaces a message's embed. gone reports that it cannot be edited any more.
func (c *client) edit(ctx context.Context, id string, embed *discordgo.MessageEmbed) (gone bool, err error) {
	r, err := c.do(ctx, c.edits, routeEdit, http.MethodPatch, "/messages/"+id, editBody{
		Embeds:          []*discordgo.MessageEmbed{embed},
		AllowedMentions: nobody,
	})
	return err == nil && r.decide() == giveUp, err
}

// do sends a request when its window allows, and again while that may help. It
// returns a reply to accept or, for an edit, to give up at; every other end is an
// error for the engine.
func (c *client) do(ctx context.Context, w *window, route, method, path string, body any) (*reply, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return nil, flows.Permanent(fmt.Errorf("%s message: %w", route, err))
	}
	what := route + " message"
	for try := 1; ; try++ {
		started := time.Now()
		generation, err := w.take(ctx)
		waited.WithLabelValues(route).Observe(time.Since(started).Seconds())
		if err != nil {
			return nil, c.notSent(ctx, what, err)
		}
		r := c.send(ctx, route, method, path, payload)
		w.learn(generation, r.header, time.Now())

		next := r.decide()
		if next == giveUp && route != routeEdit {
			next = refuse
		}
		problem := r.problem(what, c.session.Token)
		switch next {
		case accept, giveUp:
			c.health.good()
			return r, nil
		case refuse:
			c.health.good()
			return nil, flows.Permanent(problem)
		case fixBot, fixRoom:
			return nil, c.stop(r, problem)
		case slowDown:
			wait, global := r.slow()
			w.slowDown(wait, global)
			if wait > patience || try > tries {
				c.health.bad("rate limited", slog.LevelWarn, "discord_rate_limited", "wait", wait, "global", global)
				return nil, flows.Unavailable("discord", problem, wait)
			}
		case again:
			if ctx.Err() == nil && try < tries && pause(ctx, try) == nil {
				continue
			}
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, fmt.Errorf("%s: %w", what, ctx.Err())
			}
			c.health.bad("unreachable", slog.LevelWarn, "discord_unreachable", "error", problem)
			return nil, flows.Unavailable("discord", problem, 0)
		}
	}
}

// pause waits before the next try, longer each time and never twice the same.
func pause(ctx context.Context, try int) error {
	d := 200 * time.Millisecond << (2 * (try - 1))
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notSent is the end of a request that found no place in its window. Waiting
// in vain is nobody's failure: the message is parked, except when the work was
// interrupted.
func (c *client) notSent(ctx context.Context, what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	var wait time.Duration
	if busy, ok := errors.AsType[*busyError](err); ok {
		wait = busy.wait
	}
	return flows.Unavailable("discord", err, wait)
}

// stop keeps requests from being sent that can only be refused: Discord bans
// who sends too many of them.
func (c *client) stop(r *reply, problem error) error {
	err := fmt.Errorf("%s (%w)", r.advice(), problem)
	global := r.decide() == fixBot
	c.creates.stop(operatorWait, global, err)
	c.edits.stop(operatorWait, global, err)
	c.health.bad(r.advice(), slog.LevelError, "discord_refused", "todo", r.advice(), "error", problem, "retry_in", operatorWait)
	return flows.Unavailable("discord", err, operatorWait)
}

// send makes one HTTP request. The reply is always there.
func (c *client) send(ctx context.Context, route, method, path string, payload []byte) *reply {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	r := &reply{}
	// A bucket of its own for each request does not hold up another one.
	bucket := discordgo.NewRatelimiter().LockBucket("")
	_, err := c.session.RequestWithLockedBucket(method, c.channel+path, "application/json", payload, bucket, 0,
		discordgo.WithContext(context.WithValue(ctx, replyKey{}, r)))
	status := "error"
	if r.status == 0 {
		r.err = err
	} else {
		status = strconv.Itoa(r.status)
	}
	requests.WithLabelValues(route, status).Inc()
	return r
}

// check asks Discord for the channel, which needs token and channel to be right.
func (c *client) check(ctx context.Context) error {
	r := c.send(ctx, routeCheck, http.MethodGet, "", nil)
	if r.decide() == accept {
		return nil
	}
	problem := r.problem("get channel", c.session.Token)
	if a := r.decide(); a == fixBot || a == fixRoom {
		return fmt.Errorf("%s (%w)", r.advice(), problem)
	}
	return problem
}

type replyKey struct{}

// recorder hands the reply to [client.send], whole and before discordgo has made
// something of it, and hides the rate limit from discordgo.
type recorder struct{ next http.RoundTripper }

func (t recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxReply {
		return nil, fmt.Errorf("read answer: longer than %d bytes", maxReply)
	}
	if r, ok := req.Context().Value(replyKey{}).(*reply); ok {
		r.status, r.header, r.body = resp.StatusCode, resp.Header, body
		r.code = errorCode(resp.StatusCode, body)
	}
	resp.Header = http.Header{"Content-Type": resp.Header["Content-Type"]}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func errorCode(status int, body []byte) int {
	var told struct {
		Code int `json:"code"`
	}
	if status < 400 || json.Unmarshal(body, &told) != nil {
		return 0
	}
	return told.Code
}
