-- Accounts: who may do what, who is signed in, links that work once, mail that waits to be sent.
-- Of what opens a door (a session, a link) only the digest is here.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    -- Lower case.
    mail TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- Argon2id, as a PHC string.
    password TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('member', 'editor', 'administrator')),
    created BIGINT NOT NULL
);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    account BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- Where it was begun, for the person to recognise.
    client TEXT NOT NULL,
    created BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    -- When the person last proved who he is.
    proven BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account);
CREATE INDEX sessions_expire ON sessions (expires);

CREATE TABLE links (
    digest BLOB PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('join', 'reset', 'second')),
    -- None if whoever has the link says it himself.
    mail TEXT,
    -- What somebody who joins becomes.
    role TEXT NOT NULL CHECK (role IN ('member', 'editor', 'administrator')),
    expires BIGINT NOT NULL
);
CREATE INDEX links_expire ON links (expires);

-- A row is gone when its mail is sent, and with it the link that is in it.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    plain TEXT NOT NULL,
    html TEXT NOT NULL,
    created BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT
);
CREATE INDEX outbox_due ON outbox (due);
