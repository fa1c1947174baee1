-- The audit record: 16 chains, so that transactions rarely wait for each other's head.
-- `details` is TEXT: MySQL's JSON would write it anew, and its hash would not fit any
-- more. The collation compares bytes, as the other two databases do.
CREATE TABLE gateway_audit (
    chain SMALLINT NOT NULL,
    seq BIGINT NOT NULL,
    at DATETIME(6) NOT NULL,
    actor VARCHAR(255),
    tenant VARCHAR(255),
    request VARCHAR(255) NOT NULL,
    plugin VARCHAR(255) NOT NULL,
    version VARCHAR(255) NOT NULL,
    action VARCHAR(64) NOT NULL,
    entity VARCHAR(64) NOT NULL,
    entity_id VARCHAR(128) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    details TEXT,
    prev_hash BINARY(32) NOT NULL,
    hash BINARY(32) NOT NULL,
    PRIMARY KEY (chain, seq)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- "What happened to this thing?"
CREATE INDEX gateway_audit_entity ON gateway_audit (tenant, entity, entity_id, at);

-- The last row of each chain.
CREATE TABLE gateway_audit_heads (
    chain SMALLINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BINARY(32) NOT NULL
) ENGINE = InnoDB;

INSERT INTO gateway_audit_heads (chain, seq, hash) VALUES
    (0, 0, REPEAT(X'00', 32)), (1, 0, REPEAT(X'00', 32)), (2, 0, REPEAT(X'00', 32)),
    (3, 0, REPEAT(X'00', 32)), (4, 0, REPEAT(X'00', 32)), (5, 0, REPEAT(X'00', 32)),
    (6, 0, REPEAT(X'00', 32)), (7, 0, REPEAT(X'00', 32)), (8, 0, REPEAT(X'00', 32)),
    (9, 0, REPEAT(X'00', 32)), (10, 0, REPEAT(X'00', 32)), (11, 0, REPEAT(X'00', 32)),
    (12, 0, REPEAT(X'00', 32)), (13, 0, REPEAT(X'00', 32)), (14, 0, REPEAT(X'00', 32)),
    (15, 0, REPEAT(X'00', 32));
