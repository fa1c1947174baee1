-- The answers of requests that carried an `Idempotency-Key`, for those who send them
-- again. `fingerprint` is a hash of method, path and body.
CREATE TABLE chat_idempotency (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    actor VARCHAR(128) COLLATE "C" NOT NULL,
    idempotency_key VARCHAR(128) COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    status INTEGER NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, actor, idempotency_key)
);

-- For the removal of what is too old.
CREATE INDEX chat_idempotency_by_time ON chat_idempotency (created_on);
