-- How removals go on: which wait together, who appeals, and what a code's entries need to go.

-- The removal that waited for an editor about the same entry before: both are decided with that one.
ALTER TABLE removals ADD COLUMN joins BIGINT;
CREATE INDEX removals_by_joins ON removals (joins) WHERE joins IS NOT NULL;
-- What is asked for: that an entry goes, or, where that is not possible, that an editor looks whether it is right.
ALTER TABLE removals ADD COLUMN kind TEXT NOT NULL DEFAULT 'removal' CHECK (kind IN ('removal', 'appeal'));
-- With which serial of the list the entry went; none of what went before this column was there.
ALTER TABLE removals ADD COLUMN serial BIGINT;
-- How entries with a code are taken off the list for who asks: by the link in a letter, by an editor, or not at all.
ALTER TABLE codes ADD COLUMN removal TEXT NOT NULL DEFAULT 'link' CHECK (removal IN ('link', 'editor', 'none'));
