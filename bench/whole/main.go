// Whole measures the whole work of the default pipeline, from a full first stream to a
// verdict in every alert, done by several programs in turns: pipeline itself, a program
// written by hand, and Bento. Redis and PostgreSQL with pgvector are real; Discord and the
// model are one more process and answer at once.
//
// It needs REDIS_URL and DATABASE_URL, and is run in the repository's root:
//
//	go run ./bench/whole
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"catalyst/bench/contest"
	"catalyst/bench/whole/fakes"
	"catalyst/bench/whole/hand"
)

func main() {
	as := flag.String("as", "", "be a process of the contest: hand or fakes")
	place := stand{}
	flag.StringVar(&place.redis, "redis", os.Getenv("REDIS_URL"), "address of Redis")
	flag.StringVar(&place.database, "database", os.Getenv("DATABASE_URL"), "address of PostgreSQL")
	flag.StringVar(&place.prefix, "prefix", "", "of hand: begins its streams and keys")
	flag.StringVar(&place.fakes, "fakes", "", "of hand and fakes: the address of Discord and the model")
	w := whole{}
	flag.IntVar(&w.n, "n", 20_000, "items in the stream")
	flag.IntVar(&w.rounds, "rounds", 5, "how often each is measured")
	flag.StringVar(&w.built, "pipeline", "", "programs to measure instead of building one, as old,new: two versions can be compared")
	flag.StringVar(&w.only, "only", "", "contestants to measure, as pipeline,hand; empty is all")
	flag.StringVar(&w.profile, "profile", "", "write CPU profiles of hand to this folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch *as {
	case "":
		w.redis, w.database = place.redis, place.database
		err = w.run(ctx)
	case "hand":
		err = byHand(ctx, place, w.profile)
	case "fakes":
		err = serve(ctx, place.fakes)
	default:
		err = fmt.Errorf("-as %s is none of hand, fakes", *as)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve is Discord and the model.
func serve(ctx context.Context, address string) error {
	server := &http.Server{Addr: strings.TrimPrefix(address, "http://"), Handler: new(fakes.Server)}
	go func() { <-ctx.Done(); server.Close() }()
	return server.ListenAndServe()
}

// byHand is the program written by hand.
func byHand(ctx context.Context, s stand, profile string) error {
	c := hand.Tuned
	c.Redis, c.Database, c.Model, c.Discord = s.redis, s.database, s.fakes, s.fakes
	c.Prefix, c.Raw, c.Analyse = s.prefix, s.raw(), s.analyse()
	p, err := hand.Open(ctx, c)
	if err != nil {
		return err
	}
	defer p.Close()
	return profiled(profile, func() error { return p.Run(ctx) })
}

// A whole is the whole contest.
type whole struct {
	redis, database string
	n, rounds       int
	only, built     string
	profile         string

	client  *redis.Client
	db      *pgx.Conn
	folder  string
	fakes   string
	input   input
	results contest.Results
}

// A contestant is started where there is work for it.
type contestant struct {
	name  string
	group string // that reads the streams; empty is the prefix
	start func(context.Context, stand) (*contest.Process, error)
}

func (w *whole) run(ctx context.Context) (err error) {
	options, err := redis.ParseURL(w.redis)
	if err != nil {
		return errors.New("REDIS_URL must be the address of a Redis server: redis://…")
	}
	w.client = redis.NewClient(options)
	defer w.client.Close()
	if w.db, err = pgx.Connect(ctx, w.database); err != nil {
		return errors.New("DATABASE_URL must be the address of a PostgreSQL server with pgvector that answers: postgres://…")
	}
	defer w.db.Close(context.Background())
	if w.folder, err = os.MkdirTemp("", "bench-whole-"); err != nil {
		return err
	}
	defer os.RemoveAll(w.folder)
	if w.input, err = newInput(w.n); err != nil {
		return err
	}
	end, err := w.startFakes(ctx)
	if err != nil {
		return err
	}
	defer end()
	contestants, err := w.contestants(ctx)
	if err != nil {
		return err
	}
	for round := range w.rounds {
		for _, c := range contestants {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, w.rounds, c.name)
			if err := w.one(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	fmt.Printf("the whole pipeline, %d items of which %d are alerts, %d interleaved rounds, %d cores\n\n",
		w.n, len(w.input.alerts), w.rounds, runtime.NumCPU())
	return w.results.Print(os.Stdout, contestants[0].name)
}

// startFakes starts Discord and the model, in a process whose time is nobody's.
func (w *whole) startFakes(ctx context.Context) (end func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.fakes = "http://" + l.Addr().String()
	l.Close() // for the process to take
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := contest.Start(ctx, "fakes", nil, self, "-as", "fakes", "-fakes", w.fakes)
	if err != nil {
		return nil, err
	}
	return p.Stop, p.Until(wait, func() (bool, error) {
		_, err := w.counts(ctx)
		return err == nil, nil
	})
}

// contestants builds those that are to compete. Bento is left out where it cannot be
// built.
func (w *whole) contestants(ctx context.Context) (all []contestant, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	chosen := func(name string) bool {
		return w.only == "" || strings.Contains(","+w.only+",", ","+name+",")
	}
	if chosen("pipeline") {
		programs := strings.Split(w.built, ",")
		if w.built == "" {
			if programs[0], err = contest.Build(ctx, w.folder, ".", "./cmd/pipeline", "pipeline"); err != nil {
				return nil, err
			}
		}
		file, err := contest.Pipeline("PREFIX")
		if err != nil {
			return nil, err
		}
		for _, program := range programs {
			all = append(all, contestant{filepath.Base(program), "", w.ours(program, string(file))})
		}
	}
	if chosen("hand") {
		all = append(all, contestant{"hand", hand.Group, func(ctx context.Context, s stand) (*contest.Process, error) {
			return contest.Start(ctx, "hand", nil, self, "-as", "hand", "-redis", s.redis, "-database", s.database,
				"-prefix", s.prefix, "-fakes", s.fakes, "-profile", w.profile)
		}})
	}
	bentos, err := w.bentos(ctx, chosen)
	if all = append(all, bentos...); len(all) == 0 && err == nil {
		err = fmt.Errorf("-only %s names no contestant", w.only)
	}
	return all, err
}

// stand is where one run of one contestant finds its work.
type stand struct {
	redis, database string // the database with a schema for this run alone
	fakes           string
	prefix          string // of streams and keys; also the schema
}

func (s stand) raw() string     { return s.prefix + ".raw" }
func (s stand) analyse() string { return s.prefix + ".analyse" }

func newStand() stand { return stand{prefix: "benchwhole" + strings.ToLower(rand.Text())} }
