-- Requests: what organisations ask for, what was found out about it, and what editors decided.

CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    list BIGINT NOT NULL REFERENCES lists (id),
    account BIGINT NOT NULL,
    -- Why, in the words of who asks.
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('draft', 'submitted', 'checking', 'auto-approved', 'needs-info', 'queued', 'in-review',
        'approved', 'partly-approved', 'rejected', 'withdrawn', 'expired', 'published')),
    -- Each change adds one: who changes it says which one he saw.
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    submitted BIGINT,
    touched BIGINT NOT NULL,
    -- Who has it in review.
    editor BIGINT,
    -- The list's policy by which it was decided, and the serial that has what was approved.
    policy BIGINT,
    serial BIGINT,
    -- Whose decision it takes back.
    undoes BIGINT REFERENCES requests (id)
);
CREATE INDEX requests_by_organisation ON requests (organisation, id);
CREATE INDEX requests_by_state ON requests (state, submitted, id);

CREATE TABLE request_items (
    request BIGINT NOT NULL REFERENCES requests (id),
    position BIGINT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    code TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('open', 'approved', 'rejected')),
    -- What was there before it was approved.
    before TEXT NOT NULL,
    PRIMARY KEY (request, position)
);

-- What the checks found, the last time.
CREATE TABLE request_findings (
    request BIGINT NOT NULL REFERENCES requests (id),
    number BIGINT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    about TEXT NOT NULL,
    seen TEXT NOT NULL,
    mend TEXT NOT NULL,
    PRIMARY KEY (request, number)
);

CREATE TABLE request_history (
    request BIGINT NOT NULL REFERENCES requests (id),
    version BIGINT NOT NULL,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL REFERENCES actors (pseudonym),
    state TEXT NOT NULL,
    -- Why, in a word that machines read; empty if there is none.
    reason TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (request, version)
);

-- What one editor agreed to, where two have to.
CREATE TABLE request_approvals (
    request BIGINT PRIMARY KEY REFERENCES requests (id),
    account BIGINT NOT NULL,
    positions TEXT NOT NULL,
    time BIGINT NOT NULL
);
