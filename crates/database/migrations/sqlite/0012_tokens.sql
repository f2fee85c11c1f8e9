-- Tokens by which programs act for an account, and what they were answered lately.

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY,
    account BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- The token itself is not stored.
    digest BLOB NOT NULL UNIQUE,
    -- What it may be used for: words with a blank between them.
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    -- When it ends by itself.
    expires BIGINT,
    -- When it was last shown, to a few minutes.
    seen BIGINT
);
CREATE INDEX tokens_by_account ON tokens (account);

-- What was answered to a change, so that whoever asks for it again under the same key gets the same answer.
CREATE TABLE answers (
    account BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    -- Of what was asked.
    digest BLOB NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE INDEX answers_by_time ON answers (created);
