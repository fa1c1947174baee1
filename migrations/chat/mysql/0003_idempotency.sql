-- The answers of requests that carried an `Idempotency-Key`, for those who send them
-- again. `fingerprint` is a hash of method, path and body.
CREATE TABLE chat_idempotency (
    tenant_id VARCHAR(128) NOT NULL,
    actor VARCHAR(128) NOT NULL,
    idempotency_key VARCHAR(128) NOT NULL,
    fingerprint VARBINARY(32) NOT NULL,
    status INTEGER NOT NULL,
    body MEDIUMTEXT NOT NULL,
    created_on DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, actor, idempotency_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- For the removal of what is too old.
CREATE INDEX chat_idempotency_by_time ON chat_idempotency (created_on);
