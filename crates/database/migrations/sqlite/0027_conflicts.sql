-- What editors said they are partial in: until they take that back, others decide it.
CREATE TABLE conflicts (
    -- `request`, `removal` or `proposal`.
    kind TEXT NOT NULL,
    -- The number of that.
    subject BIGINT NOT NULL,
    account BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (kind, subject, account)
);
CREATE INDEX conflicts_by_account ON conflicts (account);
