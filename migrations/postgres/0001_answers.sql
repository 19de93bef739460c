-- +goose Up

-- In public, so that a database whose programs have schemas of their own shares one.
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

-- What the semantic cache remembers.
CREATE TABLE pipeline_answers (
	scope      bytea       NOT NULL, -- SHA-256 of namespace, tickers and dimension: what must be equal
	hash       text        NOT NULL, -- of the exact text
	vector     vector      NOT NULL, -- of one dimension within a scope
	key        bytea       NOT NULL, -- of the item that was analysed: any bytes a feed sends
	value      bytea       NOT NULL, -- the verdict
	at         timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	namespace  text        NOT NULL, -- for people who look, as far as it is text
	tickers    text        NOT NULL,
	PRIMARY KEY (scope, hash)
) WITH (
	-- Keep vectors of up to 2,000 dimensions in the row: by default those from 500
	-- up would be moved aside, and each lookup would fetch them one by one.
	toast_tuple_target = 8160
);

-- The search is exact and looks at the live answers of one scope. An approximate
-- index over all vectors would find neighbours in other scopes and then drop them.
CREATE INDEX pipeline_answers_live ON pipeline_answers (scope, expires_at);

-- For deleting what has expired.
CREATE INDEX pipeline_answers_expiry ON pipeline_answers (expires_at);

-- +goose Down
DROP TABLE pipeline_answers;
