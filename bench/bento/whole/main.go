// Command whole is Bento with the default pipeline's work as processors, for the comparison
// in bench/whole: what Bento has (streams of Redis, its scripts, HTTP) does what it can,
// and Go does the rest, as Bento's users write it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/warpstreamlabs/bento/public/service"

	_ "github.com/warpstreamlabs/bento/public/components/io"
	_ "github.com/warpstreamlabs/bento/public/components/pure"
	_ "github.com/warpstreamlabs/bento/public/components/redis"

	"catalyst/bench/whole/hand"
)

func main() {
	// Bento's http has no setting for it, and keeps two connections to a host: nearly every
	// request would need a new one.
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost, _ = strconv.Atoi(os.Getenv("IDLE"))
	for name, do := range map[string]step{
		"receive": receive, "worth": worth, "told": told, "posted": posted, "pass_on": passOn,
		"recall": recall, "judged": judged, "complete": complete,
		"announce_all": announceAll, "judge_all": judgeAll,
	} {
		if err := register(name, do); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	service.RunCLI(context.Background())
}

// A step works on a batch of messages and returns those that go on.
type step func(ctx context.Context, p *hand.Program, batch service.MessageBatch) (service.MessageBatch, error)

func register(name string, do step) error {
	return service.RegisterBatchProcessor(name, service.NewConfigSpec(), func(*service.ParsedConfig, *service.Resources) (service.BatchProcessor, error) {
		p, err := program()
		return processor{p, do}, err
	})
}

// program has the connections of all steps.
var program = sync.OnceValues(func() (*hand.Program, error) {
	c := hand.Tuned
	c.Redis, c.Database, c.Prefix = os.Getenv("REDIS_URL"), os.Getenv("DATABASE_URL"), os.Getenv("PREFIX")
	c.Model, c.Discord = os.Getenv("FAKES"), os.Getenv("FAKES")
	return hand.Open(context.Background(), c)
})

type processor struct {
	program *hand.Program
	do      step
}

func (p processor) ProcessBatch(ctx context.Context, batch service.MessageBatch) ([]service.MessageBatch, error) {
	out, err := service.MessageBatch(nil), error(nil)
	for _, m := range batch {
		err = errors.Join(err, m.GetError()) // of a step before
	}
	if err == nil {
		out, err = p.do(ctx, p.program, batch.Copy())
	}
	if err != nil { // Bento would go on with what it has; here nothing may be lost quietly
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return []service.MessageBatch{out}, nil
}

func (processor) Close(context.Context) error { return nil }
