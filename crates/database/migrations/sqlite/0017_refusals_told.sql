-- When editors were told of a version that was refused; none if they were not.
ALTER TABLE publications ADD COLUMN told BIGINT;
