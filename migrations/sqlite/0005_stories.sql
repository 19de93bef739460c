-- +goose Up

-- What a message was about, for a while, in the order in which messages joined a group.
CREATE TABLE arrivals (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    pipeline TEXT    NOT NULL,
    grp      TEXT    NOT NULL,
    id       TEXT    NOT NULL, -- of the message
    key      TEXT    NOT NULL, -- of its item
    text     TEXT    NOT NULL,
    at       INTEGER NOT NULL, -- milliseconds since 1970, by the pipeline's clock
    expires  INTEGER NOT NULL  -- microseconds since 1970
) STRICT;
CREATE INDEX arrivals_group ON arrivals (pipeline, grp, seq);
CREATE INDEX arrivals_expires ON arrivals (expires);

-- Where else a story was met that message id has told.
CREATE TABLE sightings (
    pipeline TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    url      TEXT    NOT NULL,
    title    TEXT    NOT NULL,
    at       INTEGER NOT NULL, -- milliseconds since 1970, by the pipeline's clock
    expires  INTEGER NOT NULL, -- microseconds since 1970
    PRIMARY KEY (pipeline, id, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX sightings_expires ON sightings (expires);

-- +goose Down
DROP TABLE sightings;
DROP TABLE arrivals;
