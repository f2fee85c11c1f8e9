-- Organisations: who is responsible for entries, who belongs to them, which domains are theirs, and how that was proven.

ALTER TABLE organisations ADD COLUMN website TEXT NOT NULL DEFAULT '';
-- Why it is suspended, for everybody to read; empty if it is not.
ALTER TABLE organisations ADD COLUMN suspension TEXT NOT NULL DEFAULT '';

-- What an organisation is, in the words of each list.
CREATE TABLE organisation_categories (
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    list BIGINT NOT NULL,
    category BIGINT NOT NULL,
    FOREIGN KEY (list, category) REFERENCES categories (list, number),
    PRIMARY KEY (organisation, list)
);

-- The domains that an organisation is known by. Who proves one of them speaks for it.
CREATE TABLE domains (
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    domain TEXT NOT NULL,
    PRIMARY KEY (organisation, domain)
);
CREATE INDEX domains_by_name ON domains (domain);

CREATE TABLE members (
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    account BIGINT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'member')),
    since BIGINT NOT NULL,
    PRIMARY KEY (organisation, account)
);
CREATE INDEX members_by_account ON members (account);

CREATE TABLE contacts (
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    mail TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('abuse', 'technical', 'general')),
    PRIMARY KEY (organisation, mail, purpose)
);

-- What editors write for each other.
CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    time BIGINT NOT NULL,
    actor TEXT NOT NULL REFERENCES actors (pseudonym),
    text TEXT NOT NULL
);
CREATE INDEX notes_by_organisation ON notes (organisation, id);

-- Somebody says that a domain is his, for an organisation. Never deleted, so that no challenge is used again.
CREATE TABLE claims (
    id INTEGER PRIMARY KEY,
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    domain TEXT NOT NULL,
    account BIGINT NOT NULL,
    proof TEXT NOT NULL CHECK (proof IN ('dns', 'mail')),
    -- The local part of the mailbox that the link goes to; empty for a proof by DNS.
    mailbox TEXT NOT NULL,
    -- The token is a keyed digest of this, and is not stored.
    nonce BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN
        ('open', 'waiting', 'held', 'superseded', 'lapsed', 'expired', 'withdrawn')),
    created BIGINT NOT NULL,
    -- Until when the challenge can be met.
    expires BIGINT NOT NULL,
    proven BIGINT,
    -- When a claim that waits takes the domain over.
    takes BIGINT,
    -- When the proof is looked at again, and how often in a row it was missing.
    due BIGINT,
    failures BIGINT NOT NULL,
    -- What the last look saw.
    seen TEXT NOT NULL
);
-- A domain has one holder.
CREATE UNIQUE INDEX claims_held ON claims (domain) WHERE state = 'held';
CREATE INDEX claims_by_domain ON claims (domain, id);
CREATE INDEX claims_by_organisation ON claims (organisation, id);
CREATE INDEX claims_by_account ON claims (account, id);
CREATE INDEX claims_due ON claims (due) WHERE due IS NOT NULL;

-- How many mails with a link went to a domain on a day.
CREATE TABLE claim_mails (
    domain TEXT NOT NULL,
    day BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (domain, day)
);
