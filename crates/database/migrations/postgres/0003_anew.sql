-- Serials that changed more keys than are named one by one, and how many: who stands before one reads the list anew.
CREATE TABLE large_changes (
    list BIGINT NOT NULL REFERENCES lists (id),
    serial BIGINT NOT NULL,
    keys BIGINT NOT NULL,
    PRIMARY KEY (list, serial)
);
