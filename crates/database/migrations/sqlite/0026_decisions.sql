-- Which criterion of the policy a request names, by its short name, and when somebody is to look at it again.
ALTER TABLE requests ADD COLUMN criterion TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN review BIGINT;
-- What the first of two editors leaves out of the networks, with blanks between.
ALTER TABLE request_approvals ADD COLUMN spared TEXT NOT NULL DEFAULT '';
-- Under which version of the list's policy a change was made; none if none was in force, or it was not kept yet.
ALTER TABLE entry_history ADD COLUMN policy BIGINT;
