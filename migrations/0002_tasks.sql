-- Paid work.
--
-- What a row must be in each of its states is said by a CASE over the state, which is also the list of states: a word that
-- is not in it is refused. (A list after IN would be built anew, as a table, by every write of a row: with those a submit
-- takes a third longer.)

CREATE TABLE tasks (
    -- What a customer asked for. It has a slot for each result asked for; a slot has attempts at providers; what was
    -- made is an asset. Money follows the state of slots: see postings.
    number          INTEGER PRIMARY KEY,
    id              BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    account         BLOB NOT NULL REFERENCES accounts (id),
    -- The API key it was asked for with: its spend cap is counted down, and up again by refunds.
    key             BLOB NOT NULL REFERENCES api_keys (id),
    -- The most advanced unfinished slot's while any works, then finished if any is.
    state           TEXT NOT NULL,
    progress        INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100),
    -- What was asked for, as JSON, and what was made of it where a provider cannot do just that.
    request         TEXT NOT NULL,
    adjustments     TEXT,
    created_at      INTEGER NOT NULL,
    -- Whatever has not ended by then expires, and is refunded; also if no provider has begun it by `start_by`.
    deadline        INTEGER NOT NULL CHECK (deadline >= created_at),
    start_by        INTEGER,
    started_at      INTEGER,
    -- When it ended, well or not.
    finished_at     INTEGER,
    -- When its files go.
    expires_at      INTEGER,
    failure_code    TEXT,
    failure_message TEXT,
    -- What came of sending the result to the customer's own address, if it gave one.
    upload_outcome  TEXT,
    -- Rises with every visible change.
    version         INTEGER NOT NULL CHECK (version > 0),
    CHECK (CASE state
        WHEN 'queued'     THEN finished_at IS NULL     AND failure_code IS NULL     AND progress < 100
        WHEN 'submitting' THEN finished_at IS NULL     AND failure_code IS NULL     AND progress < 100
        WHEN 'unknown'    THEN finished_at IS NULL     AND failure_code IS NULL     AND progress < 100
        WHEN 'running'    THEN finished_at IS NULL     AND failure_code IS NULL     AND progress < 100
        WHEN 'fetching'   THEN finished_at IS NULL     AND failure_code IS NULL     AND progress < 100
        WHEN 'finished'   THEN finished_at IS NOT NULL AND failure_code IS NULL     AND progress = 100
        WHEN 'failed'     THEN finished_at IS NOT NULL AND failure_code IS NOT NULL AND progress < 100
        WHEN 'canceled'   THEN finished_at IS NOT NULL AND failure_code IS NOT NULL AND progress < 100
        WHEN 'expired'    THEN finished_at IS NOT NULL AND failure_code IS NOT NULL AND progress < 100
        ELSE 0
    END),
    CHECK ((failure_code IS NULL) = (failure_message IS NULL))
) STRICT;

CREATE INDEX tasks_by_account ON tasks (account, id);
-- These speak only of unfinished tasks: looking for the overdue costs the same after a million finished ones.
CREATE INDEX tasks_by_deadline ON tasks (deadline) WHERE finished_at IS NULL;
CREATE INDEX tasks_to_start ON tasks (start_by)
    WHERE start_by IS NOT NULL AND started_at IS NULL AND finished_at IS NULL;
-- For the janitor.
CREATE INDEX tasks_by_end ON tasks (finished_at) WHERE finished_at IS NOT NULL;

CREATE TRIGGER tasks_count_open AFTER INSERT ON tasks WHEN NEW.finished_at IS NULL BEGIN
    UPDATE accounts SET open_tasks = open_tasks + 1 WHERE id = NEW.account;
END;

CREATE TRIGGER tasks_count_ended AFTER UPDATE OF finished_at ON tasks
WHEN OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL BEGIN
    UPDATE accounts SET open_tasks = open_tasks - 1 WHERE id = NEW.account;
END;

CREATE TRIGGER tasks_end_once BEFORE UPDATE OF state, finished_at ON tasks
WHEN OLD.finished_at IS NOT NULL AND (NEW.state IS NOT OLD.state OR NEW.finished_at IS NOT OLD.finished_at) BEGIN
    SELECT RAISE(ABORT, 'a task that has ended stays as it ended');
END;

CREATE TRIGGER tasks_stay_until_ended BEFORE DELETE ON tasks WHEN OLD.finished_at IS NULL BEGIN
    SELECT RAISE(ABORT, 'an unfinished task cannot be removed: there is money held for it');
END;

CREATE TABLE arrows (
    -- The arrows between a slot's states. Whatever is not here is refused.
    state TEXT NOT NULL,
    next  TEXT NOT NULL,
    PRIMARY KEY (state, next)
) STRICT, WITHOUT ROWID;

INSERT INTO arrows (state, next) VALUES
    ('queued', 'submitting'), ('queued', 'failed'), ('queued', 'canceled'), ('queued', 'expired'),
    ('submitting', 'running'), ('submitting', 'unknown'), ('submitting', 'queued'), ('submitting', 'fetching'),
    ('submitting', 'failed'), ('submitting', 'canceled'), ('submitting', 'expired'),
    ('unknown', 'running'), ('unknown', 'queued'), ('unknown', 'failed'), ('unknown', 'canceled'),
    ('unknown', 'expired'),
    ('running', 'fetching'), ('running', 'queued'), ('running', 'failed'), ('running', 'canceled'),
    ('running', 'expired'),
    ('fetching', 'finished'), ('fetching', 'queued'), ('fetching', 'failed'), ('fetching', 'expired');

CREATE TABLE slots (
    -- One result of a task, and the unit that is paid for. While it is queued, submitting, unknown, running or fetching
    -- its credits are held; finished, they are settled; failed, canceled or expired, they are refunded.
    task              BLOB NOT NULL REFERENCES tasks (id),
    slot              INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 15),
    -- The task's, once more: the queue is served account by account.
    account           BLOB NOT NULL,
    -- 0 goes before 1.
    priority          INTEGER NOT NULL CHECK (priority IN (0, 1)),
    state             TEXT NOT NULL,
    -- When the next step is due.
    due_at            INTEGER,
    seed              INTEGER NOT NULL,
    -- What it costs, fixed at submit: a hold of each amount, unless it is 0, is written with this row (postings name
    -- task, slot and item). NULL: no thumbnail was asked for.
    model_credits     INTEGER NOT NULL CHECK (model_credits BETWEEN 0 AND 9007199254740991),
    thumbnail_credits INTEGER CHECK (thumbnail_credits BETWEEN 0 AND 9007199254740991),
    progress          INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    tries             INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    -- JSON list of those that are not asked again for it.
    spent_providers   TEXT,
    second_chances    INTEGER NOT NULL DEFAULT 0 CHECK (second_chances >= 0),
    -- Times in a row that its result was taken in hand and nothing more was heard: crashes.
    handlings         INTEGER NOT NULL DEFAULT 0 CHECK (handlings >= 0),
    -- The latest try.
    attempt           BLOB REFERENCES attempts (id) DEFERRABLE INITIALLY DEFERRED,
    upstream_status   TEXT,
    checked_at        INTEGER,
    failure_code      TEXT,
    failure_message   TEXT,
    PRIMARY KEY (task, slot),
    CHECK (CASE state
        WHEN 'queued'     THEN due_at IS NOT NULL                         AND failure_code IS NULL
        WHEN 'submitting' THEN                        attempt IS NOT NULL AND failure_code IS NULL
        WHEN 'unknown'    THEN due_at IS NOT NULL AND attempt IS NOT NULL AND failure_code IS NULL
        WHEN 'running'    THEN due_at IS NOT NULL AND attempt IS NOT NULL AND failure_code IS NULL
        WHEN 'fetching'   THEN due_at IS NOT NULL AND attempt IS NOT NULL AND failure_code IS NULL
        WHEN 'finished'   THEN due_at IS NULL     AND attempt IS NOT NULL AND failure_code IS NULL
        WHEN 'failed'     THEN due_at IS NULL                             AND failure_code IS NOT NULL
        WHEN 'canceled'   THEN due_at IS NULL                             AND failure_code IS NOT NULL
        WHEN 'expired'    THEN due_at IS NULL                             AND failure_code IS NOT NULL
        ELSE 0
    END),
    CHECK ((failure_code IS NULL) = (failure_message IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER slots_follow_arrows BEFORE UPDATE OF state ON slots
WHEN NEW.state <> OLD.state
     AND NOT EXISTS (SELECT 1 FROM arrows WHERE state = OLD.state AND next = NEW.state) BEGIN
    SELECT RAISE(ABORT, 'a slot cannot go from its state to that one');
END;

CREATE TRIGGER slots_begin_queued BEFORE INSERT ON slots WHEN NEW.state <> 'queued' BEGIN
    SELECT RAISE(ABORT, 'a slot begins queued');
END;

-- Claims read these and nothing else; a slot is in one of them, and in none once it is finished.
CREATE INDEX slots_queued ON slots (priority, account, due_at) WHERE state = 'queued';
CREATE INDEX slots_submitting ON slots (due_at) WHERE state = 'submitting';
CREATE INDEX slots_unknown ON slots (due_at) WHERE state = 'unknown';
CREATE INDEX slots_running ON slots (due_at) WHERE state = 'running';
CREATE INDEX slots_fetching ON slots (due_at) WHERE state = 'fetching';
-- For whoever removes an attempt: SQLite asks whether a slot still points to it.
CREATE INDEX slots_by_attempt ON slots (attempt) WHERE attempt IS NOT NULL;

CREATE TABLE attempts (
    -- One try at one provider, which may cost the operator real money: here before the first byte is sent.
    number            INTEGER PRIMARY KEY,
    id                BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    task              BLOB NOT NULL,
    slot              INTEGER NOT NULL,
    try               INTEGER NOT NULL CHECK (try > 0),
    provider          TEXT NOT NULL,
    -- What a provider's callback must bring.
    token             TEXT NOT NULL UNIQUE,
    -- Which start of the gateway made it (meta, `boot`): one of an earlier start is an orphan, and is cleared up.
    boot              INTEGER NOT NULL,
    began_at          INTEGER NOT NULL,
    accepted_at       INTEGER,
    ended_at          INTEGER,
    upstream_id       TEXT,
    addresses         TEXT,
    outcome           TEXT CHECK (outcome = 'succeeded' OR outcome = 'refused' OR outcome = 'failed'
                                  OR outcome = 'unknown' OR outcome = 'abandoned'),
    evidence          TEXT,
    -- What came after the end, for the operator.
    late              TEXT,
    cost_microdollars INTEGER CHECK (cost_microdollars >= 0),
    UNIQUE (task, slot, try),
    FOREIGN KEY (task, slot) REFERENCES slots (task, slot),
    CHECK (ended_at IS NULL OR outcome IS NOT NULL)
) STRICT;

-- One job at a provider is one attempt's: a job found in a provider's list is looked up here before it is taken for ours.
CREATE INDEX attempts_by_upstream_id ON attempts (upstream_id) WHERE upstream_id IS NOT NULL;

CREATE TABLE inputs (
    -- The picture of a task that keeps one, by the name of its file. `removed_at`: the file has gone, the story stays.
    task       BLOB PRIMARY KEY REFERENCES tasks (id),
    sha256     TEXT NOT NULL CHECK (length(sha256) > 0),
    bytes      INTEGER NOT NULL CHECK (bytes >= 0),
    removed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX inputs_by_file ON inputs (sha256) WHERE removed_at IS NULL;

CREATE TABLE assets (
    -- What was made: a file kept here, or an address at the provider.
    task         BLOB NOT NULL,
    slot         INTEGER NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('model', 'thumbnail')),
    sha256       TEXT,
    url          TEXT,
    bytes        INTEGER NOT NULL CHECK (bytes >= 0),
    content_type TEXT NOT NULL,
    removed_at   INTEGER,
    PRIMARY KEY (task, slot, kind),
    FOREIGN KEY (task, slot) REFERENCES slots (task, slot),
    CHECK ((sha256 IS NULL) <> (url IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX assets_by_file ON assets (sha256) WHERE sha256 IS NOT NULL AND removed_at IS NULL;

-- For the janitor: ended tasks whose files have not been let go yet.
CREATE INDEX tasks_by_expiry ON tasks (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE idempotency (
    -- A repeated request is found here and answered with the first one's answer, and nothing is charged again. The row
    -- commits with the task and its holds, so one exists if and only if the others do. No foreign key to the task: the
    -- two are kept for different times.
    number      INTEGER PRIMARY KEY,
    account     BLOB NOT NULL REFERENCES accounts (id),
    endpoint    TEXT NOT NULL,
    key         TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    -- Of what was asked: the same key with something else is refused.
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    task        BLOB NOT NULL CHECK (length(task) = 16),
    answer      BLOB NOT NULL,
    expires_at  INTEGER NOT NULL,
    UNIQUE (account, endpoint, key)
) STRICT;

CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
