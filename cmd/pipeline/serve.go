package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"catalyst/flows"
	"catalyst/internal/metrics"
)

// httpConfig is the `http` section of pipeline.yaml.
type httpConfig struct {
	Listen string `yaml:"listen,short" doc:"address of /healthz, /readyz and /metrics; off for none"`
}

var defaultHTTP = httpConfig{Listen: "127.0.0.1:8080"}

// serve answers for health and metrics until ctx ends. An address that is taken
// is no reason not to trade: it is logged, and the pipeline runs without. What is
// told of errors passes through redact.
func serve(ctx context.Context, cfg httpConfig, e *flows.Engine, log *slog.Logger, redact func(string) string) (stop func()) {
	if cfg.Listen == "" || cfg.Listen == "off" {
		return func() {}
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		log.Warn("http_unavailable", "listen", cfg.Listen, "error", err)
		return func() {}
	}
	server := &http.Server{Handler: health(e, redact), ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("http_failed", "error", err)
		}
	}()
	log.Info("http_listening", "address", listener.Addr().String())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		server.Shutdown(ctx)
		<-done
	}
}

// health answers /healthz (the process lives), /readyz (and everything it depends
// on answers), /sources (how they fare) and /metrics.
func health(e *flows.Engine, redact func(string) string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		answer := readiness(ctx, e, redact)
		w.Header().Set("Content-Type", "application/json")
		if !answer.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		json.NewEncoder(w).Encode(answer)
	})
	mux.HandleFunc("GET /sources", func(w http.ResponseWriter, _ *http.Request) {
		states := map[string]sourceState{}
		for name, h := range e.Health() {
			states[name] = stateOf(h, redact)
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(states)
	})
	mux.Handle("GET /metrics", metrics.Handler())
	return mux
}

type readyAnswer struct {
	Ready  bool              `json:"ready"`
	Faults map[string]string `json:"faults,omitempty"` // by component
	Paused map[string]string `json:"paused,omitempty"` // by topic
}

func readiness(ctx context.Context, e *flows.Engine, redact func(string) string) readyAnswer {
	a := readyAnswer{Faults: map[string]string{}, Paused: map[string]string{}}
	for name, err := range e.Check(ctx) {
		a.Faults[name] = redact(err.Error())
	}
	for topic, o := range e.Outages() {
		a.Paused[topic] = o.Dependency + " since " + o.Since.UTC().Format(time.RFC3339) + ": " + redact(o.Err.Error())
	}
	a.Ready = len(a.Faults) == 0 && len(a.Paused) == 0
	return a
}
