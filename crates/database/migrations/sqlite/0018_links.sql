-- Links in the texts of listings, and what came of them.

-- What the tags of links are made with. The last key of a list makes them, the one before is still believed.
CREATE TABLE tag_keys (
    list BIGINT NOT NULL REFERENCES lists (id),
    number BIGINT NOT NULL,
    secret BLOB NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (list, number)
);

-- Where people reach the portal, as it last said itself: whoever publishes need not know by other means. One row.
CREATE TABLE portal_address (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    url TEXT NOT NULL
);

-- Whether the texts of a list have links: by what it is, or always, or never.
ALTER TABLE list_dns ADD COLUMN links TEXT NOT NULL DEFAULT 'auto' CHECK (links IN ('auto', 'on', 'off'));

-- By which way a removal was asked for, and what shows that who asks has to do with the target.
ALTER TABLE removals ADD COLUMN way TEXT NOT NULL DEFAULT 'typed' CHECK (way IN ('typed', 'link'));
ALTER TABLE removals ADD COLUMN control TEXT NOT NULL DEFAULT 'none' CHECK (control IN ('none', 'address', 'domain'));
