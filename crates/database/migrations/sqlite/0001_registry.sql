-- The registry: lists, what is in them, who changed it and why, what is still to be done.
-- Times are microseconds since 1970 (UTC); names of domains are lower case, without the last dot.

CREATE TABLE lists (
    id INTEGER PRIMARY KEY,
    apex TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    polarity TEXT NOT NULL CHECK (polarity IN ('block', 'allow', 'info')),
    keys TEXT NOT NULL CHECK (keys IN ('addresses', 'names')),
    ttl BIGINT NOT NULL CHECK (ttl BETWEEN 1 AND 2147483647),
    contact TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'retiring', 'retired')),
    -- That of the last change; the one in DNS, snapshots and exports.
    serial BIGINT NOT NULL CHECK (serial BETWEEN 1 AND 4294967295),
    created BIGINT NOT NULL
);

CREATE TABLE codes (
    list BIGINT NOT NULL REFERENCES lists (id),
    code TEXT NOT NULL,
    meaning TEXT NOT NULL,
    PRIMARY KEY (list, code)
);

-- Categories are added or renamed, never deleted, and no number is used again.
CREATE TABLE categories (
    list BIGINT NOT NULL REFERENCES lists (id),
    number BIGINT NOT NULL CHECK (number BETWEEN 0 AND 255),
    name TEXT NOT NULL,
    PRIMARY KEY (list, number)
);

CREATE TABLE policies (
    list BIGINT NOT NULL REFERENCES lists (id),
    version BIGINT NOT NULL,
    text TEXT NOT NULL,
    published BIGINT NOT NULL,
    PRIMARY KEY (list, version)
);

-- Why something is listed, as the list's policy says it.
CREATE TABLE criteria (
    id INTEGER PRIMARY KEY,
    list BIGINT NOT NULL REFERENCES lists (id),
    slug TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    since BIGINT NOT NULL,
    FOREIGN KEY (list, since) REFERENCES policies (list, version),
    UNIQUE (list, slug)
);

CREATE TABLE organisations (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    created BIGINT NOT NULL
);

-- Where entries come from: a person's hand, an import, a feed, evidence.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- What is listed, and what never is (no code). A key may be listed with several codes.
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    list BIGINT NOT NULL REFERENCES lists (id),
    key BLOB NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    reason TEXT NOT NULL,
    criterion BIGINT REFERENCES criteria (id),
    source BIGINT NOT NULL REFERENCES sources (id),
    organisation BIGINT REFERENCES organisations (id),
    since BIGINT NOT NULL,
    expires BIGINT,
    review BIGINT,
    UNIQUE (list, key, code)
);
CREATE INDEX entries_expire ON entries (expires) WHERE expires IS NOT NULL;
CREATE INDEX entries_by_source ON entries (source, list);
CREATE INDEX entries_by_organisation ON entries (organisation) WHERE organisation IS NOT NULL;

-- Keys of which something changed, by the serial that changed it: what a follower asks for.
CREATE TABLE changes (
    list BIGINT NOT NULL REFERENCES lists (id),
    serial BIGINT NOT NULL,
    key BLOB NOT NULL,
    PRIMARY KEY (list, serial, key)
);

-- Who did something, as the audit log names him: erasing a person empties `account` here, and the log stays whole.
CREATE TABLE actors (
    pseudonym TEXT PRIMARY KEY,
    account BIGINT UNIQUE
);

-- What was done. Never changed; each row's digest covers the row before.
CREATE TABLE audit (
    number BIGINT PRIMARY KEY,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL REFERENCES actors (pseudonym),
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    digest BLOB NOT NULL
);
CREATE INDEX audit_by_subject ON audit (subject, number);

-- The end of the audit log; its row is locked by whoever appends.
CREATE TABLE audit_end (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    number BIGINT NOT NULL,
    digest BLOB NOT NULL
);
INSERT INTO audit_end (one, number, digest)
VALUES (1, 0, x'0000000000000000000000000000000000000000000000000000000000000000');

-- Work that outlives a process. A job with a key is there once.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT UNIQUE,
    payload TEXT NOT NULL,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    -- Until then somebody works on it.
    taken BIGINT,
    error TEXT
);
CREATE INDEX jobs_due ON jobs (due);
