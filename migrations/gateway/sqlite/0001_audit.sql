-- The audit record: 16 chains, so that transactions rarely wait for each other's head.
-- STRICT, so that a value of a wrong type can't be put in without being noticed.
CREATE TABLE gateway_audit (
    chain INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT,
    tenant TEXT,
    request TEXT NOT NULL,
    plugin TEXT NOT NULL,
    version TEXT NOT NULL,
    action TEXT NOT NULL,
    entity TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    details TEXT,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;

-- "What happened to this thing?"
CREATE INDEX gateway_audit_entity ON gateway_audit (tenant, entity, entity_id, at);

-- The last row of each chain.
CREATE TABLE gateway_audit_heads (
    chain INTEGER NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

INSERT INTO gateway_audit_heads (chain, seq, hash)
WITH RECURSIVE chains (chain) AS (SELECT 0 UNION ALL SELECT chain + 1 FROM chains WHERE chain < 15)
SELECT chain, 0, zeroblob(32) FROM chains;
