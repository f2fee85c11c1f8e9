-- What two editors have to agree to: what one of them agreed to, and since when; and what one of them wants.

ALTER TABLE removals ADD COLUMN agreed_at BIGINT;
UPDATE removals SET agreed_at = created WHERE agreed IS NOT NULL;
ALTER TABLE proposals ADD COLUMN agreed BIGINT;
ALTER TABLE proposals ADD COLUMN agreed_at BIGINT;

-- A change that one editor wants and another one has to agree to.
CREATE TABLE motions (
    id INTEGER PRIMARY KEY,
    list BIGINT NOT NULL REFERENCES lists (id),
    -- What changes: `entries`, `publishing` or `code`.
    kind TEXT NOT NULL,
    -- What the audit log calls it once it is done.
    action TEXT NOT NULL,
    -- Who wants it.
    account BIGINT NOT NULL,
    reason TEXT NOT NULL,
    -- Why two have to agree, in a word.
    two TEXT NOT NULL,
    -- What is there before and afterwards, as JSON.
    particulars TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'confirmed', 'refused', 'withdrawn', 'expired', 'stale')),
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    -- When it ended, by whom, and what was said of it; empty if nothing was.
    decided BIGINT,
    decided_by TEXT REFERENCES actors (pseudonym),
    answer TEXT NOT NULL,
    -- With which serial it was done.
    serial BIGINT
);
CREATE INDEX motions_by_state ON motions (state, id);
CREATE INDEX motions_by_account ON motions (account);
