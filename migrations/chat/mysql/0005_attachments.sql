-- What an attachment is beside a file: its bytes are in the host's store. A row without a
-- state is a file that a client registered, and has none.
--
-- pending: announced, and its bytes are still to come (`upload_id` while they come in
-- several requests). ready: they are all there (`blob_id`). quarantined: nobody gets them.
-- purged: they are given up.
ALTER TABLE chat_files
    ADD COLUMN state VARCHAR(16) CHECK (state IN ('pending', 'ready', 'quarantined', 'purged')),
    ADD COLUMN name VARCHAR(255),
    ADD COLUMN size_bytes BIGINT,
    ADD COLUMN declared_type VARCHAR(127),
    ADD COLUMN sniffed_type VARCHAR(127),
    ADD COLUMN sha256 VARBINARY(32),
    ADD COLUMN blob_id VARCHAR(64),
    ADD COLUMN upload_id VARCHAR(64),
    ADD COLUMN ready_on DATETIME(6);

-- For the uploads that somebody has under way.
CREATE INDEX chat_files_by_uploader ON chat_files (tenant_id, created_by, state);

-- For what was uploaded and never sent.
CREATE INDEX chat_files_by_state ON chat_files (tenant_id, state, message_id, created_on);

-- The bytes that a user has, and, under the empty name, those of the whole tenant. A row
-- is locked by whoever changes it, so that no two uploads pass a quota that has room for
-- one.
CREATE TABLE chat_usage (
    tenant_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    used_bytes BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Links that work without a token. Of the secret in a link only the SHA-256 is kept.
CREATE TABLE chat_links (
    secret_hash BINARY(32) NOT NULL PRIMARY KEY,
    id BINARY(16) NOT NULL,
    tenant_id VARCHAR(128) NOT NULL,
    file_id BINARY(16) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    once_only BOOLEAN NOT NULL,
    created_on DATETIME(6) NOT NULL,
    expires_on DATETIME(6) NOT NULL,
    used_on DATETIME(6)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX chat_links_by_expiry ON chat_links (expires_on);
