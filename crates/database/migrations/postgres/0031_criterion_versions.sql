-- What criteria said in their time: an entry that names one was listed by what it said then. One that is ended stays for
-- the entries that name it, and for no others.

ALTER TABLE criteria ADD COLUMN ended BIGINT;

CREATE TABLE criterion_versions (
    criterion BIGINT NOT NULL REFERENCES criteria (id),
    version BIGINT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (criterion, version)
);

-- When one was added was not written down: not before its policy.
INSERT INTO criterion_versions (criterion, version, title, text, since)
    SELECT c.id, 1, c.title, c.text, p.published FROM criteria c
    JOIN policies p ON p.list = c.list AND p.version = c.since;
