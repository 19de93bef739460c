// Package sqlite opens the embedded database: one file that the broker and the
// stores share when there is no Redis and no PostgreSQL.
//
// SQLite has one writer at a time, and making a transaction durable costs a
// flush of the disk. So all writes of a process go through one goroutine, which
// commits whatever has been asked for meanwhile as one transaction ([DB.Write]):
// the more there is to do, the less each write costs. Reads run beside it.
// Other processes may use the same file at the same time.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

const (
	// readers bounds the connections that read; each has a page cache of its own.
	readers = 4
	// busyTimeout is how long a connection waits for another process.
	busyTimeout = 10 * time.Second
)

// ErrClosed is what a closed DB answers.
var ErrClosed = errors.New("the database is closed")

// A DB is one embedded database file, open.
type DB struct {
	path    string
	writing *sql.DB
	reading *sql.DB
	jobs    chan *job
	closing chan struct{}
	closed  chan struct{} // the writer has ended

	mu   sync.Mutex
	news chan struct{}
}

// files are the databases open in this process, by absolute path.
var files = struct {
	sync.Mutex
	open map[string]*shared
}{open: make(map[string]*shared)}

type shared struct {
	*DB
	users int
}

// Open opens the file at path, and makes it and its folders if they are not
// there. Opening a file again gives the same DB; it is closed by the last Close.
// The tables are made by [Migrate].
func Open(ctx context.Context, path string) (*DB, error) { return shareOpen(ctx, path, "FULL") }

// OpenVolatile is Open for what need not outlive the machine's power: nothing is flushed,
// which makes writes a hundred times as fast. Whoever opens the file meanwhile shares
// that; a file that is open already stays as it is.
func OpenVolatile(ctx context.Context, path string) (*DB, error) { return shareOpen(ctx, path, "OFF") }

func shareOpen(ctx context.Context, path, synchronous string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	files.Lock()
	defer files.Unlock()
	if f, ok := files.open[path]; ok {
		f.users++
		return f.DB, nil
	}
	db, err := open(ctx, path, synchronous)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	files.open[path] = &shared{db, 1}
	return db, nil
}

func open(ctx context.Context, path, synchronous string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	writing, err := connect(path, synchronous, 1, 0) // the writer does its own waiting, in begin
	if err != nil {
		return nil, err
	}
	reading, err := connect(path, synchronous, readers, busyTimeout)
	if err != nil {
		return nil, errors.Join(err, writing.Close())
	}
	conn, err := first(ctx, writing)
	if err != nil {
		return nil, errors.Join(err, writing.Close(), reading.Close())
	}
	db := &DB{
		path:    path,
		writing: writing,
		reading: reading,
		jobs:    make(chan *job, maxJobs),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	go db.write(conn)
	return db, nil
}

// connect prepares connections to path.
//
// FULL flushes the log at every commit, so that what was acknowledged survives
// a power cut and not only a crash. Because commits are shared it costs little:
// see BenchmarkBroker in internal/broker/embedded for the figures.
func connect(path, synchronous string, connections int, wait time.Duration) (*sql.DB, error) {
	connector, err := driver.NewConnector(source(path) + "?" + url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()),
		"journal_mode(WAL)",
		"synchronous(" + synchronous + ")",
		"foreign_keys(1)",
		"journal_size_limit(67108864)", // the log gives its disk space back after a burst
	}}.Encode())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// source is path as a URL, in which no character of a file's name is special.
func source(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // file:///C:/…
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// first makes the first connection. A file is switched to write-ahead logging
// with everybody else locked out, and SQLite does not wait for that by itself when
// several processes start at once.
func first(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	giveUp := time.Now().Add(busyTimeout)
	for {
		conn, err := db.Conn(ctx)
		if err == nil || !busy(err) || time.Now().After(giveUp) {
			return conn, err
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// busy reports whether err says that another connection holds a lock.
func busy(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff
	return code == lib.SQLITE_BUSY || code == lib.SQLITE_LOCKED
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Path returns the absolute path of the file.
func (db *DB) Path() string { return db.path }

// Read returns the connections for queries. They see what has been committed.
func (db *DB) Read() *sql.DB { return db.reading }

// Snapshot runs do in a transaction that reads: all it sees is of one moment.
func (db *DB) Snapshot(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := db.reading.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return wrap("begin reading", err)
	}
	defer tx.Rollback() // there is nothing to commit
	return do(tx)
}

// Ping reports whether the file can be read.
func (db *DB) Ping(ctx context.Context) error {
	var tables int
	err := db.reading.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables)
	if err != nil {
		return fmt.Errorf("read database %s: %w", db.path, err)
	}
	return nil
}

// Close ends one use of the database. The last one waits for the writes asked
// for, and closes the file. Each Open wants one Close, and no more.
func (db *DB) Close() error {
	files.Lock()
	defer files.Unlock()
	f := files.open[db.path]
	if f == nil || f.DB != db {
		return nil
	}
	if f.users--; f.users > 0 {
		return nil
	}
	delete(files.open, db.path)
	close(db.closing)
	<-db.closed
	// Closing the last connection moves the log into the file.
	return errors.Join(db.reading.Close(), db.writing.Close())
}
