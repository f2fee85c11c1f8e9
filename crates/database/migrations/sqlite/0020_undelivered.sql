-- Mail addresses to which letters do not come, and letters that are on their way.

-- Addresses at which letters failed.
CREATE TABLE undelivered (
    id INTEGER PRIMARY KEY,
    -- Lower case.
    mail TEXT NOT NULL UNIQUE,
    -- On so many days.
    failures BIGINT NOT NULL,
    -- When the last of them was.
    failed BIGINT NOT NULL,
    -- Since when nothing goes there; none while letters still do.
    dead BIGINT,
    -- What the mail server said last.
    words TEXT NOT NULL
);

-- Letters that a mail server took, for as long as a report about them may come.
CREATE TABLE sent_letters (
    letter BIGINT NOT NULL,
    created BIGINT NOT NULL,
    recipient TEXT NOT NULL,
    sent BIGINT NOT NULL,
    PRIMARY KEY (letter, created)
);
CREATE INDEX sent_letters_by_recipient ON sent_letters (recipient);
CREATE INDEX sent_letters_by_sent ON sent_letters (sent);
