-- The audit record: 16 chains, so that transactions rarely wait for each other's head.
-- `details` is TEXT: JSONB would write it anew, and its hash would not fit any more.
CREATE TABLE gateway_audit (
    chain SMALLINT NOT NULL,
    seq BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
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
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (chain, seq)
);

-- "What happened to this thing?"
CREATE INDEX gateway_audit_entity ON gateway_audit (tenant, entity, entity_id, at);

-- The last row of each chain.
CREATE TABLE gateway_audit_heads (
    chain SMALLINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);

INSERT INTO gateway_audit_heads (chain, seq, hash)
SELECT chain, 0, decode(repeat('00', 32), 'hex') FROM generate_series(0, 15) AS chains (chain);
