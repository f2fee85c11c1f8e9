-- What proves a person besides a password, and accounts that an administrator locks.

-- Since when nobody may use it; none if it is not locked.
ALTER TABLE accounts ADD COLUMN locked BIGINT;
-- When its person was last here, to a few minutes.
ALTER TABLE accounts ADD COLUMN seen BIGINT;

-- Somebody has given his password and is to show his second factor. No session yet, and so no right to anything.
CREATE TABLE sign_ins (
    digest BLOB PRIMARY KEY,
    account BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- How often he was wrong.
    failures BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sign_ins_by_account ON sign_ins (account);
CREATE INDEX sign_ins_expire ON sign_ins (expires);

-- Codes that change every half minute (RFC 6238).
CREATE TABLE totps (
    account BIGINT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- Shown until it is confirmed, and never again.
    secret BLOB NOT NULL,
    -- Since when it counts; none until a code has shown that somebody has it.
    confirmed BIGINT,
    -- The half minute whose code was last taken: no code is taken twice.
    step BIGINT NOT NULL
);

-- For whoever has lost his second factor; each is gone once it is used.
CREATE TABLE recovery_codes (
    account BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    digest BLOB NOT NULL,
    PRIMARY KEY (account, digest)
);

CREATE TABLE passkeys (
    id INTEGER PRIMARY KEY,
    account BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- By what its browser names it.
    credential BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- The public key and what else is known of it, as JSON.
    content TEXT NOT NULL,
    created BIGINT NOT NULL,
    used BIGINT
);
CREATE INDEX passkeys_by_account ON passkeys (account, id);

-- What a browser was asked to sign, until it has.
CREATE TABLE ceremonies (
    digest BLOB PRIMARY KEY,
    -- None if the passkey is to say whose it is.
    account BIGINT REFERENCES accounts (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CHECK (purpose IN ('register', 'show', 'sign-in')),
    state TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX ceremonies_by_account ON ceremonies (account);
CREATE INDEX ceremonies_expire ON ceremonies (expires);

CREATE INDEX audit_by_actor ON audit (actor, number);
