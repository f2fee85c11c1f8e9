-- Work that takes longer than somebody waits for a page; evidence that counts once; tokens that speak for a source.

CREATE TABLE work (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('purge', 'replay', 'import')),
    -- What it is about, each where the kind has it.
    list BIGINT REFERENCES lists (id),
    source BIGINT REFERENCES evidence_sources (id),
    rule BIGINT REFERENCES rules (id),
    -- The particulars, as JSON.
    particulars TEXT NOT NULL,
    actor TEXT NOT NULL REFERENCES actors (pseudonym),
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    -- How far it is; the whole is 0 as long as nobody knows.
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    created BIGINT NOT NULL,
    begun BIGINT,
    ended BIGINT,
    -- The one folder that has its file; none if any process can do it.
    folder TEXT,
    -- Who does it, until when nobody else does, and how often it was taken.
    claimed TEXT,
    until BIGINT,
    attempts BIGINT NOT NULL,
    -- What became of it, as JSON; why it failed, in words. Empty if there is nothing to say.
    result TEXT NOT NULL,
    fault TEXT NOT NULL
);
CREATE INDEX work_open ON work (id) WHERE state IN ('queued', 'running');
CREATE INDEX work_ended ON work (ended) WHERE ended IS NOT NULL;
CREATE UNIQUE INDEX work_purge_once ON work (source) WHERE kind = 'purge' AND state IN ('queued', 'running');

-- What is known of a source without counting.
ALTER TABLE evidence_sources ADD COLUMN observations BIGINT NOT NULL DEFAULT 0;
ALTER TABLE evidence_sources ADD COLUMN last_received BIGINT;
ALTER TABLE evidence_sources ADD COLUMN last_seen BIGINT;
UPDATE evidence_sources SET
    observations = (SELECT COUNT(*) FROM observations o WHERE o.source = evidence_sources.id),
    last_received = (SELECT MAX(received) FROM observations o WHERE o.source = evidence_sources.id),
    last_seen = (SELECT MAX(seen) FROM observations o WHERE o.source = evidence_sources.id);

-- By which an observation is known when it comes again; none for those that are older than this column.
ALTER TABLE observations ADD COLUMN identity BLOB;
CREATE UNIQUE INDEX observations_once ON observations (identity) WHERE identity IS NOT NULL;
DROP INDEX observations_by_source;
CREATE INDEX observations_by_source ON observations (source, key);

-- For which sources a token may bring evidence.
CREATE TABLE token_sources (
    token BIGINT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    source BIGINT NOT NULL REFERENCES evidence_sources (id),
    PRIMARY KEY (token, source)
);

CREATE INDEX request_history_by_time ON request_history (time);

-- Who decided; none where nobody had to.
ALTER TABLE removals ADD COLUMN decided_by TEXT REFERENCES actors (pseudonym);
CREATE INDEX removals_by_decision ON removals (decided) WHERE decided IS NOT NULL;
UPDATE removals SET decided_by = a.actor FROM audit a JOIN actors p ON p.pseudonym = a.actor
    WHERE a.action = 'removal.grant' AND a.time = removals.decided AND removals.state = 'granted'
    AND a.detail LIKE '%"removal ' || removals.id || '"%' AND COALESCE(p.account, 1) <> 0;
