-- The editor who agreed to a removal that two have to agree to.
ALTER TABLE removals ADD COLUMN agreed BIGINT;
