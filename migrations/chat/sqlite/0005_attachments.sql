-- What an attachment is beside a file: its bytes are in the host's store. A row without a
-- state is a file that a client registered, and has none.
--
-- pending: announced, and its bytes are still to come (`upload_id` while they come in
-- several requests). ready: they are all there (`blob_id`). quarantined: nobody gets them.
-- purged: they are given up.
ALTER TABLE chat_files ADD COLUMN state TEXT CHECK (state IN ('pending', 'ready', 'quarantined', 'purged'));
ALTER TABLE chat_files ADD COLUMN name TEXT;
ALTER TABLE chat_files ADD COLUMN size_bytes INTEGER;
ALTER TABLE chat_files ADD COLUMN declared_type TEXT;
ALTER TABLE chat_files ADD COLUMN sniffed_type TEXT;
ALTER TABLE chat_files ADD COLUMN sha256 BLOB;
ALTER TABLE chat_files ADD COLUMN blob_id TEXT;
ALTER TABLE chat_files ADD COLUMN upload_id TEXT;
ALTER TABLE chat_files ADD COLUMN ready_on INTEGER;

-- For the uploads that somebody has under way.
CREATE INDEX chat_files_by_uploader ON chat_files (tenant_id, created_by, state);

-- For what was uploaded and never sent.
CREATE INDEX chat_files_by_state ON chat_files (tenant_id, state, message_id, created_on);

-- The bytes that a user has, and, under the empty name, those of the whole tenant. A row
-- is locked by whoever changes it, so that no two uploads pass a quota that has room for
-- one.
CREATE TABLE chat_usage (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    used_bytes INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) WITHOUT ROWID;

-- Links that work without a token. Of the secret in a link only the SHA-256 is kept.
CREATE TABLE chat_links (
    secret_hash BLOB NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    tenant_id TEXT NOT NULL,
    file_id BLOB NOT NULL,
    user_id TEXT NOT NULL,
    once_only BOOLEAN NOT NULL,
    created_on INTEGER NOT NULL,
    expires_on INTEGER NOT NULL,
    used_on INTEGER
);

CREATE INDEX chat_links_by_expiry ON chat_links (expires_on);
