-- External ids (tenant, user, channel) are opaque texts that compare byte by byte;
-- BINARY is SQLite's default collation. Times are microseconds since 1970, UTC.

-- Inside a tenant a channel is what its clients call it.
CREATE TABLE chat_channels (
    tenant_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    channel_type TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_on INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, channel_id)
) WITHOUT ROWID;

CREATE TABLE chat_members (
    tenant_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'moderator', 'member')),
    joined_on INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, user_id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES chat_channels (tenant_id, channel_id)
) WITHOUT ROWID;

CREATE INDEX chat_members_by_user ON chat_members (tenant_id, user_id, channel_id);

-- No foreign keys here: the statement that writes a message joins the member and the
-- parent that it needs, so a key would only repeat those look-ups for every row.
CREATE TABLE chat_messages (
    id BLOB NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    channel_type TEXT NOT NULL,
    body TEXT NOT NULL,
    status INTEGER NOT NULL,
    subject TEXT,
    to_user_id TEXT,
    parent_message_id BLOB,
    created_by TEXT NOT NULL,
    created_on INTEGER NOT NULL,
    modified_by TEXT NOT NULL,
    modified_on INTEGER NOT NULL,
    deleted BOOLEAN NOT NULL,
    deleted_by TEXT,
    deleted_on INTEGER
);

-- Every read asks for `deleted = FALSE`. It stands before the time, so that deleted
-- rows are outside of the range that a page reads, not skipped inside of it.
CREATE INDEX chat_messages_by_channel
    ON chat_messages (tenant_id, channel_id, deleted, created_on, id);

-- For pages over all channels.
CREATE INDEX chat_messages_by_time
    ON chat_messages (tenant_id, deleted, created_on, id);
