package postgres

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"catalyst/internal/store"

	"github.com/pgvector/pgvector-go"
	pgxvector "github.com/pgvector/pgvector-go/pgx"
)

// BenchmarkNearest looks five queries up among 50,000 answers of 512 dimensions,
// 100 to a scope, through the store and by its bare statement on one connection.
func BenchmarkNearest(b *testing.B) {
	const rows, perScope, dims, batch = 50_000, 100, 512, 5
	db := migrated(b)
	a := openAt(b, db)
	scopes := rows / perScope
	scope := func(i int) store.Scope {
		return store.Scope{Namespace: "bench", Tickers: fmt.Sprint("T", i%scopes)}
	}
	for start := 0; start < rows; start += 1000 {
		answers := make([]store.Answer, 1000)
		for i := range answers {
			answers[i] = sample(fmt.Sprint(start+i), random(dims))
			answers[i].Scope = scope(start + i)
			answers[i].Value = make([]byte, 500)
		}
		if err := a.Remember(b.Context(), answers); err != nil {
			b.Fatal(err)
		}
	}
	conn := connect(b, db)
	exec(b, conn, `VACUUM ANALYZE pipeline_answers`)
	if err := pgxvector.RegisterTypes(b.Context(), conn); err != nil {
		b.Fatal(err)
	}

	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			queries := make([]store.Query, batch)
			for i := range queries {
				queries[i] = store.Query{Scope: scope(rand.IntN(scopes)), Hash: "none", Vector: random(dims)}
			}
			matches, err := a.Nearest(b.Context(), queries)
			if err != nil || !matches[batch-1].Found {
				b.Fatal(matches, err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			digests, hashes, vectors := make([][]byte, batch), make([]string, batch), make([]pgvector.Vector, batch)
			for i := range batch {
				digests[i], hashes[i], vectors[i] = digest(scope(rand.IntN(scopes)), dims), "none", pgvector.NewVector(random(dims))
			}
			rows, err := conn.Query(b.Context(), nearest, digests, hashes, vectors)
			if err != nil {
				b.Fatal(err)
			}
			found := 0
			for rows.Next() {
				found++
			}
			if rows.Err() != nil || found != batch {
				b.Fatal(found, rows.Err())
			}
		}
	})
}

func random(dims int) []float32 {
	v := make([]float32, dims)
	for i := range v {
		v[i] = rand.Float32() - 0.5
	}
	return v
}
