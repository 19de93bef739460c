-- +goose Up

-- Whether something is still to follow an effect, so that what never came can be found.
ALTER TABLE effects ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
CREATE INDEX effects_pending ON effects (pipeline, at) WHERE pending = 1;

-- +goose Down
DROP INDEX effects_pending;
ALTER TABLE effects DROP COLUMN pending;
