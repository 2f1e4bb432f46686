-- A key that takes the place of another spends out of the same purse: while both work, and when credits come back of what
-- the old one had bought. `budget` is the first of such a line, whose `spent` counts for all of them; NULL is a key of
-- its own.
ALTER TABLE api_keys ADD COLUMN budget BLOB REFERENCES api_keys (id);
