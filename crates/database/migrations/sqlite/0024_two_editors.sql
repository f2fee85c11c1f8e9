-- Whether two editors have to agree to entries with a code. Of lists that are made like dnswl.org's it is the highest
-- score, as it was for all of them before.
ALTER TABLE codes ADD COLUMN two_editors BIGINT NOT NULL DEFAULT 0;
UPDATE codes SET two_editors = 1
    WHERE code LIKE '127.0.%.3' AND list IN (SELECT id FROM lists WHERE polarity = 'allow');
