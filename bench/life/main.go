// Life measures the program from its start to its stop: the memory it takes when it has
// nothing to do, and with a million items waiting; how long it takes to its first alert,
// and to its end under load; what an item costs among few and among many; and whether
// hours of work leave anything behind. Each is said with what is asked of it.
//
// It needs REDIS_URL and DATABASE_URL, and is run in the repository's root:
//
//	go run ./bench/life
//	go run ./bench/life -only soak,growth
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"catalyst/bench/contest"
	"catalyst/bench/whole/fakes"
)

func main() {
	var l life
	only := flag.String("only", "idle,backlog,start,stop", "what to measure; also window, growth and soak, which take minutes")
	flag.StringVar(&l.program, "pipeline", "", "the program to measure instead of building one as `make build` does")
	flag.IntVar(&l.rounds, "rounds", 5, "how often the start and the stop are measured; medians count")
	flag.DurationVar(&l.idle, "idle", 20*time.Second, "how long the program has nothing to do before its memory is read")
	flag.DurationVar(&l.work, "work", 150*time.Second, "how long the program works off what waits: some of what it remembers, it remembers for two minutes")
	flag.IntVar(&l.waiting, "waiting", 1_000_000, "items waiting, of backlog")
	flag.StringVar(&l.sizes, "sizes", "1000,100000,1000000", "numbers of items, of window and growth")
	flag.StringVar(&l.brokers, "brokers", "redis", "of growth: redis, embedded, memory")
	flag.DurationVar(&l.lasts, "for", 10*time.Minute, "how long the soak lasts")
	flag.Float64Var(&l.rate, "rate", 2000, "items a second, of the soak")
	flag.StringVar(&l.html, "html", "soak.html", "where the soak is drawn")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	missed, err := l.run(ctx, strings.Split(*only, ","))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || missed {
		os.Exit(1)
	}
}

// A life is all that is measured.
type life struct {
	program         string
	rounds, waiting int
	idle, work      time.Duration
	lasts           time.Duration
	sizes, brokers  string
	rate            float64
	html            string

	redisURL, databaseURL string
	client                *redis.Client
	folder                string
	servers               *httptest.Server // Discord, the model and a feed
	fakes                 fakes.Server
	verdicts              []verdict
}

// A verdict is what is asked of a figure, and what was measured.
type verdict struct {
	what, asked, measured string
	ok                    bool
}

func (l *life) judge(ok bool, what, asked, measured string, args ...any) {
	v := verdict{what, asked, fmt.Sprintf(measured, args...), ok}
	fmt.Fprintf(os.Stderr, "%s: %s\n", v.what, v.measured)
	l.verdicts = append(l.verdicts, v)
}

// A part is what -only names.
type part struct {
	name    string
	measure func(context.Context) error
}

func (l *life) run(ctx context.Context, only []string) (missed bool, err error) {
	parts := []part{{"idle", l.idleMemory}, {"backlog", l.backlog}, {"start", l.start}, {"stop", l.stop}, {"window", l.window}, {"growth", l.growth}, {"soak", l.soak}}
	for _, name := range only {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return false, fmt.Errorf("-only: %q is none of idle, backlog, start, stop, window, growth, soak", name)
		}
	}
	if err := l.open(ctx); err != nil {
		return false, err
	}
	defer l.close()
	for _, p := range parts {
		if slices.Contains(only, p.name) && ctx.Err() == nil {
			if err := p.measure(ctx); err != nil {
				return false, errors.Join(fmt.Errorf("%s: %w", p.name, err), l.print(os.Stdout))
			}
		}
	}
	for _, v := range l.verdicts {
		missed = missed || !v.ok
	}
	return missed, l.print(os.Stdout)
}

func (l *life) print(out io.Writer) error {
	gogc := os.Getenv("GOGC")
	if gogc == "" {
		gogc = "not set: the program has its own"
	}
	fmt.Fprintf(out, "\nwith GOGC %s\n\n", gogc)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "what\tasked\tmeasured\t\n")
	for _, v := range l.verdicts {
		word := "yes"
		if !v.ok {
			word = "NO"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.what, v.asked, v.measured, word)
	}
	return w.Flush()
}

// open builds the program and starts what it talks to.
func (l *life) open(ctx context.Context) (err error) {
	l.redisURL, l.databaseURL = os.Getenv("REDIS_URL"), os.Getenv("DATABASE_URL")
	options, err := redis.ParseURL(l.redisURL)
	if err != nil || l.databaseURL == "" {
		return errors.New("REDIS_URL and DATABASE_URL must be the addresses of Redis and of PostgreSQL with pgvector")
	}
	if l.folder, err = os.MkdirTemp("", "bench-life-"); err != nil {
		return err
	}
	if l.program == "" {
		if l.program, err = contest.Build(ctx, l.folder, ".", "./cmd/pipeline", "pipeline"); err != nil {
			return err
		}
	}
	l.client = redis.NewClient(options)
	l.servers = httptest.NewServer(l)
	return nil
}

func (l *life) close() {
	l.servers.Close()
	l.client.Close()
	os.RemoveAll(l.folder)
}
