-- Customers and their keys.
--
-- What a table is about is said inside it, so that `.schema` of a database says it too. Every table is STRICT: a number
-- too large for an integer is an error and never a float.

CREATE TABLE accounts (
    -- A customer: somebody whose credits are counted (ledger_accounts) and who owns tasks.
    --
    -- Here and in every table: `id` is what the outside knows, a 16-byte UUID (version 7, so in order of time);
    -- `number` only keeps rows in the order they came; moments (`..._at`) are milliseconds since 1970 UTC.
    number              INTEGER PRIMARY KEY,
    id                  BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    name                TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    created_at          INTEGER NOT NULL,
    disabled_at         INTEGER,
    -- What an operator set for this account; NULL means as the configuration says.
    requests_per_minute INTEGER CHECK (requests_per_minute >= 0),
    concurrent_tasks    INTEGER CHECK (concurrent_tasks >= 0),
    providers           TEXT CHECK (substr(providers, 1, 1) = '['),
    low_balance         INTEGER CHECK (low_balance >= 0),
    -- Unfinished tasks, counted by triggers on tasks, so that the limit is one look-up and not a count.
    open_tasks          INTEGER NOT NULL DEFAULT 0 CHECK (open_tasks >= 0)
) STRICT;

CREATE TABLE api_keys (
    -- What a customer shows to be let in. Only the SHA-256 of it is here: with 178 random bits in each, a slow hash would
    -- add nothing.
    number       INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    account      BLOB NOT NULL REFERENCES accounts (id),
    label        TEXT NOT NULL,
    scope        TEXT NOT NULL CHECK (scope IN ('user', 'read', 'admin')),
    token_hash   BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    last_four    TEXT NOT NULL CHECK (length(last_four) = 4),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    -- The most it may ever spend, and what it has: held or settled, less what came back. Only kept for capped keys.
    spend_cap    INTEGER CHECK (spend_cap > 0),
    spent        INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
    CHECK (spend_cap IS NULL OR spent <= spend_cap)
) STRICT;

CREATE INDEX api_keys_by_account ON api_keys (account);
