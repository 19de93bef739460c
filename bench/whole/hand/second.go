package hand

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pgvector/pgvector-go"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"catalyst/bench/whole/work"
	"catalyst/internal/news"
)

// Second is the second segment: each item of a batch gets its verdict, remembered or the
// model's, which is remembered and shown in its message.
func (p *Program) Second(ctx context.Context, batch []Entry) error {
	if err := p.Judge(ctx, batch); err != nil {
		return err
	}
	_, err := p.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		p.note(ctx, pipe, batch)
		return p.ack(ctx, pipe, p.config.Analyse, batch)
	})
	return wrap("note verdicts", err)
}

// Note notes in the ledger that the verdicts are shown.
func (p *Program) Note(ctx context.Context, batch []Entry) error {
	_, err := p.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		p.note(ctx, pipe, batch)
		return nil
	})
	return wrap("note verdicts", err)
}

func (p *Program) note(ctx context.Context, pipe redis.Pipeliner, batch []Entry) {
	for _, e := range batch {
		pipe.HSet(ctx, p.ledger(e.Item.Key), "state", "complete")
	}
}

// Judge does all of it but the last note.
func (p *Program) Judge(ctx context.Context, batch []Entry) error {
	if err := p.Recall(ctx, batch); err != nil {
		return err
	}
	if err := p.ask(ctx, batch); err != nil {
		return err
	}
	if err := p.Remember(ctx, batch); err != nil {
		return err
	}
	if err := p.sightings(ctx, batch); err != nil {
		return err
	}
	return p.edit(ctx, batch)
}

const schema = `
CREATE TABLE IF NOT EXISTS answers (
	scope text, hash text, vector vector NOT NULL, text text NOT NULL,
	verdict bytea NOT NULL, expires_at timestamptz NOT NULL,
	PRIMARY KEY (scope, hash)
) WITH (toast_tuple_target = 8160);
CREATE INDEX IF NOT EXISTS answers_expiry ON answers (expires_at)`

const nearest = `
SELECT q.n, a.similarity, a.text, a.verdict
FROM unnest($1::text[], $2::text[], $3::vector[]) WITH ORDINALITY AS q (scope, hash, vector, n)
CROSS JOIN LATERAL (
	SELECT CASE WHEN a.hash = q.hash THEN 1 ELSE 1 - (a.vector <=> q.vector) END AS similarity, a.text, a.verdict
	FROM answers a
	WHERE a.scope = q.scope AND a.expires_at > now()
	ORDER BY similarity DESC LIMIT 1
) a`

// Recall looks a batch up in the cache, with one query.
func (p *Program) Recall(ctx context.Context, batch []Entry) error {
	scopes, hashes, vectors := make([]string, len(batch)), make([]string, len(batch)), make([]pgvector.Vector, len(batch))
	for i := range batch {
		s := p.tools.Subject(batch[i].Item)
		batch[i].Subject = s
		scopes[i], hashes[i], vectors[i] = s.Scope, s.Hash, pgvector.NewVector(s.Vector)
	}
	rows, err := p.db.Query(ctx, nearest, scopes, hashes, vectors)
	if err != nil {
		return fmt.Errorf("look up: %w", err)
	}
	var n int
	var similarity float64
	var text string
	var verdict []byte
	_, err = pgx.ForEachRow(rows, []any{&n, &similarity, &text, &verdict}, func() error {
		e := &batch[n-1]
		if !e.Subject.Serves(text, similarity) || audited(e.Item.Key) {
			return nil
		}
		var a news.Analysis
		if err := json.Unmarshal(verdict, &a); err != nil {
			return err
		}
		a.Cached = &news.Cached{Similarity: similarity, At: a.At}
		e.Item.Analysis = &a
		return nil
	})
	return wrap("look up", err)
}

// audited chooses the twentieth of the hits that the model is asked about nevertheless.
func audited(key string) bool {
	h := fnv.New32a()
	h.Write([]byte(key))
	return h.Sum32()%20 == 0
}

// ask asks the model about each item that has no verdict yet.
func (p *Program) ask(ctx context.Context, batch []Entry) error {
	var g errgroup.Group
	for _, e := range batch {
		if e.Item.Analysis.Done() {
			continue
		}
		g.Go(func() error {
			question, err := p.tools.Question(e.Item)
			if err != nil {
				return err
			}
			answer, err := p.send(ctx, p.model, http.MethodPost, p.config.Model+"/v1/chat/completions", question)
			if err != nil {
				return err
			}
			e.Item.Analysis, err = p.tools.Answer(answer, e.Item)
			return err
		})
	}
	return wrap("ask model", g.Wait())
}

const remember = `
INSERT INTO answers (scope, hash, vector, text, verdict, expires_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::vector[], $4::text[], $5::bytea[], $6::timestamptz[])
ON CONFLICT (scope, hash) DO UPDATE SET
	vector = excluded.vector, text = excluded.text, verdict = excluded.verdict, expires_at = excluded.expires_at`

// Remember stores the model's verdicts, with one statement.
func (p *Program) Remember(ctx context.Context, batch []Entry) error {
	order := slices.Clone(batch) // one for all, so that two writers do not wait for each other
	slices.SortFunc(order, func(a, b Entry) int { return a.Subject.Compare(b.Subject) })
	order = slices.CompactFunc(order, func(a, b Entry) bool { return a.Subject.Compare(b.Subject) == 0 })
	var scopes, hashes, texts []string
	var vectors []pgvector.Vector
	var verdicts [][]byte
	var expiries []time.Time
	for _, e := range order {
		if !work.Remembered(e.Item.Analysis) {
			continue
		}
		verdict, err := json.Marshal(e.Item.Analysis)
		if err != nil {
			return err
		}
		s := e.Subject
		scopes, hashes, texts = append(scopes, s.Scope), append(hashes, s.Hash), append(texts, s.Text)
		vectors, verdicts = append(vectors, pgvector.NewVector(s.Vector)), append(verdicts, verdict)
		expiries = append(expiries, e.Item.Analysis.At.Add(work.TTL))
	}
	if len(scopes) == 0 {
		return nil
	}
	_, err := p.db.Exec(ctx, remember, scopes, hashes, vectors, texts, verdicts, expiries)
	return wrap("remember", err)
}

// sightings tells items where else they were met. Sources are all of one rank, so
// the first one's headline stays.
func (p *Program) sightings(ctx context.Context, batch []Entry) error {
	found := make([]*redis.StringSliceCmd, len(batch))
	messages := make([]*redis.StringCmd, len(batch))
	_, err := p.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, e := range batch {
			found[i] = pipe.LRange(ctx, p.seen(e.ID), 0, 31)
			messages[i] = pipe.HGet(ctx, p.ledger(e.Item.Key), "message")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look sightings up: %w", err)
	}
	for i := range batch {
		e := &batch[i]
		e.Message = messages[i].Val()
		if err := work.Seen(e.Item, found[i].Val()); err != nil {
			return err
		}
	}
	return nil
}

// edit shows the verdicts.
func (p *Program) edit(ctx context.Context, batch []Entry) error {
	var g errgroup.Group
	for _, e := range batch {
		g.Go(func() error {
			body, err := work.Edit(e.Item)
			if err != nil {
				return err
			}
			_, err = p.send(ctx, p.discord, http.MethodPatch, p.config.Discord+"/api/v10/channels/42/messages/"+e.Message, body)
			return err
		})
	}
	return wrap("edit alert", g.Wait())
}
