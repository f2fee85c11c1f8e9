-- Codes with which no import and no rule lists a key, because it was decided so, although the key is listed otherwise.
CREATE TABLE kept_out_codes (
    list BIGINT NOT NULL REFERENCES lists (id),
    key BLOB NOT NULL,
    code TEXT NOT NULL,
    since BIGINT NOT NULL,
    -- None for ever.
    until BIGINT,
    actor TEXT NOT NULL REFERENCES actors (pseudonym),
    reason TEXT NOT NULL,
    PRIMARY KEY (list, key, code)
);
CREATE INDEX kept_out_codes_by_end ON kept_out_codes (until) WHERE until IS NOT NULL;
