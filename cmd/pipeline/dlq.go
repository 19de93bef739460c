package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/internal/broker"
	"catalyst/internal/news"
)

// dlq works on the poison topic: what kept failing, with the reason.
type dlq struct {
	*app
	broker broker.Broker
	poison string

	// what the flags choose
	stage, match string
	limit        int
	all          bool
}

func (a *app) dlqCommand() *cobra.Command {
	d := &dlq{app: a}
	c := &cobra.Command{
		Use: "dlq", Short: "Inspect, requeue or drop what kept failing",
		Long: "Messages that kept failing, and entries that were no messages, lie in the poison topic until\n" +
			"somebody decides. Name them by message ID or position, or choose with --stage and --match.",
		Example: "  pipeline dlq ls\n  pipeline dlq show 01998f0e-…\n  pipeline dlq requeue --all --stage llm_router",
	}
	asGroup(c)
	chosen := func(c *cobra.Command) *cobra.Command {
		c.Flags().StringVar(&d.stage, "stage", "", "only what failed in this stage")
		c.Flags().StringVar(&d.match, "match", "", "only where reason or title contains this, in any case")
		return c
	}
	ls := chosen(&cobra.Command{
		Use: "ls", Short: "List poisoned messages, oldest first", Args: noArguments,
		Example: "  pipeline dlq ls\n  pipeline dlq ls --stage llm_router --match truncated",
		RunE:    d.with((*dlq).ls),
	})
	ls.Flags().IntVar(&d.limit, "limit", 50, "at most so many; 0 for all")
	requeue := chosen(&cobra.Command{
		Use: "requeue [ID…]", Short: "Send messages back to the topic they came from",
		Long: "Publishes messages to the topic they came from, under the same ID, and removes them from the\n" +
			"poison topic. Killed in between, it leaves them in both; requeueing again does no harm.",
		Example: "  pipeline dlq requeue 01998f0e-…\n  pipeline dlq requeue --all --stage llm_router",
		RunE:    d.with((*dlq).requeue),
	})
	drop := chosen(&cobra.Command{
		Use: "drop [ID…]", Short: "Delete messages for good",
		Example: "  pipeline dlq drop 01998f0e-…\n  pipeline dlq drop --all --stage quarantine",
		RunE:    d.with((*dlq).drop),
	})
	for _, c := range []*cobra.Command{requeue, drop} {
		c.Flags().BoolVar(&d.all, "all", false, "all that --stage and --match choose")
	}
	c.AddCommand(ls, &cobra.Command{
		Use: "show ID", Short: "Print one poisoned message whole, as JSON", Args: arguments(1, 1),
		Example: "  pipeline dlq show 01998f0e-…",
		RunE:    d.with((*dlq).show),
	}, requeue, drop)
	return c
}

// with connects to the broker around a command.
func (d *dlq) with(do func(*dlq, context.Context, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) (err error) {
		plan, r, err := d.load()
		if err != nil {
			return err
		}
		if r.log, err = d.logger(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.close()) }()
		if d.broker, err = r.Broker(); err != nil {
			return err
		}
		d.poison = plan.Poison
		return do(d, c.Context(), args)
	}
}

// A poisoned message as commands see it.
type poisoned struct {
	broker.Stored
	stage, reason, topic, title string
	item                        bool // the payload is one
}

func (p poisoned) id() string {
	if p.Message.UUID != "" {
		return p.Message.UUID
	}
	return p.Position
}

// messages walks over the poison topic, oldest first, a page at a time.
func (d *dlq) messages(ctx context.Context) iter.Seq2[poisoned, error] {
	const page = 200
	return func(yield func(poisoned, error) bool) {
		for after := ""; ; {
			stored, err := d.broker.Browse(ctx, d.poison, after, page)
			if err != nil {
				yield(poisoned{}, err)
				return
			}
			for _, s := range stored {
				p := poisoned{Stored: s,
					stage: s.Message.Metadata.Get(flows.MetaPoisonStage), reason: s.Message.Metadata.Get(flows.MetaPoisonReason),
					topic: s.Message.Metadata.Get(flows.MetaPoisonTopic)}
				if item, err := news.Decode(s.Message.Payload); err == nil {
					p.item, p.title = true, item.Title
				}
				if d.chosen(p) && !yield(p, nil) {
					return
				}
				after = s.Position
			}
			if len(stored) < page {
				return
			}
		}
	}
}

func (d *dlq) chosen(p poisoned) bool {
	if d.stage != "" && p.stage != d.stage {
		return false
	}
	return d.match == "" || strings.Contains(strings.ToLower(p.reason+"\n"+p.title), strings.ToLower(d.match))
}

func (d *dlq) ls(ctx context.Context, _ []string) error {
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	n := 0
	for p, err := range d.messages(ctx) {
		if err != nil {
			return err
		}
		if n == 0 {
			fmt.Fprintln(w, "ID\tWHEN\tSTAGE\tTRIES\tTITLE\tREASON")
		}
		if n++; d.limit > 0 && n > d.limit {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.id(), p.At.Local().Format(time.DateTime), p.stage,
			p.Message.Metadata.Get(flows.MetaPoisonAttempts), line(p.title, 40), line(p.reason, 80))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch {
	case n == 0 && d.stage == "" && d.match == "":
		fmt.Fprintf(d.out, "%s is empty.\n", d.poison)
	case n == 0:
		fmt.Fprintf(d.out, "%s holds nothing like that.\n", d.poison)
	case d.limit > 0 && n > d.limit:
		fmt.Fprintf(d.out, "%d more; --limit 0 shows all.\n", n-d.limit)
	}
	return nil
}

// line makes foreign text harmless for a terminal and short.
func line(s string, n int) string {
	return shorten(strings.Join(strings.Fields(alert.Clean(s)), " "), n)
}

func (d *dlq) show(ctx context.Context, args []string) error {
	for p, err := range d.messages(ctx) {
		if err != nil {
			return err
		}
		if p.id() != args[0] && p.Position != args[0] {
			continue
		}
		shown := map[string]any{
			"id": p.Message.UUID, "position": p.Position, "poisoned": p.At.UTC(), "metadata": p.Message.Metadata,
		}
		if p.item {
			shown["item"] = json.RawMessage(p.Message.Payload)
		} else {
			shown["payload"] = string(p.Message.Payload)
		}
		e := json.NewEncoder(d.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(shown)
	}
	return fmt.Errorf("%s has no message %q; `pipeline dlq ls` lists them", d.poison, args[0])
}

// named makes sure that messages were named, in one way.
func (d *dlq) named(args []string) error {
	switch {
	case len(args) == 0 && !d.all:
		return usage("name messages by ID, or choose with --all, --stage and --match")
	case len(args) > 0 && (d.all || d.stage != "" || d.match != ""):
		return usage("name messages or choose them with --all, --stage and --match, not both")
	}
	return nil
}

// each calls do with what the arguments and flags choose, in batches, and then
// removes those it did from the poison topic. It returns how many that were.
func (d *dlq) each(ctx context.Context, args []string, do func([]poisoned) ([]poisoned, error)) (int, error) {
	wanted := map[string]bool{}
	for _, a := range args {
		wanted[a] = false
	}
	var batch []poisoned
	done := 0
	flush := func() error {
		ready, err := do(batch)
		if err != nil {
			return err
		}
		var positions []string
		for _, p := range ready {
			positions = append(positions, p.Position)
		}
		batch = nil
		if len(positions) == 0 {
			return nil
		}
		n, err := d.broker.Delete(ctx, d.poison, positions...)
		done += n
		return err
	}
	for p, err := range d.messages(ctx) {
		if err != nil {
			return done, err
		}
		if len(args) > 0 {
			_, byID := wanted[p.id()]
			_, byPosition := wanted[p.Position]
			if !byID && !byPosition {
				continue
			}
			wanted[p.id()], wanted[p.Position] = true, true
		}
		if batch = append(batch, p); len(batch) == 100 {
			if err := flush(); err != nil {
				return done, err
			}
		}
	}
	if err := flush(); err != nil {
		return done, err
	}
	for _, a := range args {
		if !wanted[a] {
			return done, fmt.Errorf("%s has no message %q; `pipeline dlq ls` lists them", d.poison, a)
		}
	}
	return done, nil
}

func (d *dlq) requeue(ctx context.Context, args []string) error {
	if err := d.named(args); err != nil {
		return err
	}
	pub := d.broker.Publisher()
	left := 0
	n, err := d.each(ctx, args, func(batch []poisoned) (sent []poisoned, err error) {
		byTopic := map[string][]*message.Message{}
		for _, p := range batch {
			topic, m := flows.Requeueable(p.Message)
			if topic == "" || !p.item {
				left++
				fmt.Fprintf(d.err, "%s stays: it is no item, and would come back. Drop it, or mend its producer and publish it again.\n", p.id())
				continue
			}
			byTopic[topic] = append(byTopic[topic], m)
			sent = append(sent, p)
		}
		for topic, ms := range byTopic {
			if err := pub.Publish(topic, ms...); err != nil {
				return nil, err
			}
		}
		return sent, nil
	})
	fmt.Fprintf(d.out, "%d requeued\n", n)
	if err == nil && left > 0 {
		err = fmt.Errorf("%d could not be requeued", left)
	}
	return err
}

func (d *dlq) drop(ctx context.Context, args []string) error {
	if err := d.named(args); err != nil {
		return err
	}
	n, err := d.each(ctx, args, func(batch []poisoned) ([]poisoned, error) { return batch, nil })
	fmt.Fprintf(d.out, "%d dropped\n", n)
	return err
}
