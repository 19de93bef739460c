// Package sqlitestore keeps everything the pipeline remembers in the embedded
// database: what lives beside the broker and what lives in the store, in the same file
// as the embedded broker. Searches are exact.
package sqlitestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"catalyst/internal/sqlite"
	"catalyst/internal/store"
)

// A Store is what one pipeline remembers in one file. Embeddings and answers,
// which are named by all they depend on, it shares with other pipelines.
type Store struct {
	db       *sqlite.DB
	pipeline string
	now      func() time.Time
}

var (
	_ store.Stories    = (*Store)(nil)
	_ store.Ledger     = (*Store)(nil)
	_ store.Embeddings = (*Store)(nil)
	_ store.Answers    = (*Store)(nil)
	_ store.Meters     = (*Store)(nil)
	_ store.Notes      = (*Store)(nil)
	_ store.Costs      = (*Store)(nil)
)

// Open opens the store of a pipeline in the file at path. The file's tables must
// be those of this program: see [sqlite.Migrate].
func Open(ctx context.Context, path, pipeline string) (*Store, error) {
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := sqlite.Check(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{db: db, pipeline: pipeline, now: time.Now}, nil
}

// SetClock makes windows and times to live count in another time than that of day,
// which may stand still but not go back. Call it before the first use.
func (s *Store) SetClock(now func() time.Time) { s.now = now }

// Ping reports whether the file can be read.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Close closes the file. Call it once.
func (s *Store) Close() error { return s.db.Close() }

// purgeBatch is how many expired rows a write deletes on its way. Each write
// adds fewer on average, so what has expired does not pile up. It is text: SQLite would
// prepare a statement anew each time whose LIMIT is a parameter.
const purgeBatch = `200`

// purge deletes some of what has expired, by statements that take now.
func purge(tx *sqlite.Tx, now time.Time, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(statement, micros(now)); err != nil {
			return err
		}
	}
	return nil
}

// encodeVector writes 32-bit floats, little-endian.
func encodeVector(v []float32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func decodeVector(b []byte) []float32 {
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = float32At(b, i)
	}
	return v
}

func float32At(b []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
