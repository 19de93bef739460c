// Package webhook is the source that takes items over HTTP: one, an array, or JSON
// lines in the body of a POST.
//
// 202 means that every item of the request is durable in the first topic; the answer has
// their message IDs. After 503 some may be, and sending all of them again is right: the
// dedupe stage knows those. A request with one bad item is refused as a whole.
//
// It speaks plain HTTP. Beyond this machine it needs a token, and a proxy in front that
// speaks TLS.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"catalyst/flows"
	"catalyst/internal/config"
)

// Config is what pipeline.yaml says about the server.
type Config struct {
	Listen  string        `yaml:"listen" doc:"address and port to listen on; other machines can reach it only if it is not loopback, and then it needs a token"`
	Path    string        `yaml:"path" doc:"path that items are posted to"`
	Token   config.Secret `yaml:"token" doc:"callers must send it, as Authorization: Bearer or X-Token"`
	MaxSize config.Size   `yaml:"max_size" doc:"longest body of a request"`
	Timeout time.Duration `yaml:"timeout" doc:"how long a request may wait for the first topic before it is answered 503; also the time a caller has to send it"`
}

// Defaults are the values of what pipeline.yaml leaves out.
var Defaults = Config{
	Listen:  "127.0.0.1:8081",
	Path:    "/items",
	MaxSize: 1 << 20,
	Timeout: 5 * time.Second,
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	host, _, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil:
		faults = append(faults, config.At("listen", "%q: want address and port, as 127.0.0.1:8081", c.Listen))
	case c.Token == "" && !loopback(host):
		faults = append(faults, config.At("token", "is needed to listen on %q, where other machines can post: set it, or listen on 127.0.0.1", c.Listen))
	}
	if !strings.HasPrefix(c.Path, "/") {
		faults = append(faults, config.At("path", "%q: want a path that begins with /", c.Path))
	}
	if c.MaxSize <= 0 {
		faults = append(faults, config.At("max_size", "%v: want more than 0", c.MaxSize))
	}
	if c.Timeout <= 0 {
		faults = append(faults, config.At("timeout", "%v: want more than 0s", c.Timeout))
	}
	return errors.Join(faults...)
}

func loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Kind is the webhook source.
func Kind() flows.SourceKind {
	return flows.NewKind(flows.SourceKind{
		Name:    "webhook",
		Doc:     "takes items posted over HTTP",
		Example: `- webhook: {listen: "127.0.0.1:8081", path: /items}`,
	}, Defaults, build)
}

func build(b *flows.Build, c Config) (flows.Source, error) {
	return &source{config: c, name: b.Name, log: b.Logger}, nil
}

type source struct {
	config   Config
	name     string
	log      *slog.Logger
	listener net.Listener
}

// Start takes the port, so that one that is taken stops the program before
// anything has begun.
func (s *source) Start(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("webhook: %w; is another pipeline running? listen chooses the port", err)
	}
	s.listener = l
	s.log.Info("webhook_listening", "address", l.Addr().String(), "path", s.config.Path)
	return nil
}

// Close gives the port back if Run has not.
func (s *source) Close() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Run serves until ctx ends, and then answers the requests in hand.
func (s *source) Run(ctx context.Context, publish flows.Publish) error {
	if s.listener == nil {
		if err := s.Start(ctx); err != nil {
			return err
		}
	}
	server := &http.Server{
		Handler:           newHandler(s, publish),
		ReadHeaderTimeout: s.config.Timeout,
		ReadTimeout:       s.config.Timeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // mistakes of callers
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("webhook: %w", err)
	case <-ctx.Done():
	}
	// What was read is published or refused within the timeout; reading takes as long at most.
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*s.config.Timeout)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		server.Close()
	}
	<-served
	return nil
}
