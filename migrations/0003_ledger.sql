-- The money.

CREATE TABLE ledger_accounts (
    -- Credits are whole numbers. They are always in exactly one of these places:
    --
    --   issuer    where they come from; minus all that was ever granted, so it alone may be below zero
    --   wallet    a customer's, to spend; each customer has one
    --   escrow    held for work under way
    --   revenue   earned by work done
    --
    -- and move only by postings, each from one place to another, so all balances together are zero, always. Nothing
    -- writes a balance but the triggers of postings: a balance is what its postings come to.
    id       INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL CHECK (kind IN ('issuer', 'escrow', 'revenue', 'wallet')),
    name     TEXT NOT NULL UNIQUE,
    owner    BLOB UNIQUE REFERENCES accounts (id),
    -- 2^53 - 1: beyond it, JSON readers in many languages would round.
    balance  INTEGER NOT NULL DEFAULT 0 CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
    -- How many postings it has had: its own running number.
    postings INTEGER NOT NULL DEFAULT 0 CHECK (postings >= 0),
    -- Of a wallet: its part of escrow, and of revenue. So balance + held + spent is what it was ever given.
    held     INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    spent    INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
    -- Nobody spends what is not there; the issuer never gets back more than it gave.
    CHECK (CASE kind WHEN 'issuer' THEN balance <= 0 ELSE balance >= 0 END),
    CHECK (kind = 'wallet' OR (held = 0 AND spent = 0)),
    CHECK ((kind = 'wallet') = (owner IS NOT NULL)),
    CHECK (CASE kind WHEN 'wallet' THEN id > 3 ELSE id <= 3 AND name = kind END)
) STRICT;

INSERT INTO ledger_accounts (id, kind, name)
VALUES (1, 'issuer', 'issuer'), (2, 'escrow', 'escrow'), (3, 'revenue', 'revenue');

CREATE TABLE postings (
    -- One movement of credits, of one of five kinds (1, 2 and 3 are the ids of issuer, escrow and revenue):
    --
    --   grant     issuer -> wallet     credits bought or given; once per reference
    --   hold      wallet -> escrow     at submit, one for each charge (task, slot, item)
    --   settle    escrow -> revenue    the work was done          } at most one of the two
    --   refund    escrow -> wallet     it was not                 } for each hold, of its amount
    --   adjust    issuer <-> wallet    by an operator, with a reason
    --
    -- A hold is resolved when its slot ends, in the same transaction. A posting is never changed and never removed; a
    -- mistake is mended by a further posting. Tasks that a posting names may be long gone: hence no foreign key there.
    --
    -- 1, 2, 3, ... without a gap.
    sequence      INTEGER PRIMARY KEY CHECK (sequence > 0),
    kind          TEXT NOT NULL,
    from_account  INTEGER NOT NULL REFERENCES ledger_accounts (id),
    to_account    INTEGER NOT NULL REFERENCES ledger_accounts (id),
    -- Whose credits they are, whichever way they go.
    wallet        INTEGER NOT NULL REFERENCES ledger_accounts (id),
    amount        INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 9007199254740991),
    task          BLOB CHECK (length(task) = 16),
    slot          INTEGER CHECK (slot BETWEEN 0 AND 15),
    item          TEXT CHECK (item IN ('model', 'thumbnail')),
    -- Of a grant: what it was bought with. Of an adjust: why.
    reference     TEXT,
    at            INTEGER NOT NULL,
    -- Both accounts' running number and balance once this posting is in.
    from_sequence INTEGER NOT NULL CHECK (from_sequence > 0),
    from_balance  INTEGER NOT NULL,
    to_sequence   INTEGER NOT NULL CHECK (to_sequence > 0),
    to_balance    INTEGER NOT NULL,
    -- SHA-256 of the hash before (of the first: 32 zero bytes) and of this row as a JSON array (docs/ledger.md), so that
    -- nothing earlier can change unseen.
    hash          BLOB NOT NULL CHECK (length(hash) = 32),
    CHECK (CASE kind
        WHEN 'grant'  THEN from_account = 1      AND to_account = wallet AND reference IS NOT NULL AND task IS NULL
        WHEN 'hold'   THEN from_account = wallet AND to_account = 2      AND reference IS NULL     AND task IS NOT NULL
        WHEN 'settle' THEN from_account = 2      AND to_account = 3      AND reference IS NULL     AND task IS NOT NULL
        WHEN 'refund' THEN from_account = 2      AND to_account = wallet AND reference IS NULL     AND task IS NOT NULL
        WHEN 'adjust' THEN reference IS NOT NULL AND task IS NULL
             AND ((from_account = 1 AND to_account = wallet) OR (from_account = wallet AND to_account = 1))
        ELSE 0
    END),
    CHECK (wallet > 3),
    CHECK ((task IS NULL) = (slot IS NULL) AND (task IS NULL) = (item IS NULL))
) STRICT;

-- A wallet's own list, by its running number, whichever side it is on. The house's three accounts (1 to 3) take
-- part in every posting and are read from front to back.
CREATE UNIQUE INDEX postings_from ON postings (from_account, from_sequence) WHERE from_account > 3;
CREATE UNIQUE INDEX postings_to ON postings (to_account, to_sequence) WHERE to_account > 3;
-- A charge is held once and resolved once.
CREATE UNIQUE INDEX postings_hold_once ON postings (task, slot, item) WHERE kind = 'hold';
CREATE UNIQUE INDEX postings_resolve_once ON postings (task, slot, item) WHERE kind IN ('settle', 'refund');
-- A reference credits once.
CREATE UNIQUE INDEX postings_grant_once ON postings (wallet, reference) WHERE kind = 'grant';

CREATE TRIGGER postings_continue BEFORE INSERT ON postings BEGIN
    -- INSERT OR REPLACE is an insert to SQLite; this also stops it, for a sequence that exists is not the next one.
    SELECT RAISE(ABORT, 'ledger: not the next posting')
     WHERE NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM postings);
    SELECT RAISE(ABORT, 'ledger: the paying account does not stand so')
     WHERE NOT EXISTS (SELECT 1 FROM ledger_accounts
                        WHERE id = NEW.from_account
                          AND balance - NEW.amount = NEW.from_balance AND postings + 1 = NEW.from_sequence);
    SELECT RAISE(ABORT, 'ledger: the receiving account does not stand so')
     WHERE NOT EXISTS (SELECT 1 FROM ledger_accounts
                        WHERE id = NEW.to_account
                          AND balance + NEW.amount = NEW.to_balance AND postings + 1 = NEW.to_sequence);
    SELECT RAISE(ABORT, 'ledger: nothing like this is held')
     WHERE NEW.kind IN ('settle', 'refund')
       AND NOT EXISTS (SELECT 1 FROM postings
                        WHERE kind = 'hold' AND task = NEW.task AND slot = NEW.slot AND item = NEW.item
                          AND amount = NEW.amount AND wallet = NEW.wallet);
END;

CREATE TRIGGER postings_move AFTER INSERT ON postings BEGIN
    -- The only place where a balance changes.
    UPDATE ledger_accounts
       SET balance = balance - NEW.amount, postings = postings + 1,
           held = held + CASE NEW.kind WHEN 'hold' THEN NEW.amount ELSE 0 END
     WHERE id = NEW.from_account;
    UPDATE ledger_accounts
       SET balance = balance + NEW.amount, postings = postings + 1,
           held = held - CASE NEW.kind WHEN 'refund' THEN NEW.amount ELSE 0 END
     WHERE id = NEW.to_account;
END;

CREATE TRIGGER postings_settle AFTER INSERT ON postings WHEN NEW.kind = 'settle' BEGIN
    -- The wallet is on neither side of this one.
    UPDATE ledger_accounts SET held = held - NEW.amount, spent = spent + NEW.amount WHERE id = NEW.wallet;
END;

CREATE TRIGGER postings_stay_as_written BEFORE UPDATE ON postings BEGIN
    SELECT RAISE(ABORT, 'ledger: a posting cannot be changed');
END;

CREATE TRIGGER postings_stay BEFORE DELETE ON postings BEGIN
    SELECT RAISE(ABORT, 'ledger: a posting cannot be removed');
END;

CREATE TRIGGER ledger_accounts_keep_name BEFORE UPDATE OF id, kind, name, owner ON ledger_accounts BEGIN
    SELECT RAISE(ABORT, 'ledger: an account keeps its name and owner');
END;

CREATE TRIGGER ledger_accounts_stay BEFORE DELETE ON ledger_accounts BEGIN
    SELECT RAISE(ABORT, 'ledger: an account cannot be removed');
END;

CREATE TRIGGER ledger_accounts_begin_empty BEFORE INSERT ON ledger_accounts
WHEN NEW.balance <> 0 OR NEW.postings <> 0 OR NEW.held <> 0 OR NEW.spent <> 0
     OR EXISTS (SELECT 1 FROM ledger_accounts WHERE id = NEW.id OR name = NEW.name OR owner = NEW.owner) BEGIN
    SELECT RAISE(ABORT, 'ledger: an account begins empty, and once');
END;
