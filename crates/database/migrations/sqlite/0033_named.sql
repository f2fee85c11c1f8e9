-- Which version of its criterion an entry was listed by: a criterion may be named long after the entry was listed, so the
-- day of the listing does not tell. Of entries from before it is not known; what was in force on that day counts there.

ALTER TABLE entries ADD COLUMN criterion_version BIGINT;
