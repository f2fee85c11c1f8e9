-- How large a list was and how much of it changed, a row a day (of UTC): what a list's page shows of its past.

CREATE TABLE list_days (
    list BIGINT NOT NULL REFERENCES lists (id),
    -- Days since 1970.
    day BIGINT NOT NULL,
    -- Entries of the last serial published that day, or before.
    entries BIGINT NOT NULL,
    -- Keys that the serials published that day changed; one that changed twice counts twice.
    changed BIGINT NOT NULL,
    -- That serial, and when it was published: what came later is not counted yet.
    serial BIGINT NOT NULL,
    published BIGINT NOT NULL,
    PRIMARY KEY (list, day)
);
