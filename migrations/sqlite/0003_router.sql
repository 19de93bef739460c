-- +goose Up

-- Times are microseconds since 1970.

-- What is used of limits.
CREATE TABLE meters (
    pipeline TEXT    NOT NULL,
    counter  TEXT    NOT NULL,
    used     INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    PRIMARY KEY (pipeline, counter)
) STRICT, WITHOUT ROWID;
CREATE INDEX meters_expires ON meters (expires);

-- Who has a place, where places are limited.
CREATE TABLE holders (
    pipeline TEXT    NOT NULL,
    counter  TEXT    NOT NULL,
    holder   TEXT    NOT NULL,
    expires  INTEGER NOT NULL,
    PRIMARY KEY (pipeline, counter, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX holders_expires ON holders (expires);

-- Small values that outlive a process.
CREATE TABLE notes (
    pipeline TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    value    BLOB    NOT NULL,
    expires  INTEGER NOT NULL,
    PRIMARY KEY (pipeline, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX notes_expires ON notes (expires);

-- The book of calls to models.
CREATE TABLE calls (
    id             INTEGER PRIMARY KEY,
    pipeline       TEXT    NOT NULL,
    uuid           TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    key            TEXT    NOT NULL, -- of the item
    source         TEXT    NOT NULL,
    tickers        INTEGER NOT NULL, -- how many: call_tickers has them
    provider       TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    prompt         TEXT    NOT NULL,
    status         TEXT    NOT NULL, -- ok, or the class of the error
    tokens_in      INTEGER NOT NULL,
    tokens_cached  INTEGER NOT NULL,
    tokens_written INTEGER NOT NULL,
    tokens_out     INTEGER NOT NULL,
    nano_dollars   INTEGER NOT NULL,
    unpriced       INTEGER NOT NULL, -- 0 or 1
    estimated      INTEGER NOT NULL, -- 0 or 1
    latency        INTEGER NOT NULL, -- microseconds
    UNIQUE (pipeline, uuid)
) STRICT;
CREATE INDEX calls_at ON calls (pipeline, at);

-- The tickers a call was about, each once, in their order from 0.
CREATE TABLE call_tickers (
    call   INTEGER NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    n      INTEGER NOT NULL,
    ticker TEXT    NOT NULL,
    PRIMARY KEY (call, n)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE call_tickers;
DROP TABLE calls;
DROP TABLE notes;
DROP TABLE holders;
DROP TABLE meters;
