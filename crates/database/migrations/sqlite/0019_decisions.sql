-- What was asked for is found again by what it is about, what was taken off a list is kept off it, and waves of
-- removals are seen.

-- The network that an item is about, as entries have it; written later for items that are older than this column.
ALTER TABLE request_items ADD COLUMN key BLOB;
CREATE INDEX request_items_by_key ON request_items (key) WHERE key IS NOT NULL;
CREATE INDEX request_items_without_key ON request_items (request)
    WHERE key IS NULL AND action IN ('add', 'remove', 'rescore');
CREATE INDEX requests_by_account ON requests (account, id);
CREATE INDEX requests_by_wait ON requests (state, COALESCE(submitted, created), id);
CREATE INDEX requests_by_touch ON requests (touched, id);

-- For how many days what was taken off a list is kept off it, whatever an import says; 0 for not at all.
ALTER TABLE lists ADD COLUMN keep_out BIGINT NOT NULL DEFAULT 30;

-- Keys that no import lists, because it was decided so.
CREATE TABLE kept_out (
    list BIGINT NOT NULL REFERENCES lists (id),
    key BLOB NOT NULL,
    since BIGINT NOT NULL,
    -- None for ever.
    until BIGINT,
    actor TEXT NOT NULL REFERENCES actors (pseudonym),
    reason TEXT NOT NULL,
    PRIMARY KEY (list, key)
);
CREATE INDEX kept_out_by_end ON kept_out (until) WHERE until IS NOT NULL;

-- By what else than who asks removals belong together: the domain of the names that DNS gives the target, and what
-- listed it.
ALTER TABLE removals ADD COLUMN domain TEXT NOT NULL DEFAULT '';
ALTER TABLE removals ADD COLUMN source BIGINT;
ALTER TABLE removals ADD COLUMN criterion BIGINT;
CREATE INDEX removals_by_domain ON removals (domain, created) WHERE domain <> '';
CREATE INDEX removals_by_origin ON removals (list, source, criterion, created);
