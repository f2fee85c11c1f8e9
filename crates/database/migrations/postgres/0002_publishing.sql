-- Publishing: what a list needs for DNS beyond what it is, and what became of its serials.

-- A list without a row here is published by defaults.
CREATE TABLE list_dns (
    list BIGINT PRIMARY KEY REFERENCES lists (id),
    -- Names with blanks between; none means the apex.
    name_servers TEXT NOT NULL,
    -- The mailbox of who is responsible, as a name; empty means hostmaster below the apex.
    hostmaster TEXT NOT NULL,
    refresh BIGINT NOT NULL CHECK (refresh BETWEEN 1 AND 2147483647),
    retry BIGINT NOT NULL CHECK (retry BETWEEN 1 AND 2147483647),
    expire BIGINT NOT NULL CHECK (expire BETWEEN 1 AND 2147483647),
    minimum BIGINT NOT NULL CHECK (minimum BETWEEN 1 AND 2147483647),
    name_server_ttl BIGINT NOT NULL CHECK (name_server_ttl BETWEEN 1 AND 2147483647),
    -- Guards; 0 turns one off. A newly covered network of this length is refused ...
    ipv4_prefix BIGINT NOT NULL CHECK (ipv4_prefix BETWEEN 0 AND 32),
    ipv6_prefix BIGINT NOT NULL CHECK (ipv6_prefix BETWEEN 0 AND 128),
    -- ... and so are changes of more than so many per cent of the entries.
    max_change BIGINT NOT NULL CHECK (max_change BETWEEN 0 AND 100)
);

-- Addresses and names that must never be listed.
CREATE TABLE canaries (
    list BIGINT NOT NULL REFERENCES lists (id),
    target TEXT NOT NULL,
    PRIMARY KEY (list, target)
);

-- What became of a serial: once for each, however many processes publish.
CREATE TABLE publications (
    list BIGINT NOT NULL REFERENCES lists (id),
    serial BIGINT NOT NULL CHECK (serial BETWEEN 1 AND 4294967295),
    time BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    -- The last row of the audit log that it holds: what stands between two publications is who changed what.
    audit BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('published', 'refused', 'approved')),
    -- Why it was refused.
    why TEXT NOT NULL,
    -- Who approved it.
    actor TEXT REFERENCES actors (pseudonym),
    PRIMARY KEY (list, serial)
);

-- Whoever acts where nobody does: expiry, for one.
INSERT INTO actors (pseudonym, account) VALUES ('system', NULL);
