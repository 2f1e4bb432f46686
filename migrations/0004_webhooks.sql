-- What is told to whom. An event is written by the transaction that made it true, together with a delivery for
-- everyone who is to be told; sending is done from these rows, and survives anything.

CREATE TABLE webhook_endpoints (
    -- Where a customer wants to be told.
    number              INTEGER PRIMARY KEY,
    id                  BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    account             BLOB NOT NULL REFERENCES accounts (id),
    url                 TEXT NOT NULL,
    description         TEXT NOT NULL DEFAULT '',
    -- JSON list of event kinds; NULL: every kind.
    kinds               TEXT CHECK (substr(kinds, 1, 1) = '['),
    -- JSON object of names and values.
    headers             TEXT CHECK (substr(headers, 1, 1) = '{'),
    requests_per_second REAL CHECK (requests_per_second > 0),
    concurrency         INTEGER CHECK (concurrency > 0),
    created_at          INTEGER NOT NULL,
    disabled_at         INTEGER,
    disabled_reason     TEXT,
    -- Since when nothing has got through; NULL while something does.
    failing_since       INTEGER,
    deleted_at          INTEGER,
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
) STRICT;

CREATE INDEX webhook_endpoints_by_account ON webhook_endpoints (account, id) WHERE deleted_at IS NULL;

CREATE TABLE webhook_secrets (
    -- Signing secrets, sealed (AES-256-GCM). An endpoint's own, or with no endpoint the account's, for the
    -- `webhook_url` of single tasks. The newest signs first; older ones too until they end.
    number     INTEGER PRIMARY KEY,
    account    BLOB NOT NULL REFERENCES accounts (id),
    endpoint   BLOB REFERENCES webhook_endpoints (id),
    scheme     TEXT NOT NULL CHECK (scheme IN ('v1', 'v1a')),
    sealed     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at    INTEGER
) STRICT;

CREATE INDEX webhook_secrets_by_owner ON webhook_secrets (account, endpoint);

CREATE TABLE events (
    -- What happened and is to be told, written by the transaction that made it true.
    number  INTEGER PRIMARY KEY,
    -- The `webhook-id`, for ever.
    id      BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    account BLOB NOT NULL REFERENCES accounts (id),
    kind    TEXT NOT NULL,
    -- No foreign key: events and tasks are kept for different times.
    task    BLOB CHECK (length(task) = 16),
    at      INTEGER NOT NULL,
    -- The exact bytes every subscriber gets.
    body    BLOB NOT NULL,
    CHECK (CASE kind
        WHEN 'task.started'      THEN task IS NOT NULL
        WHEN 'task.finished'     THEN task IS NOT NULL
        WHEN 'task.failed'       THEN task IS NOT NULL
        WHEN 'task.canceled'     THEN task IS NOT NULL
        WHEN 'wallet.low'        THEN task IS NULL
        WHEN 'endpoint.disabled' THEN task IS NULL
        WHEN 'ping'              THEN task IS NULL
        ELSE 0
    END)
) STRICT;

CREATE UNIQUE INDEX events_start_once ON events (task) WHERE kind = 'task.started';
CREATE UNIQUE INDEX events_end_once ON events (task)
    WHERE kind = 'task.finished' OR kind = 'task.failed' OR kind = 'task.canceled';
CREATE INDEX events_by_account ON events (account, at);
CREATE INDEX events_by_age ON events (at);

CREATE TABLE deliveries (
    -- One event on its way to one place.
    number     INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    event      BLOB NOT NULL REFERENCES events (id),
    account    BLOB NOT NULL,
    -- NULL: the task's own `webhook_url`.
    endpoint   BLOB REFERENCES webhook_endpoints (id),
    url        TEXT NOT NULL,
    -- What goes to one place goes in one lane, so that a dead place holds up only itself: 'e' and the endpoint's
    -- id, or 'o' and the origin (scheme, host and port) of a task's own address.
    lane       BLOB NOT NULL,
    state      TEXT NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    due_at     INTEGER,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,
    CHECK (CASE state
        WHEN 'pending'   THEN due_at IS NOT NULL AND ended_at IS NULL
        WHEN 'delivered' THEN due_at IS NULL     AND ended_at IS NOT NULL
        WHEN 'abandoned' THEN due_at IS NULL     AND ended_at IS NOT NULL
        ELSE 0
    END)
) STRICT;

-- An event goes to an endpoint once, and to a task's own address once; sending again is another try.
CREATE UNIQUE INDEX deliveries_once ON deliveries (event, ifnull(endpoint, x''));
-- What is due is pending. Lane by lane and in the order they were made; with the id, for what is on its way already is
-- known by that and not read.
CREATE INDEX deliveries_due ON deliveries (lane, due_at, number, id) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_due_by_age ON deliveries (created_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint, created_at) WHERE endpoint IS NOT NULL;

CREATE TABLE delivery_attempts (
    -- One try at a delivery, and what came back.
    delivery     BLOB NOT NULL REFERENCES deliveries (id),
    try          INTEGER NOT NULL CHECK (try > 0),
    began_at     INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL CHECK (milliseconds >= 0),
    -- Of HTTP, if there was an answer; else a stable word that says why not.
    status       INTEGER,
    error        TEXT,
    -- The first bytes of the answer.
    excerpt      TEXT,
    next         TEXT NOT NULL,
    next_at      INTEGER,
    PRIMARY KEY (delivery, try),
    CHECK (CASE next
        WHEN 'delivered' THEN next_at IS NULL
        WHEN 'retry'     THEN next_at IS NOT NULL
        WHEN 'abandoned' THEN next_at IS NULL
        ELSE 0
    END)
) STRICT, WITHOUT ROWID;
