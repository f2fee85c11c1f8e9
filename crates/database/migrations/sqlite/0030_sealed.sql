-- Secrets of codes are sealed under a key that is not in the database; 0 as long as one is not yet.
ALTER TABLE totps ADD COLUMN sealed BIGINT NOT NULL DEFAULT 0;
