package main

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"catalyst/flows"
	"catalyst/internal/alert"
	"catalyst/internal/alert/gallery"
	"catalyst/internal/alert/html"
	"catalyst/internal/alert/terminal"
	"catalyst/internal/news"
)

func (a *app) previewCommand() *cobra.Command {
	var item, state, page string
	c := &cobra.Command{
		Use: "preview", Short: "Show what an alert looks like, here or on a page like Discord's", Args: noArguments,
		Long: "Reads an item as JSON, as a topic or a JSONL file holds it, and shows its alert. Without one it shows a\n" +
			"gallery of alerts of every kind. Nothing is posted, and no pipeline.yaml is read.",
		Example: "  pipeline preview --html alerts.html\n  head -1 examples/sample.jsonl | pipeline preview --item -\n" +
			"  pipeline preview --item item.json --state parked",
		RunE: func(c *cobra.Command, _ []string) error {
			messages, err := a.previews(item, state)
			if err != nil {
				return err
			}
			if page != "" {
				return a.writePage(page, messages)
			}
			return printMessages(a.out, messages)
		},
	}
	c.Flags().StringVar(&item, "item", "", "file with one item as JSON; - is standard input")
	c.Flags().StringVar(&state, "state", "", "show it as pending, verdict, parked, timeout or failed (default: verdict if it has an analysis, else pending)")
	c.Flags().StringVar(&page, "html", "", "write a page to this file instead; - is standard output")
	return c
}

func (a *app) previews(path, state string) ([]html.Message, error) {
	if path == "" {
		if state != "" {
			return nil, usage("--state %s of which item? Name one with --item", state)
		}
		var messages []html.Message
		for _, s := range gallery.Samples(time.Now()) {
			messages = append(messages, html.Message(s))
		}
		return messages, nil
	}
	item, err := a.readItem(path)
	if err != nil {
		return nil, err
	}
	card, err := cardIn(item, state)
	return []html.Message{{Cards: []alert.Card{card}}}, err
}

// cardIn is the card of an item in the state named, or in its own.
func cardIn(item *news.Item, state string) (alert.Card, error) {
	if state == "" && item.Analysis == nil {
		state = "pending"
	}
	switch state {
	case "pending":
		return alert.Pending(item), nil
	case "", "verdict":
		if item.Analysis == nil {
			return alert.Card{}, usage("--state verdict: the item has no analysis to show")
		}
		return alert.Complete(item), nil
	case "parked":
		down := flows.Unavailable("the model", errors.New("preview"), 5*time.Minute)
		return alert.Report(item, flows.Outcome{Fate: flows.Parked, Err: down}, time.Now()), nil
	case "timeout":
		return alert.Timeout(item), nil
	case "failed":
		return alert.Failed(item, "llm_router"), nil
	}
	return alert.Card{}, usage("--state %q is none of pending, verdict, parked, timeout, failed", state)
}

func (a *app) writePage(path string, messages []html.Message) (err error) {
	if path == "-" {
		return html.Write(a.out, time.Now(), messages...)
	}
	f, err := os.Create(path)
	if err != nil {
		return usage("write page: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return html.Write(f, time.Now(), messages...)
}

// printMessages shows messages as the console sink does.
func printMessages(out io.Writer, messages []html.Message) error {
	color := terminal.Color(out)
	for _, m := range messages {
		if m.Name != "" {
			if _, err := io.WriteString(out, "── "+m.Name+"\n"); err != nil {
				return err
			}
		}
		for _, card := range m.Cards {
			if err := alert.Print(out, card, color); err != nil {
				return err
			}
		}
	}
	return nil
}
