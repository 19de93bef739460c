package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.yaml.in/yaml/v3"

	"catalyst/flows"
	"catalyst/internal/broker"
	"catalyst/internal/broker/embedded"
	redisbroker "catalyst/internal/broker/redis"
	"catalyst/internal/config"
	"catalyst/internal/llm"
	"catalyst/internal/operator"
	"catalyst/internal/replay"
	"catalyst/internal/sqlite"
	"catalyst/internal/store"
	"catalyst/internal/store/postgres"
	redisstore "catalyst/internal/store/redis"
	sqlitestore "catalyst/internal/store/sqlite"
)

// openTimeout bounds how long the start waits for a server.
const openTimeout = 10 * time.Second

// resources opens what the components of a plan need, when they first need it, and
// each once. Stories, ledger, embeddings, meters and notes live beside the broker, so
// that processes that share topics share these too; answers and costs live in the store.
type resources struct {
	app       *app
	plan      *flows.Plan
	log       *slog.Logger
	http      httpConfig
	providers []flows.Spec[llm.Provider]

	broker  lazy[broker.Broker]
	foreign lazy[broker.Broker]
	beside  lazy[beside]
	records lazy[records]

	models models
	told   operator.Config // how the operator is told
	runs   bool            // this process runs the pipeline: it may post to the operator

	// Of a replay; nil otherwise.
	clock func() time.Time                          // of stores in files, limits and budgets
	calls *replay.Calls                             // the book of costs
	lost  func(what string) error                   // the fault of a connection that a script has cut
	pages atomic.Int64                              // what the operator would have been told to mend
	waits func(context.Context, time.Duration) bool // before a model is asked again

	tape *tape // records what models answer; nil where nobody wants that

	mu     sync.Mutex
	known  map[string]model
	client *http.Client
}

// A lazy resource is opened when it is first needed, and where that failed, when it
// is needed again. Each has a lock of its own: a server that does not answer holds
// up those who need it, and nobody else.
type lazy[T any] struct {
	mu     sync.Mutex
	value  T
	closer func() error // nil while it is not open
}

func (l *lazy[T]) get(open func(context.Context) (T, func() error, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closer != nil {
		return l.value, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	value, closer, err := open(ctx)
	if err != nil {
		var none T
		return none, err
	}
	l.value, l.closer = value, closer
	return value, nil
}

// peek returns the resource if it is open.
func (l *lazy[T]) peek() (value T, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.closer != nil
}

// close closes what is open. A second call does nothing.
func (l *lazy[T]) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closer == nil {
		return nil
	}
	closer := l.closer
	l.closer = nil
	return closer()
}

// beside is what lives beside the broker.
type beside interface {
	store.Stories
	store.Ledger
	store.Embeddings
	store.Meters
	store.Notes
}

// records is what lives in the store.
type records interface {
	store.Answers
	store.Costs
}

type httpClient = func() *http.Client

type model struct {
	provider llm.Provider
	err      error
}

func (r *resources) readHTTP(reader *config.Reader, value *yaml.Node) []string {
	r.http = defaultHTTP
	reader.Decode("http", value, value, &r.http)
	return nil
}

func (r *resources) readProviders(reader *config.Reader, value *yaml.Node) (names []string) {
	r.providers = flows.ReadList(reader, "providers", "provider", value, providerKinds(r.Client))
	for _, p := range r.providers {
		names = append(names, p.Name)
	}
	return names
}

// close closes what was opened. A second call does nothing.
func (r *resources) close() error {
	return errors.Join(r.closeProviders(), r.models.close(), r.records.close(), r.beside.close(), r.foreign.close(), r.broker.close())
}

// Broker returns the plan's broker.
func (r *resources) Broker() (broker.Broker, error) {
	return r.broker.get(func(ctx context.Context) (broker.Broker, func() error, error) {
		path, ok := strings.CutPrefix(r.plan.Broker, "sqlite://")
		if !ok {
			return r.openRedis(ctx, redisbroker.Options{})
		}
		if err := r.migrateFile(ctx, path); err != nil {
			return nil, nil, fmt.Errorf("open broker: %w", err)
		}
		b, err := embedded.Open(ctx, path, embedded.Options{Name: r.plan.Name, Logger: r.log})
		if err != nil {
			return nil, nil, fmt.Errorf("open broker: %w", err)
		}
		return b, b.Close, nil
	})
}

// Foreign returns a broker on the same server for topics that belong to others:
// it deletes nothing from them.
func (r *resources) Foreign() (broker.Broker, error) {
	if !strings.HasPrefix(r.plan.Broker, "redis") {
		return r.Broker() // a file is the pipeline's own
	}
	return r.foreign.get(func(ctx context.Context) (broker.Broker, func() error, error) {
		return r.openRedis(ctx, redisbroker.Options{KeepAcked: true})
	})
}

func (r *resources) openRedis(ctx context.Context, o redisbroker.Options) (broker.Broker, func() error, error) {
	o.Name, o.Logger = r.plan.Name, r.log
	b, err := redisbroker.Open(ctx, r.plan.Broker, o)
	if err != nil {
		return nil, nil, fmt.Errorf("open broker: %w", err)
	}
	return b, b.Close, nil
}

// besideBroker opens what lives beside the broker.
func (r *resources) besideBroker() (beside, error) {
	return r.beside.get(func(ctx context.Context) (beside, func() error, error) {
		if path, ok := strings.CutPrefix(r.plan.Broker, "sqlite://"); ok {
			s, err := r.openFile(ctx, path)
			if err != nil {
				return nil, nil, err
			}
			return r.lossyBeside(s), s.Close, nil
		}
		s, err := redisstore.Open(r.plan.Broker, r.plan.Name)
		if err != nil {
			return nil, nil, fmt.Errorf("open stories and ledger: %w", err)
		}
		return s, s.Close, nil
	})
}

func (r *resources) Stories() (store.Stories, error)       { return r.besideBroker() }
func (r *resources) Ledger() (store.Ledger, error)         { return r.besideBroker() }
func (r *resources) Embeddings() (store.Embeddings, error) { return r.besideBroker() }
func (r *resources) Meters() (store.Meters, error)         { return r.besideBroker() }
func (r *resources) Notes() (store.Notes, error)           { return r.besideBroker() }

// inStore opens answers and costs.
func (r *resources) inStore() (records, error) {
	return r.records.get(func(ctx context.Context) (records, func() error, error) {
		if path, ok := strings.CutPrefix(r.plan.Store, "sqlite://"); ok {
			s, err := r.openFile(ctx, path)
			if err != nil {
				return nil, nil, err
			}
			return r.lossyRecords(s), s.Close, nil
		}
		if r.plan.Engine.Migrate {
			if _, err := postgres.Migrate(ctx, r.plan.Store); err != nil {
				return nil, nil, err
			}
		}
		s, err := postgres.Open(ctx, r.plan.Store, r.plan.Name)
		if err != nil {
			return nil, nil, fmt.Errorf("open store: %w", err)
		}
		return s, func() error { s.Close(); return nil }, nil
	})
}

func (r *resources) Answers() (store.Answers, error) { return r.inStore() }

// Costs returns the book of calls to models.
func (r *resources) Costs() (store.Costs, error) {
	if r.calls != nil {
		return r.calls, nil
	}
	return r.inStore()
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// openFile opens the embedded store, up to date.
func (r *resources) openFile(ctx context.Context, path string) (*sqlitestore.Store, error) {
	if err := r.migrateFile(ctx, path); err != nil {
		return nil, err
	}
	s, err := sqlitestore.Open(ctx, path, r.plan.Name)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if r.clock != nil {
		s.SetClock(r.clock)
	}
	return s, nil
}

// migrateFile brings an embedded file up to date, or checks that it is.
func (r *resources) migrateFile(ctx context.Context, path string) error {
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	if r.plan.Engine.Migrate {
		_, err = sqlite.Migrate(ctx, db)
		return err
	}
	return sqlite.Check(ctx, db)
}

// migrate brings every database of the plan up to date and returns the addresses
// of those that are.
func (r *resources) migrate(ctx context.Context) (done []string, err error) {
	r.plan.Engine.Migrate = true
	for _, url := range slices.Compact([]string{r.plan.Broker, r.plan.Store}) {
		if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
			err = r.migrateFile(ctx, path)
		} else if isPostgres(url) {
			_, err = postgres.Migrate(ctx, url)
		} else {
			continue // Redis has no schema
		}
		if err != nil {
			return done, err
		}
		done = append(done, config.RedactURL(url))
	}
	return done, nil
}

// Quarantine brings what cannot become an item to the poison topic.
func (r *resources) Quarantine(ctx context.Context, topic string, m *message.Message, reason error) error {
	b, err := r.Broker()
	if err != nil {
		return err
	}
	return flows.Quarantine(b.Publisher(), r.plan.Poison, r.log)(ctx, topic, m, reason)
}

// Client returns the HTTP client that all providers share.
func (r *resources) Client() *http.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client == nil {
		r.client = llm.NewHTTPClient()
	}
	return r.client
}

// Provider returns the provider with this name in pipeline.yaml.
func (r *resources) Provider(name string) (llm.Provider, error) {
	r.mu.Lock()
	m, known := r.known[name]
	r.mu.Unlock()
	if known {
		return m.provider, m.err
	}
	i := slices.IndexFunc(r.providers, func(s flows.Spec[llm.Provider]) bool { return s.Name == name })
	switch {
	case i < 0:
		return nil, fmt.Errorf("providers has no %q", name)
	case !r.providers[i].Enabled():
		m.err = &llm.NotConfiguredError{Provider: name, Reason: "it is disabled"}
	default:
		spec := r.providers[i]
		m.provider, m.err = spec.Kind.New(&flows.Build{
			Pipeline: r.plan.Name, Name: name, Logger: r.log.With("component", name),
		}, spec.Config)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = make(map[string]model)
	}
	r.known[name] = m
	return m.provider, m.err
}
