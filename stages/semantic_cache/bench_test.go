package semanticcache

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pgvector/pgvector-go"
	pgxvector "github.com/pgvector/pgvector-go/pgx"

	"catalyst/flows"
	"catalyst/flows/flowstest"
	"catalyst/internal/embed"
	"catalyst/internal/news"
	"catalyst/internal/sqlite"
	"catalyst/internal/store"
	"catalyst/internal/store/postgres"
	sqlitestore "catalyst/internal/store/sqlite"
	"catalyst/internal/testenv"
)

// BenchmarkLookup has five items looked up among 200,000 remembered verdicts, in scopes as
// uneven as tickers are: by the whole stage, with embedding, guards and decoding, and by
// the bare SQL query for the same five. docs/cache.md has the figures.
func BenchmarkLookup(b *testing.B) {
	b.Run("postgres", func(b *testing.B) {
		address := schema(b)
		s, err := postgres.Open(b.Context(), address, "bench")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		conn, err := pgx.Connect(b.Context(), address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close(context.Background()) })
		if err := pgxvector.RegisterTypes(b.Context(), conn); err != nil {
			b.Fatal(err)
		}
		x := filled(b, s)
		if _, err := conn.Exec(b.Context(), `VACUUM ANALYZE pipeline_answers`); err != nil {
			b.Fatal(err)
		}
		digests := digestsOf(b, conn)
		x.compare(b, func(entries []entry) {
			scopes, hashes, vectors := make([][]byte, len(entries)), make([]string, len(entries)), make([]pgvector.Vector, len(entries))
			for i, e := range entries {
				scopes[i], hashes[i], vectors[i] = digests[e.scope.Tickers], e.hash, pgvector.NewVector(e.vector)
			}
			rows, err := conn.Query(b.Context(), barePostgres, scopes, hashes, vectors)
			if err != nil {
				b.Fatal(err)
			}
			for rows.Next() {
				if _, err := rows.Values(); err != nil {
					b.Fatal(err)
				}
			}
			if rows.Err() != nil {
				b.Fatal(rows.Err())
			}
		})
	})
	b.Run("sqlite", func(b *testing.B) {
		path := testenv.File(b)
		s, err := sqlitestore.Open(b.Context(), path, "bench")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		db, err := sqlite.Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { db.Close() })
		x := filled(b, s)
		x.compare(b, func(entries []entry) {
			err := db.Snapshot(b.Context(), func(tx *sql.Tx) error {
				for _, e := range entries {
					rows, err := tx.Query(`SELECT id, hash = ?, vector FROM answers WHERE namespace = ? AND tickers = ? AND expires > ?`,
						e.hash, x.namespace, e.scope.Tickers, time.Now().UnixMicro())
					if err != nil {
						return err
					}
					var id int64
					var equal bool
					var vector sql.RawBytes
					for rows.Next() {
						if err := rows.Scan(&id, &equal, &vector); err != nil {
							return err
						}
					}
					if err := rows.Close(); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	})
}

// barePostgres is the store's own query.
const barePostgres = `
SELECT q.n, a.equal, a.distance, a.key, a.value, a.at
FROM unnest($1::bytea[], $2::text[], $3::vector[]) WITH ORDINALITY AS q (scope, hash, vector, n)
CROSS JOIN LATERAL (
	SELECT a.hash = q.hash AS equal, a.vector <=> q.vector AS distance, a.key, a.value, a.at
	FROM pipeline_answers a WHERE a.scope = q.scope AND a.expires_at > now()
	ORDER BY equal DESC, distance LIMIT 1
) a`

// digestsOf are the scopes as the table has them, by their tickers.
func digestsOf(b *testing.B, conn *pgx.Conn) map[string][]byte {
	rows, err := conn.Query(b.Context(), `SELECT DISTINCT tickers, scope FROM pipeline_answers`)
	if err != nil {
		b.Fatal(err)
	}
	digests := map[string][]byte{}
	var tickers string
	var scope []byte
	if _, err := pgx.ForEachRow(rows, []any{&tickers, &scope}, func() error {
		digests[tickers] = append([]byte(nil), scope...)
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return digests
}

// stocked is a cache over a store with 200,000 verdicts.
type stocked struct {
	*setting
	namespace string
	zipf      *rand.Zipf
	n         int
}

const (
	benchRows    = 200_000
	benchTickers = 2000
)

func (x *stocked) ticker() string { return fmt.Sprint("T", x.zipf.Uint64()) }

func filled(b *testing.B, s store.Answers) *stocked {
	b.Helper()
	x := &stocked{setting: newSetting(b), zipf: rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 20, benchTickers-1)}
	x.stage.Answers = func() (store.Answers, error) { return s, nil }
	e, _ := x.entryOf(story())
	x.namespace = e.scope.Namespace
	value, err := encode(verdict(), e.subject)
	if err != nil {
		b.Fatal(err)
	}
	if !json.Valid(value) {
		b.Fatal(string(value))
	}
	now := time.Now()
	for start := 0; start < benchRows; start += 1000 {
		batch := make([]store.Answer, 1000)
		for i := range batch {
			batch[i] = store.Answer{
				Scope: store.Scope{Namespace: x.namespace, Tickers: x.ticker()}, Hash: fmt.Sprint(start + i), Vector: anyVector(),
				Key: fmt.Sprint("guid:", start+i), Value: value, At: now, Expires: now.Add(24 * time.Hour),
			}
		}
		if err := s.Remember(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	return x
}

func anyVector() []float32 {
	v := make([]float32, embed.Dimensions)
	for i := range v {
		v[i] = rand.Float32() - 0.5
	}
	return v
}

func (x *stocked) batch() []*flows.Message {
	var items []*news.Item
	for range 5 {
		x.n++
		items = append(items, story(func(i *news.Item) {
			i.Key, i.Tickers, i.Title = fmt.Sprint(x.n), []string{x.ticker()}, fmt.Sprint(title, " number ", x.n)
		}))
	}
	return flowstest.Messages(items...)
}

// compare measures both by turns, so that the neighbours on the machine and the size of
// the scopes hit both alike, and reports the ratio.
func (x *stocked) compare(b *testing.B, bare func([]entry)) {
	var ours, theirs time.Duration
	for b.Loop() {
		batch := x.batch()
		entries := x.entries(batch, func(*flows.Message) bool { return true })
		if err := x.embed(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
		// What is asked first finds the pages cold: each goes first every other time.
		for turn := range 2 {
			start := time.Now()
			if turn == x.n/5%2 {
				bare(entries)
				theirs += time.Since(start)
				continue
			}
			if _, err := x.Process(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			ours += time.Since(start)
		}
	}
	if x.logged.Len() > 0 {
		b.Log(x.logged)
	}
	n := float64(b.N)
	b.ReportMetric(float64(ours.Microseconds())/n, "µs/lookup")
	b.ReportMetric(float64(theirs.Microseconds())/n, "µs/bare")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}

// schema is a database of the benchmark's own, up to date.
func schema(b *testing.B) string {
	b.Helper()
	address := testenv.Postgres(b)
	name := fmt.Sprintf("bench_cache_%d", os.Getpid())
	conn, err := pgx.Connect(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(b.Context(), "CREATE SCHEMA "+name); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), "DROP SCHEMA "+name+" CASCADE"); err != nil {
			b.Error(err)
		}
		conn.Close(context.Background())
	})
	u, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name+",public")
	u.RawQuery = q.Encode()
	if _, err := postgres.Migrate(b.Context(), u.String()); err != nil {
		b.Fatal(err)
	}
	return u.String()
}
