-- Removals: who is on a block list and wants to be off it asks, without an account.

CREATE TABLE removals (
    id INTEGER PRIMARY KEY,
    list BIGINT NOT NULL REFERENCES lists (id),
    -- The entry that was found, and what was asked about.
    key BLOB NOT NULL,
    target TEXT NOT NULL,
    -- Who asks: his mail address and his network; empty once they are of no more use.
    mail TEXT NOT NULL,
    network TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- The token of the link is a keyed digest of this, and is not stored.
    nonce BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('sent', 'queued', 'granted', 'refused', 'expired')),
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    decided BIGINT,
    -- Why it was decided so, or is not decided by itself.
    answer TEXT NOT NULL
);
CREATE INDEX removals_by_key ON removals (list, key, decided);
CREATE INDEX removals_by_mail ON removals (mail, created);
CREATE INDEX removals_by_network ON removals (network, created);
CREATE INDEX removals_by_state ON removals (state, id);
