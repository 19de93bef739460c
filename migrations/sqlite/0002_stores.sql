-- +goose Up

-- Times are microseconds since 1970.

-- Which message speaks for an item.
CREATE TABLE claims (
    pipeline TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    owner    TEXT    NOT NULL,
    expires  INTEGER NOT NULL,
    PRIMARY KEY (pipeline, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_expires ON claims (expires);

-- What was done in the outside world.
CREATE TABLE effects (
    pipeline TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    PRIMARY KEY (pipeline, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX effects_expires ON effects (expires);

-- Vectors by the text they were made from: 32-bit floats, little-endian.
CREATE TABLE embeddings (
    space   TEXT    NOT NULL,
    hash    TEXT    NOT NULL,
    vector  BLOB    NOT NULL,
    expires INTEGER NOT NULL,
    UNIQUE (space, hash)
) STRICT;
CREATE INDEX embeddings_expires ON embeddings (expires);

-- The semantic cache.
CREATE TABLE answers (
    id        INTEGER PRIMARY KEY,
    namespace TEXT    NOT NULL,
    tickers   TEXT    NOT NULL,
    hash      TEXT    NOT NULL,
    vector    BLOB    NOT NULL,
    key       TEXT    NOT NULL,
    value     BLOB    NOT NULL,
    at        INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    UNIQUE (namespace, tickers, hash)
) STRICT;
CREATE INDEX answers_scope ON answers (namespace, tickers, expires);
CREATE INDEX answers_expires ON answers (expires);

-- +goose Down
DROP TABLE answers;
DROP TABLE embeddings;
DROP TABLE effects;
DROP TABLE claims;
