-- +goose Up

-- How long a group of stories is kept. It lives on when it is joined, with all its arrivals:
-- kept in each of those, that was up to 128 rows to write for every headline.
CREATE TABLE story_groups (
    pipeline TEXT    NOT NULL,
    grp      TEXT    NOT NULL,
    expires  INTEGER NOT NULL, -- microseconds since 1970
    PRIMARY KEY (pipeline, grp)
) STRICT, WITHOUT ROWID;
CREATE INDEX story_groups_expires ON story_groups (expires);
INSERT INTO story_groups SELECT pipeline, grp, MAX(expires) FROM arrivals GROUP BY pipeline, grp;
DROP INDEX arrivals_expires;
ALTER TABLE arrivals DROP COLUMN expires;

-- +goose Down
ALTER TABLE arrivals ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
UPDATE arrivals SET expires = (SELECT expires FROM story_groups g WHERE g.pipeline = arrivals.pipeline AND g.grp = arrivals.grp);
CREATE INDEX arrivals_expires ON arrivals (expires);
DROP TABLE story_groups;
