-- What goes on with what organisations have on lists: how it stands with DNS, and when somebody looks at it again.

-- When its entries are next gone through for networks that are new or gone.
ALTER TABLE organisations ADD COLUMN gone_through BIGINT NOT NULL DEFAULT 0;
-- When it was last written to about DNS.
ALTER TABLE organisations ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
CREATE INDEX organisations_gone_through ON organisations (gone_through);

-- Each network that an organisation has on a list which does not block.
CREATE TABLE consistency (
    id INTEGER PRIMARY KEY,
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    key BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ok', 'suspect', 'bad')),
    since BIGINT NOT NULL,
    -- Looks in a row that failed, and since when; looks that could tell nothing do not count.
    failures BIGINT NOT NULL,
    failing BIGINT,
    -- When a look last told something; none before the first.
    looked BIGINT,
    due BIGINT NOT NULL,
    -- What is not as it should be, as JSON; empty if there is nothing.
    reasons TEXT NOT NULL,
    -- Since when something is to be told of it; none if all was told.
    news BIGINT,
    UNIQUE (organisation, key)
);
CREATE INDEX consistency_due ON consistency (due);
CREATE INDEX consistency_news ON consistency (news) WHERE news IS NOT NULL;
CREATE INDEX consistency_bad ON consistency (since, id) WHERE state = 'bad';

-- Review dates up to this moment were announced to it, and up to that one were told to be due; and when that was.
ALTER TABLE organisations ADD COLUMN review_ahead BIGINT NOT NULL DEFAULT 0;
ALTER TABLE organisations ADD COLUMN review_due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE organisations ADD COLUMN review_told BIGINT NOT NULL DEFAULT 0;
CREATE INDEX entries_by_review ON entries (review) WHERE review IS NOT NULL AND organisation IS NOT NULL;
