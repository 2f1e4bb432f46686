-- What did not come to its end, for those who ask for it: few among many, so the index costs next to nothing, and without
-- it a list of them would be looked for among all that ever were.
CREATE INDEX tasks_that_failed ON tasks (account, id) WHERE failure_code IS NOT NULL;
