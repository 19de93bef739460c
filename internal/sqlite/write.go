package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// maxJobs bounds what one transaction does for how many callers, and so how
	// long other processes wait for it.
	maxJobs = 256
	// maxHold ends a transaction early that has become long all the same.
	maxHold = 50 * time.Millisecond
	// look is how often the writer, when idle, looks whether another process has
	// written.
	look = 20 * time.Millisecond
)

// A job is a caller's part of a transaction.
type job struct {
	do    func(*Tx) error
	state atomic.Int32
	done  chan error
}

const (
	jobWaiting int32 = iota
	jobTaken
	jobGivenUp
)

// Write runs do in a transaction that can write, and returns when it is
// durable. Callers share transactions: do is undone alone if it returns an error,
// and Write returns that error. do must only work on the database, and must
// expect to be followed or preceded by others'; it runs while nobody else can write.
//
// If ctx ends before do has begun, do is not run; afterwards it no longer matters.
func (db *DB) Write(ctx context.Context, do func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{do: do, done: make(chan error, 1)}
	select {
	case <-db.closing:
		return ErrClosed
	default:
	}
	select {
	case db.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closing:
		return ErrClosed
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobGivenUp) {
			return ctx.Err()
		}
	case <-db.closed:
	}
	select {
	case err := <-j.done:
		return err
	case <-db.closed:
		// It may have been answered last of all.
		select {
		case err := <-j.done:
			return err
		default:
			return ErrClosed
		}
	}
}

// News returns a channel that is closed when a transaction is committed that
// called [Tx.Announce], or another process has written anything.
func (db *DB) News() <-chan struct{} {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.news == nil {
		db.news = make(chan struct{})
	}
	return db.news
}

func (db *DB) tell() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.news != nil {
		close(db.news)
		db.news = nil
	}
}

// awaited reports whether somebody waits for news.
func (db *DB) awaited() bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.news != nil
}

// write is the goroutine that owns the writing connection.
func (db *DB) write(conn *sql.Conn) {
	defer close(db.closed)
	defer conn.Close()
	tx := &Tx{conn: conn, prepared: make(map[string]*sql.Stmt)}
	defer tx.close()
	foreign := time.NewTicker(look)
	defer foreign.Stop()
	version := tx.version()
	for {
		select {
		case j := <-db.jobs:
			db.commit(tx, j)
		case <-foreign.C:
			if !db.awaited() {
				continue
			}
			// The number changes when any other connection has written, not this one.
			if now := tx.version(); now != version {
				version = now
				db.tell()
			}
		case <-db.closing:
			for {
				select {
				case j := <-db.jobs:
					db.commit(tx, j)
				default:
					return
				}
			}
		}
	}
}

// commit makes one transaction of first and whatever else waits.
func (db *DB) commit(tx *Tx, first *job) {
	if first.state.Load() == jobGivenUp {
		return
	}
	if err := tx.begin(); err != nil {
		// One after the other those behind it would each wait as long.
		for j := first; j != nil; j = db.next() {
			if j.take() {
				j.done <- err
			}
		}
		return
	}
	began := time.Now()
	var jobs []*job
	var errs []error
	for j := first; j != nil; j = db.next() {
		switch {
		case !j.take():
		case len(jobs) == 0:
			// Most transactions have one job, and a savepoint takes a third of those: what
			// has failed so far is all there is.
			if err := tx.run(j.do); err != nil {
				tx.Exec(`ROLLBACK`) // it may have been rolled back by itself
				j.done <- err
				return
			}
			jobs, errs = append(jobs, j), append(errs, nil)
		default:
			jobs, errs = append(jobs, j), append(errs, tx.try(j.do))
		}
		if len(jobs) == maxJobs || time.Since(began) >= maxHold || tx.broken {
			break
		}
	}
	err := tx.commit()
	if err == nil && tx.announce {
		db.tell()
	}
	for i, j := range jobs {
		j.done <- errors.Join(err, errs[i])
	}
}

// next returns a job that waits; nil if none does.
func (db *DB) next() *job {
	select {
	case j := <-db.jobs:
		return j
	default:
		return nil
	}
}

// take is false if the caller has given the job up.
func (j *job) take() bool { return j.state.CompareAndSwap(jobWaiting, jobTaken) }

// A Tx is the transaction that a function given to [DB.Write] works in. It keeps
// the statements it has seen prepared, so their texts should be constants.
type Tx struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	announce bool
	broken   bool // SQLite has given up the transaction, as on a full disk
}

// Announce says that others may be waiting for what this transaction writes:
// see [DB.News].
func (tx *Tx) Announce() { tx.announce = true }

// Exec runs a statement and returns how many rows it changed.
func (tx *Tx) Exec(query string, args ...any) (int, error) {
	stmt, err := tx.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.Exec(args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// Query runs a query and calls each with every row.
func (tx *Tx) Query(each func(scan func(...any) error) error, query string, args ...any) error {
	stmt, err := tx.prepare(query)
	if err != nil {
		return err
	}
	rows, err := stmt.Query(args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Get scans the first row of a query; it returns [sql.ErrNoRows] if there is none.
func (tx *Tx) Get(query string, args []any, into ...any) error {
	stmt, err := tx.prepare(query)
	if err != nil {
		return err
	}
	return stmt.QueryRow(args...).Scan(into...)
}

func (tx *Tx) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := tx.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := tx.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	tx.prepared[query] = stmt
	return stmt, nil
}

func (tx *Tx) close() {
	for _, stmt := range tx.prepared {
		stmt.Close()
	}
}

// begin takes the write lock. SQLite's own waiting backs off to a tenth of a
// second, in which a busy process takes the lock ten times: this asks more often.
func (tx *Tx) begin() error {
	tx.announce, tx.broken = false, false
	giveUp := time.Now().Add(busyTimeout)
	for {
		_, err := tx.Exec(`BEGIN IMMEDIATE`)
		if err == nil || !busy(err) || time.Now().After(giveUp) {
			return wrap("begin transaction", err)
		}
		time.Sleep(200*time.Microsecond + rand.N(time.Millisecond))
	}
}

func (tx *Tx) commit() error {
	if tx.broken {
		tx.Exec(`ROLLBACK`)
		return errors.New("commit: the transaction was given up")
	}
	_, err := tx.Exec(`COMMIT`)
	if err != nil {
		tx.Exec(`ROLLBACK`) // it may have been rolled back by itself
	}
	return wrap("commit", err)
}

// try runs do so that it leaves nothing behind if it fails or panics, and what others did stays.
func (tx *Tx) try(do func(*Tx) error) error {
	_, err := tx.Exec(`SAVEPOINT job`)
	if err != nil {
		return err
	}
	announced := tx.announce
	err = tx.run(do)
	if err != nil {
		tx.announce = announced
		_, undone := tx.Exec(`ROLLBACK TO job`)
		tx.broken = undone != nil
	}
	if _, released := tx.Exec(`RELEASE job`); err == nil {
		err = released
	}
	return err
}

// run runs do; a panic is an error.
func (tx *Tx) run(do func(*Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in a transaction: %v", r)
		}
	}()
	return do(tx)
}

// version returns the number that changes with other connections' writes, or
// the last one if it cannot be read now.
func (tx *Tx) version() (v int64) {
	if err := tx.Get(`PRAGMA data_version`, nil, &v); err != nil {
		return -1
	}
	return v
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
