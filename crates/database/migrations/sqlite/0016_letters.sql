-- Which letters somebody wants, and who is invited to an organisation.

-- News at once, gathered for a day or a week, or not at all; what needs somebody always comes at once.
ALTER TABLE accounts ADD COLUMN letters TEXT NOT NULL DEFAULT 'all'
    CHECK (letters IN ('all', 'daily', 'weekly', 'needed'));
-- Where the letter is unsubscribed from by one click; empty if it cannot be.
ALTER TABLE outbox ADD COLUMN unsubscribe TEXT NOT NULL DEFAULT '';

-- News that is gathered.
CREATE TABLE digests (
    id INTEGER PRIMARY KEY,
    account BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    what TEXT NOT NULL,
    link TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX digests_by_account ON digests (account, id);

-- Who is asked to belong to an organisation, until he does or the time is over.
CREATE TABLE invitations (
    id INTEGER PRIMARY KEY,
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    -- Lower case.
    mail TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'member')),
    -- Of what stands in the link.
    digest BLOB NOT NULL UNIQUE,
    -- Who invited him.
    account BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    UNIQUE (organisation, mail)
);
CREATE INDEX invitations_by_mail ON invitations (mail);
CREATE INDEX invitations_by_account ON invitations (account);
