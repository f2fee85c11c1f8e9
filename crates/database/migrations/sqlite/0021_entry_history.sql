-- What became of the keys of lists, change by change: who did it and why is in the audit log, under `audit`.
CREATE TABLE entry_history (
    id INTEGER PRIMARY KEY,
    list BIGINT NOT NULL REFERENCES lists (id),
    -- Empty for a change of very many keys, which names only some of them.
    key BLOB NOT NULL,
    -- The row of the audit log.
    audit BIGINT NOT NULL REFERENCES audit (number),
    time BIGINT NOT NULL,
    -- 'change'; 'renewal' if DNS does not see it; 'many' for very many keys.
    kind TEXT NOT NULL,
    -- The entries before and after it, as JSON.
    before TEXT NOT NULL,
    after TEXT NOT NULL
);
CREATE INDEX entry_history_by_key ON entry_history (list, key, id);
