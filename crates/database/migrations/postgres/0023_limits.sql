-- How often somebody may do something, for all processes on this database.

CREATE TABLE limits (
    -- The word of what is limited.
    deed TEXT NOT NULL,
    -- A keyed digest of who does it: an address, a network or an account.
    doer BYTEA NOT NULL,
    -- When as much may be done as if nothing had been; the row is of no use from then on.
    until BIGINT NOT NULL,
    PRIMARY KEY (deed, doer)
);
CREATE INDEX limits_by_end ON limits (until);

-- What was answered to changes that somebody without an account asked for, each under his key: kept for a day.
CREATE TABLE open_answers (
    -- A keyed digest of who asked.
    doer BYTEA NOT NULL,
    key TEXT NOT NULL,
    digest BYTEA NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (doer, key)
);
CREATE INDEX open_answers_by_time ON open_answers (created);

-- What whoever reads the mail of an organisation's contact said by a link. Those that are known already go on.
CREATE TABLE contact_mails (
    organisation BIGINT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    mail TEXT NOT NULL,
    -- Since when letters may go there; none until somebody said so.
    confirmed BIGINT,
    -- Since when none shall.
    stopped BIGINT,
    PRIMARY KEY (organisation, mail)
);
INSERT INTO contact_mails (organisation, mail, confirmed) SELECT DISTINCT organisation, mail, 0 FROM contacts;
