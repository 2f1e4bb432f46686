-- What the gateway and whoever runs it need to remember about itself.

CREATE TABLE meta (
    -- `boot` (how often it was started, as an integer), `instance`, `reconcile` (why spending is stopped after a
    -- restore), `verified` (a ledger head that was found good).
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('boot', 0);

CREATE TABLE provider_states (
    -- What an operator or a breaker decided about a provider; `enabled` NULL: as the configuration says.
    provider   TEXT PRIMARY KEY,
    enabled    INTEGER CHECK (enabled IN (0, 1)),
    note       TEXT,
    -- A key kept here rather than in the configuration, sealed (AES-256-GCM).
    sealed_key BLOB,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    -- Who did what to the house.
    number  INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    act     TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_stays_as_written BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit: a line cannot be changed');
END;

CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit: a line cannot be removed');
END;
