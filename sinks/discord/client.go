package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"catalyst/internal/config"
)

const maxReply = 1 << 20

// client sends requests through discordgo, around its limiter and retries: those
// hold one request in flight per channel, sleep through a cancelled context and know
// neither global limits nor HTML answers.
type client struct {
	session *discordgo.Session
	timeout time.Duration
	secrets []string // never to be shown
}

func newClient(c Config, transport http.RoundTripper) (*client, error) {
	session, err := discordgo.New(bearer(c.Token))
	if err != nil {
		return nil, fmt.Errorf("make discord session: %w", err)
	}
	session.ShouldRetryOnRateLimit = false
	session.MaxRestRetries = 0
	session.LogLevel = -1 // it would write to standard error
	session.Client = &http.Client{
		Transport: recorder{transport},
		// The token goes to the address configured and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	made := &client{session: session, timeout: c.RequestTimeout}
	if token := strings.TrimPrefix(session.Token, "Bot "); token != "" {
		made.secrets = append(made.secrets, token)
	}
	if m := webhookURL.FindStringSubmatch(c.Webhook.Reveal()); m != nil {
		made.secrets = append(made.secrets, m[3])
	}
	return made, nil
}

func bearer(token config.Secret) string {
	if token == "" {
		return "" // a webhook authorizes by its address
	}
	return "Bot " + strings.TrimPrefix(strings.TrimSpace(token.Reveal()), "Bot ")
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
		Nonce           string                    `json:"nonce,omitempty"`
		EnforceNonce    bool                      `json:"enforce_nonce,omitempty"`
		Reference       *reference                `json:"message_reference,omitempty"`
	}
	editBody struct {
		Embeds          []*discordgo.MessageEmbed `json:"embeds"`
		AllowedMentions mentions                  `json:"allowed_mentions"`
	}
	mentions struct {
		Parse []string `json:"parse"`
	}
	reference struct {
		MessageID       string `json:"message_id"`
		FailIfNotExists bool   `json:"fail_if_not_exists"`
	}
)

// nobody is who may be pinged. An edit without it would fall back to everybody.
var nobody = mentions{Parse: []string{}}

// send makes one HTTP request. The reply is always there.
func (c *client) send(ctx context.Context, route, method, url string, body any) *reply {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return &reply{status: http.StatusBadRequest, body: []byte(err.Error())}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	r := &reply{}
	// A bucket of its own for each request does not hold up another one.
	bucket := discordgo.NewRatelimiter().LockBucket("")
	_, err := c.session.RequestWithLockedBucket(method, url, "application/json", payload, bucket, 0,
		discordgo.WithContext(context.WithValue(ctx, replyKey{}, r)))
	status := "error"
	if r.status == 0 {
		r.err = withoutURL(err)
	} else {
		status = strconv.Itoa(r.status)
	}
	requests.WithLabelValues(route, status).Inc()
	return r
}

// withoutURL takes the address out of an error of net/http: a webhook's is secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// check asks Discord for a place, which needs token and channel to be right.
func (c *client) check(ctx context.Context, p place) error { return c.get(ctx, p.url, nil) }

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

// transport returns what requests travel on. A burst has as many of them under way as its window
// allows, and a connection that is not kept is made anew for the next: Go keeps two.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = t.MaxIdleConns
	return t
}
