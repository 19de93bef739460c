// Package store is the contract of what the pipeline remembers between
// messages. Claims, Ledger and Embeddings live beside the broker (Redis, or the
// embedded file); Answers live in PostgreSQL with pgvector or in the embedded
// file. storetest holds the conformance suites.
//
// Every method takes a batch and asks its server once. Nothing may be assumed
// about a batch that returned an error: any part of it may have been stored, and
// all methods may be called again with what was already stored.
package store

import (
	"context"
	"time"
)

// Claims decides, once, which message speaks for an item.
type Claims interface {
	// Claim records owner under key unless another owner holds it, and returns the
	// owner that holds each key, in the order asked. A key is held for window from
	// its first claim; claiming again, by anyone, does not prolong it. Two equal
	// keys in one batch: the first wins. It is atomic over all processes.
	Claim(ctx context.Context, claims []Claim, window time.Duration) (owners []string, err error)

	// Release gives keys back that are held by the owner named; others are left.
	Release(ctx context.Context, claims []Claim) error
}

// A Claim asks that Key be held by Owner, which is a message ID.
type Claim struct{ Key, Owner string }

// Ledger is the durable record of effects, which makes sinks idempotent.
type Ledger interface {
	// Effects returns what is recorded under each key, in the order asked; the zero
	// Effect where nothing is.
	Effects(ctx context.Context, keys []string) ([]Effect, error)

	// Record stores effects for at least keep, replacing what was under their keys.
	Record(ctx context.Context, effects []Effect, keep time.Duration) error
}

// An Effect is something done in the outside world that must happen once.
type Effect struct {
	// Key names the effect: "discord/<channel>/<item key>".
	Key string
	// ID is what the outside world calls it (a Discord message id).
	ID string
	// State is the sink's own note on what was last shown, to skip equal edits.
	State string
	// At is when it was recorded, set by the Ledger.
	At time.Time
}

// Embeddings keeps vectors by the text they were made from.
type Embeddings interface {
	// Vectors returns the vector of each hash within space (embedder, version and
	// dimension), in the order asked; nil where there is none.
	Vectors(ctx context.Context, space string, hashes []string) ([][]float32, error)

	// Keep stores vectors for ttl. Storing twice is storing once.
	Keep(ctx context.Context, space string, vectors map[string][]float32, ttl time.Duration) error
}

// Answers is the semantic cache: verdicts, found by what they were about.
type Answers interface {
	// Nearest returns, for each query and in their order, the live answer of the
	// query's scope whose vector is most similar, or whose hash is equal (which
	// counts as similarity 1). One round trip for all of them.
	Nearest(ctx context.Context, queries []Query) ([]Match, error)

	// Remember stores answers; a second one with the same scope and hash replaces
	// the first.
	Remember(ctx context.Context, answers []Answer) error

	// Expire deletes up to limit expired answers and returns how many. Expired
	// answers are never found, deleted or not.
	Expire(ctx context.Context, limit int) (int, error)
}

// Scope is what must be equal before similarity is even asked about.
type Scope struct {
	// Namespace names kind, prompt, models, embedder and dimension. Vectors of
	// one namespace have one dimension.
	Namespace string
	// Tickers is the sorted ticker set joined by commas.
	Tickers string
}

// A Query asks for the answer nearest to Vector, a unit vector.
type Query struct {
	Scope
	Hash   string // of the exact text, hex
	Vector []float32
}

// A Match is the answer nearest to a query.
type Match struct {
	Found      bool
	Similarity float64 // cosine, −1 … 1; exactly 1 for an equal hash
	Key        string  // of the item that was analysed
	Value      []byte  // as it was remembered
	At         time.Time
}

// An Answer is a verdict to remember.
type Answer struct {
	Scope
	Hash    string
	Vector  []float32
	Key     string
	Value   []byte
	At      time.Time
	Expires time.Time
}
