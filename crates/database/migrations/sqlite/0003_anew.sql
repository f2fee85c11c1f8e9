-- The last serial that changed more keys than are named one by one: who stands before it reads the list anew.
ALTER TABLE lists ADD COLUMN anew BIGINT NOT NULL DEFAULT 0;
