-- Subscribers: servers elsewhere that may have lists.

CREATE TABLE subscribers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    -- The token itself is not stored.
    digest BLOB NOT NULL UNIQUE,
    -- All lists, those of tomorrow too; or those that are named.
    scope TEXT NOT NULL CHECK (scope IN ('all', 'named')),
    created BIGINT NOT NULL,
    -- When the token was last shown, to a few minutes.
    seen BIGINT,
    revoked BIGINT
);
-- A name may be given again once its token is revoked.
CREATE UNIQUE INDEX subscribers_by_name ON subscribers (name) WHERE revoked IS NULL;

CREATE TABLE subscriber_lists (
    subscriber BIGINT NOT NULL REFERENCES subscribers (id),
    list BIGINT NOT NULL REFERENCES lists (id),
    PRIMARY KEY (subscriber, list)
);
