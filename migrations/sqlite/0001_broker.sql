-- +goose Up

-- A message stays until every group of its topic has acknowledged it. Its id is
-- its position, and is never given again: a group's cursor relies on it.
CREATE TABLE messages (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    topic    TEXT    NOT NULL,
    uuid     TEXT    NOT NULL,
    metadata TEXT    NOT NULL, -- as in the query of a URL: key=value&key=value
    payload  BLOB    NOT NULL,
    at       INTEGER NOT NULL  -- published, microseconds since 1970
) STRICT;
CREATE INDEX messages_topic ON messages (topic, id);

-- What a group has of a topic: messages up to cursor were given to its members.
CREATE TABLE groups (
    id     INTEGER PRIMARY KEY,
    topic  TEXT    NOT NULL,
    name   TEXT    NOT NULL,
    cursor INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, name)
) STRICT;

-- A member is a subscriber of a process. It counts its beat up while it lives;
-- when that stands still for lease milliseconds, or the process is gone, it is
-- dead. Ids are never given again: a member that lost its place must notice.
CREATE TABLE members (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT    NOT NULL,
    host    TEXT    NOT NULL, -- where pid means something
    pid     INTEGER NOT NULL,
    process TEXT    NOT NULL, -- tells processes apart that had the same pid
    lease   INTEGER NOT NULL,
    beat    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A message that was given to a group and is not yet acknowledged.
CREATE TABLE deliveries (
    grp        INTEGER NOT NULL REFERENCES groups (id),
    message    INTEGER NOT NULL,
    member     INTEGER,          -- that has it in hand; NULL if nobody has
    count      INTEGER NOT NULL, -- deliveries so far
    not_before INTEGER NOT NULL, -- milliseconds since 1970
    PRIMARY KEY (grp, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_free ON deliveries (grp, not_before) WHERE member IS NULL;

-- +goose Down
DROP TABLE deliveries;
DROP TABLE members;
DROP TABLE groups;
DROP TABLE messages;
