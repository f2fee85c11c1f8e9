-- How often somebody may do something, for all processes on this database.

CREATE TABLE limits (
    -- The word of what is limited.
    deed TEXT NOT NULL,
    -- A keyed digest of who does it: an address, a network or an account.
    doer BYTEA NOT NULL,
    -- When as much may be done as if nothing had been; the row is of no use from then on.
    until BIGINT NOT NULL,
    PRIMARY KEY (deed, doer)
);
CREATE INDEX limits_by_end ON limits (until);
