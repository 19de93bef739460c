package operator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"catalyst/internal/alert"
)

// Discord posts notices to a channel. It is used by one goroutine.
type Discord struct {
	url    string
	token  string
	client *http.Client
	until  time.Time // no request before
}

// NewDiscord returns a poster for the channel of c.
func NewDiscord(c Config, transport http.RoundTripper) *Discord {
	return &Discord{
		url:   strings.TrimRight(c.BaseURL, "/") + "/api/v10/channels/" + c.Channel + "/messages",
		token: strings.TrimPrefix(strings.TrimSpace(c.Token.Reveal()), "Bot "),
		client: &http.Client{
			Transport: transport,
			// The token goes to the address configured and nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

type (
	createBody struct {
		Embeds          []embed  `json:"embeds"`
		AllowedMentions mentions `json:"allowed_mentions"`
		Nonce           string   `json:"nonce"`
		EnforceNonce    bool     `json:"enforce_nonce"`
	}
	mentions struct {
		Parse []string `json:"parse"`
	}
	embed struct {
		Title       string       `json:"title"`
		Description string       `json:"description,omitempty"`
		Color       int          `json:"color"`
		Fields      []embedField `json:"fields,omitempty"`
		Footer      *embedFooter `json:"footer,omitempty"`
		Timestamp   string       `json:"timestamp,omitempty"`
	}
	embedField struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Inline bool   `json:"inline"`
	}
	embedFooter struct {
		Text string `json:"text"`
	}
)

var colors = map[Level]int{Info: 0x5865F2, Good: 0x00FF00, Warning: 0xFFA500, Critical: 0xFF0000}

// Parts of an embed, far below Discord's limits: a notice is to be read at a glance.
// Together they stay below 6,000 characters.
const (
	maxTitle  = 200
	maxText   = 1500
	maxTodo   = 500
	maxValue  = 250
	maxFields = 14
	maxFrom   = 200
)

// render makes the embed of a notice. Errors that others wrote are in it, so all text
// is cleaned and escaped.
func render(n Notice) embed {
	text := func(s string, limit int) string { return alert.Markdown(alert.Clean(s), limit) }
	e := embed{Title: text(n.Title, maxTitle), Color: colors[n.Level], Timestamp: n.At.UTC().Format(time.RFC3339)}
	var lines []string
	if s := text(n.Text, maxText); s != "" {
		lines = append(lines, s)
	}
	if !n.Since.IsZero() {
		lines = append(lines, fmt.Sprintf("Since <t:%d:f>, <t:%[1]d:R>.", n.Since.Unix()))
	}
	if s := text(n.Todo, maxTodo); s != "" {
		lines = append(lines, "**Next:** "+s)
	}
	e.Description = strings.Join(lines, "\n")
	for _, f := range n.Fields[:min(len(n.Fields), maxFields)] {
		if value := text(f.Value, maxValue); value != "" {
			e.Fields = append(e.Fields, embedField{text(f.Name, maxTitle), value, true})
		}
	}
	if from := alert.Cut(alert.Clean(n.From), maxFrom); from != "" {
		e.Footer = &embedFooter{from}
	}
	return e
}

// Post posts n, or finds that it was posted: Discord remembers its nonce for some
// minutes.
func (d *Discord) Post(ctx context.Context, n Notice) error {
	if err := d.wait(ctx); err != nil {
		return err
	}
	body, err := json.Marshal(createBody{
		Embeds: []embed{render(n)}, AllowedMentions: mentions{Parse: []string{}},
		Nonce: nonce(d.url, n.ID), EnforceNonce: true,
	})
	if err != nil {
		return &PostError{Refused: true, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return &PostError{Wait: operatorWait, Todo: adviceAddress, Err: errors.New("the address is no URL")}
	}
	req.Header.Set("Authorization", "Bot "+d.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "DiscordBot (catalyst-pipeline, 1)")
	answer, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("post notice: %w", withoutAddress(err))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	d.learn(answer.Header)
	if err != nil {
		return fmt.Errorf("post notice: read answer: %w", err)
	}
	return d.judge(answer, text)
}

const (
	maxAnswer    = 1 << 20
	maxWait      = time.Hour
	operatorWait = 5 * time.Minute // before looking whether somebody has acted

	adviceToken   = "the bot's token was refused: set operator.token to the token on the Bot page of the application"
	adviceChannel = "the operator's channel is not open to the bot: set operator.channel to its id, and allow the bot View Channel, Send Messages and Embed Links there"
	adviceAddress = "this is no answer of Discord's API: check operator.base_url"
)

// judge says what an answer means.
func (d *Discord) judge(answer *http.Response, body []byte) error {
	var told struct {
		ID         string      `json:"id"`
		Code       int         `json:"code"`
		RetryAfter json.Number `json:"retry_after"`
	}
	isJSON := json.Unmarshal(body, &told) == nil
	problem := fmt.Errorf("post notice: HTTP %d: %s", answer.StatusCode, d.quote(body))
	switch status := answer.StatusCode; {
	case status >= 200 && status < 300:
		if !isJSON || told.ID == "" {
			return problem // whatever was posted, the nonce will find it
		}
		return nil
	case status == http.StatusTooManyRequests:
		wait := max(seconds(told.RetryAfter.String()), seconds(answer.Header.Get("Retry-After")))
		if wait == 0 {
			wait = 5 * time.Second
		}
		d.hold(wait)
		return &PostError{Wait: wait, Err: problem}
	case status >= 500 || status == http.StatusRequestTimeout:
		return problem
	case told.Code == 50035, told.Code == 50006, told.Code == 200000, told.Code == 240000, status == http.StatusRequestEntityTooLarge:
		return &PostError{Refused: true, Err: problem}
	case status == http.StatusUnauthorized:
		return &PostError{Wait: operatorWait, Todo: adviceToken, Err: problem}
	case told.Code != 0:
		return &PostError{Wait: operatorWait, Todo: adviceChannel, Err: problem}
	}
	return &PostError{Wait: operatorWait, Todo: adviceAddress, Err: problem}
}

// quote shows an answer, without the token even if that is in it.
func (d *Discord) quote(body []byte) string {
	text := string(body)
	if d.token != "" {
		text = strings.ReplaceAll(text, d.token, "[secret]")
	}
	return alert.Cut(alert.Clean(text), 300)
}

// wait waits until Discord wants to hear of us again.
func (d *Discord) wait(ctx context.Context) error {
	left := time.Until(d.until)
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &PostError{Wait: time.Until(d.until), Err: fmt.Errorf("post notice: Discord asks to wait: %w", ctx.Err())}
	}
}

// learn heeds a bucket that is used up.
func (d *Discord) learn(h http.Header) {
	if h.Get("X-RateLimit-Remaining") == "0" {
		d.hold(seconds(h.Get("X-RateLimit-Reset-After")))
	}
}

func (d *Discord) hold(wait time.Duration) {
	if until := time.Now().Add(min(wait, maxWait)); until.After(d.until) {
		d.until = until
	}
}

// seconds reads a number of seconds, rounded up to milliseconds; 0 for what is none.
func seconds(s string) time.Duration {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0) {
		return 0
	}
	return time.Duration(min(n, maxWait.Seconds())*1000+1) * time.Millisecond
}

// nonce has the 25 characters that Discord allows.
func nonce(url, id string) string {
	sum := sha256.Sum256([]byte("operator " + url + " " + id))
	return hex.EncodeToString(sum[:])[:25]
}

// withoutAddress takes off the layer in which net/http quotes the URL.
func withoutAddress(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
