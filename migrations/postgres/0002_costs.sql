-- +goose Up

-- The book of calls to models.
CREATE TABLE pipeline_costs (
	pipeline       text        NOT NULL,
	id             uuid        NOT NULL,
	at             timestamptz NOT NULL,
	key            text        NOT NULL, -- of the item
	source         text        NOT NULL,
	tickers        text[]      NOT NULL, -- each once; what is left of equal shares is the first one's
	provider       text        NOT NULL,
	model          text        NOT NULL,
	prompt         text        NOT NULL,
	status         text        NOT NULL, -- ok, or the class of the error
	tokens_in      bigint      NOT NULL,
	tokens_cached  bigint      NOT NULL,
	tokens_written bigint      NOT NULL,
	tokens_out     bigint      NOT NULL,
	nano_dollars   bigint      NOT NULL,
	unpriced       boolean     NOT NULL, -- nobody knows the price: nano_dollars is 0 and means nothing
	estimated      boolean     NOT NULL, -- the server did not say what it used
	latency        bigint      NOT NULL, -- microseconds
	PRIMARY KEY (pipeline, id)
);
CREATE INDEX pipeline_costs_at ON pipeline_costs (pipeline, at);

-- +goose Down
DROP TABLE pipeline_costs;
