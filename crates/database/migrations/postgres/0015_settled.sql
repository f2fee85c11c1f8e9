-- Until when evidence is settled: what was seen before somebody got off a list counts there no more.
CREATE TABLE evidence_settled (
    list BIGINT NOT NULL REFERENCES lists (id),
    key BYTEA NOT NULL,
    settled BIGINT NOT NULL,
    PRIMARY KEY (list, key)
);
CREATE INDEX evidence_settled_by_time ON evidence_settled (settled);
