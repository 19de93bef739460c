package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"catalyst/sinks/discord/discordtest"
)

// counts are what became of the sample.
type counts struct{ In, Duplicates, Filtered, Announced, Poisoned int64 }

// The repository's pipeline.yaml on the shipped sample: each item that deserves it gets
// one message, and its verdict. Where topics and stores are kept makes no difference.
func TestDefaultPipeline(t *testing.T) {
	got := map[string]counts{}
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			sample := filepath.Join(t.TempDir(), "sample.jsonl")
			if err := writeSample(sample, time.Now()); err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, place, discordtest.Config{}, top("sources: [jsonl: '"+filepath.ToSlash(sample)+"']"))

			first := w.run()
			got[place] = first
			messages := w.discord.Messages()
			if first.In == 0 || first.Duplicates == 0 || first.Filtered == 0 || first.Announced == 0 ||
				first.In != first.Duplicates+first.Filtered+first.Announced || first.Poisoned > 0 {
				t.Errorf("counts %+v do not add up, or the sample has lost its point", first)
			}
			if int64(len(messages)) != first.Announced || !w.allJudged(len(messages)) {
				t.Errorf("%d messages, want %d and each with a verdict", len(messages), first.Announced)
			}
			for _, m := range messages {
				if len(m.Versions) != 2 || judged(discordtest.Message{Versions: m.Versions[:1]}) {
					t.Errorf("%q has %d versions, want an alert and its verdict", m.Last().Embeds[0].Title, len(m.Versions))
				}
				if len(m.Last().Pings) > 0 {
					t.Errorf("%q may ping %v", m.Last().Embeds[0].Title, m.Last().Pings)
				}
			}
			asked := len(w.model.Requests())
			if asked == 0 || asked > len(messages) {
				t.Errorf("%d questions to the model for %d alerts", asked, len(messages))
			}
			if place == "redis" {
				w.checkRedis()
				var rows int
				w.sql(w.env["DATABASE_URL"], "SELECT count(*) FROM pipeline_answers", &rows)
				if rows == 0 {
					t.Error("PostgreSQL remembers no answer")
				}
				t.Logf("%d answers in PostgreSQL", rows)
			}
			t.Logf("%+v, %d questions", first, asked)

			again := w.run()
			if want := (counts{In: first.In, Duplicates: first.In}); again != want {
				t.Errorf("the same sample again: %+v, want %+v", again, want)
			}
			if d := cmp.Diff(messages, w.discord.Messages()); d != "" {
				t.Errorf("the second run changed what Discord shows: %s", d)
			}
			if n := len(w.model.Requests()); n != asked {
				t.Errorf("the second run asked the model %d times", n-asked)
			}
		})
	}
	if d := cmp.Diff(got["embedded"], got["redis"]); d != "" && len(got) == len(places) {
		t.Errorf("embedded and redis differ: %s", d)
	}
}

// run runs the pipeline here until its sources have ended and all is done. Every
// message that came in must have one fate.
func (w *world) run() counts {
	w.Helper()
	plan, r, err := w.read()
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := r.app.execute(ctx, plan, r)
	if err != nil || ctx.Err() != nil {
		w.Fatalf("run: %v, %v", err, ctx.Err())
	}
	segments, steps := e.Stats()
	c := counts{In: segments[0].In}
	for _, s := range segments {
		if s.In != s.Delivered+s.Dropped || s.Failed+s.Parked+s.Interrupted+s.InFlight > 0 {
			w.Errorf("%s: %+v, want in = delivered + dropped and nothing else", s.Topic, s)
		}
		c.Poisoned += s.Poisoned + s.Quarantined
	}
	for _, s := range steps {
		var dropped int64
		for _, n := range s.Dropped {
			dropped += n
		}
		if s.In != s.Out+dropped || s.Failed+s.Parked+s.Bugs+s.Forgiven > 0 {
			w.Errorf("stage %s: %+v, want in = out + dropped and nothing else", s.Stage, s)
		}
		switch s.Kind {
		case "dedupe":
			c.Duplicates += dropped
		case "prescale", "filter":
			c.Filtered += dropped
		case "announce":
			c.Announced = s.Out
		}
	}
	if !w.idle() {
		w.Errorf("lag %+v at the end", w.lag())
	}
	return c
}

// checkRedis asks Redis itself whether anything is left to do.
func (w *world) checkRedis() {
	w.Helper()
	client := w.redisClient(w.env["REDIS_URL"])
	for _, s := range w.plan.Segments {
		groups, err := client.XInfoGroups(context.Background(), s.Topic).Result()
		if err != nil || len(groups) != 1 {
			w.Errorf("groups of %s: %v, %v", s.Topic, groups, err)
			continue
		}
		if g := groups[0]; g.Name != w.plan.Name || g.Pending != 0 || g.Lag != 0 {
			w.Errorf("group of %s: %+v, want pending 0 and lag 0", s.Topic, g)
		}
	}
}
