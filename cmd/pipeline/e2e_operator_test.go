package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/flows"
	"catalyst/internal/llm/llmtest"
	"catalyst/internal/news"
	"catalyst/internal/operator"
	"catalyst/sinks/discord/discordtest"
)

// told are the notices in the operator's channel, by their titles.
func (w *world) told() (titles []string) {
	for _, m := range w.discord.Messages() {
		if m.Channel == "43" {
			titles = append(titles, strings.ReplaceAll(m.Last().Embeds[0].Title, `\`, ""))
		}
	}
	return titles
}

func (w *world) awaitTold(want ...string) {
	w.Helper()
	until(w, 20*time.Second, "the operator is told "+strings.Join(want, ", "), func() bool {
		return strings.Join(w.told(), "|") == strings.Join(want, "|")
	})
}

// The operator hears that the program starts and stops, and once of what only a person
// can mend, though the program is killed and started again, and Discord refuses
// for a while. Alerts and notices go to their own channels.
func TestOperatorIsTold(t *testing.T) {
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			const boot, page = "The pipeline starts", "stand-in of openai is not asked"
			w := newWorld(t, place, discordtest.Realistic(), top("sources: []"))
			w.env["OPERATOR_CHANNEL"] = "43"
			w.model.Always(llmtest.Step{Status: 401, Body: `{"error": {"message": "the key token was refused", "code": "invalid_api_key"}}`})
			items, _ := newsworthy(3)

			c := w.start()
			w.awaitTold(boot)
			w.publish(items[0])
			w.awaitTold(boot, page)
			c.kill()

			w.discord.Forget()
			w.discord.Script(func(r discordtest.Request) *discordtest.Fault {
				if r.Channel == "43" {
					return discordtest.Error(50013)
				}
				return nil
			})
			c = w.start() // the operator's channel is closed: the pipeline does not mind
			w.publish(items[1])
			until(t, 20*time.Second, "both alerts are posted", func() bool { return len(w.discord.Messages()) == 2+2 })
			until(t, 20*time.Second, "the log says what to do", func() bool { return len(c.logged("operator_channel_unavailable")) == 1 })
			c.stop()

			w.discord.Forget()
			w.discord.Script(nil)
			c = w.start()
			w.publish(items[2])
			until(t, 20*time.Second, "the third alert is posted", func() bool { return len(w.discord.Messages()) == 3+3 })
			c.stop()
			w.awaitTold(boot, page, boot, "The pipeline has stopped, in order")

			text := ""
			for _, m := range w.discord.Messages() {
				if m.Channel == "43" {
					shown, err := json.Marshal(m.Last())
					if err != nil {
						t.Fatal(err)
					}
					text += string(shown)
				}
			}
			for name, value := range w.env {
				if strings.HasSuffix(name, "_URL") && strings.Contains(value, "@") && strings.Contains(text, value) {
					t.Errorf("the operator's channel shows %s", name)
				}
			}
			if v := w.discord.Violations(); len(v) > 0 {
				t.Errorf("violations: %+v", v)
			}
		})
	}
}

// A command beside the pipeline, or a demonstration, tells the operator nothing.
func TestOnlyARunTellsTheOperator(t *testing.T) {
	w := newWorld(t, "embedded", discordtest.Config{}, top("sources: []"))
	w.env["OPERATOR_CHANNEL"] = "43"
	_, r, err := w.read()
	if err != nil {
		t.Fatal(err)
	}
	o, err := r.Operator()
	if err != nil {
		t.Fatal(err)
	}
	o.Page("llm/any/model", "refused")
	if err := r.close(); err != nil {
		t.Error(err)
	}
	if told := w.told(); len(told) > 0 {
		t.Errorf("told %v", told)
	}
}

// Facts are those of the engine, the topics and the sources.
func TestFacts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "items.jsonl")
	w := newWorld(t, "embedded", discordtest.Config{}, top("sources: [jsonl: '"+filepath.ToSlash(file)+"']"))
	good, _ := newsworthy(3)
	var lines []byte
	for _, item := range append(append(good, noise(4)...), good[0]) {
		line, err := news.Encode(item)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	plan, r, err := w.read()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := r.app.execute(ctx, plan, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.broker.Publisher().Publish(plan.Poison, message.NewMessage("bad", []byte("{}"))); err != nil {
		t.Fatal(err)
	}

	_, again, err := w.read() // what execute had open is closed
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	f := again.facts(t.Context(), e)
	if f.Items != 8 || f.Duplicates != 1 || f.Filtered != 4 || f.Alerts != 3 || f.Failures != 0 || f.Poison != 1 {
		t.Errorf("%+v, want 8 items, of which 1 duplicate, 4 filtered and 3 alerts, no failures, 1 in poison", f)
	}
	if f.Analyses["openai"] < 1 {
		t.Errorf("analyses %v, want some of openai", f.Analyses)
	}
	if len(f.Segments) != 2 || f.Segments[0].Waiting != 0 || f.Segments[1].Waiting != 0 || f.Segments[0].Paused != nil {
		t.Errorf("segments %+v, want two without work", f.Segments)
	}
	if len(f.Sources) != 0 {
		t.Errorf("sources %+v: a file cannot tell how it fares", f.Sources)
	}
	if f.Budget.Level != "" {
		t.Errorf("budget %v, which nobody counts here", f.Budget)
	}
	if spent := again.spentToday(t.Context()); spent != 0 {
		t.Errorf("%d spent on a model of this machine", spent)
	}
	again.plan.Store = "postgres://127.0.0.1:1/none"
	again.records.close()
	if spent := again.spentToday(t.Context()); spent != operator.Unknown {
		t.Errorf("%d spent as nobody can tell", spent)
	}
}

// Sources that can tell how they fare are among the facts before they were ever asked.
func TestFactsOfSources(t *testing.T) {
	w := newWorld(t, "embedded", discordtest.Config{}, top("sources: [{rss: {name: wire, url: 'http://127.0.0.1:1/feed'}}]"))
	plan, r, err := w.read()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	e, err := flows.New(plan, w.broker, r.log)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.facts(t.Context(), e).Sources; len(got) != 1 || got[0].Name != "wire" || !got[0].Answered.IsZero() || got[0].Fault != nil {
		t.Errorf("sources %+v, want wire, not answered yet", got)
	}
}
