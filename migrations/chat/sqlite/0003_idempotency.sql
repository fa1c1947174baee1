-- The answers of requests that carried an `Idempotency-Key`, for those who send them
-- again. `fingerprint` is a hash of method, path and body.
CREATE TABLE chat_idempotency (
    tenant_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_on INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, actor, idempotency_key)
);

-- For the removal of what is too old.
CREATE INDEX chat_idempotency_by_time ON chat_idempotency (created_on);
