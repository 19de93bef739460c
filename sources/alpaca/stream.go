package alpaca

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"golang.org/x/sync/errgroup"

	"catalyst/flows"
	"catalyst/internal/fetch"
	"catalyst/internal/intake"
)

const (
	firstPause = time.Second
	longest    = 5 * time.Minute // pause between connections
	standBy    = 30 * time.Second
	pingEvery  = 20 * time.Second
	maxFrame   = 8 << 20
)

// A frame is one of the messages that the server sends in a list: an article ("n"), an
// answer, or an error.
type frame struct {
	Type string `json:"T"`
	Msg  string `json:"msg"`
	Code int    `json:"code"`
	article
}

// A refusal is an error that the server tells.
type refusal struct {
	code int
	msg  string
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("the server refuses: %d %.100s", r.code, r.msg)
	switch r.code {
	case 401, 402, 404:
		return text + "; check ALPACA_KEY and ALPACA_SECRET"
	case 409:
		return text + "; the account's plan does not have the stream of news"
	}
	return text
}

// inUse reports whether another connection of the account is listening already.
func inUse(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == 406
}

// Run listens until ctx ends, again and again.
func (s *source) Run(ctx context.Context, publish flows.Publish) error {
	s.recall(ctx)
	for failures := 0; ; {
		began := time.Now()
		err := s.listen(ctx, publish)
		s.note(context.WithoutCancel(ctx), 0)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > longest {
			failures = 0
		}
		failures++
		wait := fetch.Backoff(failures, s.pause, longest)
		var refused *refusal
		switch {
		case inUse(err):
			s.Answered() // it is told by the process that listens
			s.turn("stands_by", err)
			failures, wait = 0, standBy
		case errors.As(err, &refused):
			wait = max(wait, standBy)
			fallthrough
		default:
			s.Failed(err)
			s.turn("outage", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// turn logs a change of state, and nothing while it stays the same.
func (s *source) turn(state string, err error) {
	if state == s.state {
		return
	}
	switch before := s.state; {
	case state == "stands_by":
		s.log.Info("source_stands_by", "reason", "another connection of the account is listening")
	case err != nil:
		s.log.Warn("feed_outage", "error", err)
	case before != "":
		s.log.Info("feed_recovery")
	}
	s.state = state
}

// listen connects and publishes what comes until the connection ends; the error says why.
func (s *source) listen(ctx context.Context, publish flows.Publish) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	s.Answered()
	s.turn("ok", nil)
	s.begin()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.read(ctx, conn, publish) })
	group.Go(func() error { return s.ping(ctx, conn) })
	group.Go(func() error { return s.catchUp(ctx, publish) })
	return group.Wait()
}

// connect opens the stream, shows the key and subscribes.
func (s *source) connect(ctx context.Context) (conn *websocket.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	conn, _, err = websocket.Dial(ctx, s.config.StreamURL, &websocket.DialOptions{HTTPClient: &http.Client{
		// The key goes to the address configured and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn.SetReadLimit(maxFrame)
	steps := []struct {
		say   any
		await string
	}{
		{nil, "connected"},
		{map[string]any{"action": "auth", "key": s.config.Key.Reveal(), "secret": s.config.Secret.Reveal()}, "authenticated"},
		{map[string]any{"action": "subscribe", "news": s.config.Symbols}, "subscription"},
	}
	for _, step := range steps {
		if step.say != nil {
			if err = wsjson.Write(ctx, conn, step.say); err != nil {
				break
			}
		}
		if err = await(ctx, conn, step.await); err != nil {
			break
		}
	}
	if err != nil {
		conn.CloseNow()
		return nil, fmt.Errorf("open the stream: %w", err)
	}
	return conn, nil
}

// await reads one list and expects it to say word.
func await(ctx context.Context, conn *websocket.Conn, word string) error {
	frames, err := next(ctx, conn)
	if err != nil {
		return err
	}
	for _, f := range frames {
		if f.Msg == word || f.Type == word {
			return nil
		}
	}
	return fmt.Errorf("the server does not say %q", word)
}

// next reads one list of frames. An error among them is returned as one.
func next(ctx context.Context, conn *websocket.Conn) ([]frame, error) {
	_, data, err := conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	return decode(data)
}

// decode reads a list of frames; one that is no frame is none.
func decode(data []byte) ([]frame, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, intake.Malformed(fmt.Errorf("read frames: %w", err))
	}
	frames := make([]frame, 0, len(raw))
	for _, r := range raw {
		var f frame
		if json.Unmarshal(r, &f) != nil {
			f = frame{Type: "n"} // an article without anything: it is counted as rejected
		}
		if f.Type == "error" {
			return frames, &refusal{f.Code, f.Msg}
		}
		frames = append(frames, f)
	}
	return frames, nil
}

// read publishes what comes.
func (s *source) read(ctx context.Context, conn *websocket.Conn, publish flows.Publish) error {
	for {
		frames, err := next(ctx, conn)
		var articles []article
		for _, f := range frames {
			if f.Type == "n" {
				articles = append(articles, f.article)
			}
		}
		if err := s.take(ctx, publish, articles); err != nil {
			return err
		}
		s.reached(articles)
		s.note(ctx, noteEvery)
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		s.Answered()
	}
}

// ping notices a connection that is dead without having ended.
func (s *source) ping(ctx context.Context, conn *websocket.Conn) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pingEvery):
		}
		pong, cancel := context.WithTimeout(ctx, s.config.Timeout)
		err := conn.Ping(pong)
		cancel()
		if err != nil {
			return fmt.Errorf("no sign of life: %w", err)
		}
		s.Answered()
	}
}
