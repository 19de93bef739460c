package store

import (
	"context"
	"time"
)

// Shelf is what people do with the answers of the semantic cache by hand. What is stored
// is nobody's in particular: pipelines that share a store share it.
type Shelf interface {
	// Stocks counts the answers of each namespace, the largest first.
	Stocks(ctx context.Context) ([]Stock, error)

	// Kept returns up to limit answers that a selection matches, the newest first,
	// expired ones too.
	Kept(ctx context.Context, s Selection, limit int) ([]Answer, error)

	// Purge deletes up to limit answers that a selection matches and returns how many.
	Purge(ctx context.Context, s Selection, limit int) (int, error)
}

// A Stock is what there is of a namespace.
type Stock struct {
	Namespace      string
	Rows, Expired  int
	Oldest, Newest time.Time // of when the verdicts were given
}

// A Selection matches the answers that match all of its fields that are not zero.
type Selection struct {
	Namespace string // or the beginning of it
	Ticker    string // is one of the answer's
	Key       string // of the item that was analysed
	Before    time.Time
}
