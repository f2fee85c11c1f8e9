-- Evidence: what was seen of addresses and names, by whom, and the rules that make entries of it.

-- Who brings evidence.
CREATE TABLE evidence_sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('trap', 'abuse-report', 'observation')),
    created BIGINT NOT NULL,
    -- Since when nothing more is taken from it; none if it is open.
    closed BIGINT
);

CREATE TABLE observations (
    id INTEGER PRIMARY KEY,
    source BIGINT NOT NULL REFERENCES evidence_sources (id),
    class TEXT NOT NULL,
    key BLOB NOT NULL,
    seen BIGINT NOT NULL,
    received BIGINT NOT NULL,
    count BIGINT NOT NULL CHECK (count BETWEEN 1 AND 1000000000),
    -- A keyed digest of the trap that was hit, never the trap.
    trap BLOB,
    detail TEXT NOT NULL
);
CREATE INDEX observations_by_key ON observations (key, seen);
CREATE INDEX observations_by_source ON observations (source);
CREATE INDEX observations_by_time ON observations (seen);

-- Keys whose evidence changed since rules looked at it.
CREATE TABLE evidence_waiting (
    key BLOB PRIMARY KEY,
    -- 1 if evidence was taken away, so that entries may go.
    lost BIGINT NOT NULL CHECK (lost IN (0, 1))
);

-- Its one row is locked by whoever brings evidence or looks at it.
CREATE TABLE evidence_turn (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    turns BIGINT NOT NULL
);

CREATE TABLE rules (
    id INTEGER PRIMARY KEY,
    list BIGINT NOT NULL REFERENCES lists (id),
    name TEXT NOT NULL,
    -- The version that holds, the last one.
    version BIGINT NOT NULL,
    -- Since when it does something; none if it is off.
    enabled BIGINT,
    created BIGINT NOT NULL,
    UNIQUE (list, name)
);

-- Never changed.
CREATE TABLE rule_versions (
    rule BIGINT NOT NULL REFERENCES rules (id),
    version BIGINT NOT NULL,
    -- Words with spaces between them; none are all.
    classes TEXT NOT NULL,
    sources TEXT NOT NULL,
    hits BIGINT NOT NULL,
    from_sources BIGINT NOT NULL,
    from_traps BIGINT NOT NULL,
    -- Both in microseconds.
    span BIGINT NOT NULL,
    lasts BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('propose', 'list')),
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    reason TEXT NOT NULL,
    criterion BIGINT REFERENCES criteria (id),
    ipv4_prefix BIGINT NOT NULL CHECK (ipv4_prefix BETWEEN 0 AND 32),
    ipv6_prefix BIGINT NOT NULL CHECK (ipv6_prefix BETWEEN 0 AND 128),
    created BIGINT NOT NULL,
    PRIMARY KEY (rule, version)
);

-- What a rule would list, for an editor to decide.
CREATE TABLE proposals (
    id INTEGER PRIMARY KEY,
    rule BIGINT NOT NULL,
    version BIGINT NOT NULL,
    list BIGINT NOT NULL REFERENCES lists (id),
    key BLOB NOT NULL,
    hits BIGINT NOT NULL,
    from_sources BIGINT NOT NULL,
    last BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    -- Why no entry was made at once.
    note TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'accepted', 'refused')),
    created BIGINT NOT NULL,
    decided BIGINT,
    actor TEXT REFERENCES actors (pseudonym),
    reason TEXT NOT NULL,
    FOREIGN KEY (rule, version) REFERENCES rule_versions (rule, version)
);
CREATE UNIQUE INDEX proposals_once ON proposals (rule, key) WHERE state = 'open';
CREATE INDEX proposals_by_key ON proposals (rule, key, decided);
CREATE INDEX proposals_by_state ON proposals (list, state, id);
