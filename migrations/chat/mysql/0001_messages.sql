-- External ids (tenant, user, channel) are opaque texts that compare byte by byte:
-- utf8mb4_bin. It ignores trailing spaces, which is why the service accepts no id that
-- ends in one. The longest key is (128 + 128 + 128) * 4 bytes; InnoDB allows 3,072.

-- Inside a tenant a channel is what its clients call it.
CREATE TABLE chat_channels (
    tenant_id VARCHAR(128) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    channel_type VARCHAR(200) NOT NULL,
    created_by VARCHAR(128) NOT NULL,
    created_on DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, channel_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE chat_members (
    tenant_id VARCHAR(128) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    role VARCHAR(16) NOT NULL CHECK (role IN ('owner', 'moderator', 'member')),
    joined_on DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, user_id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES chat_channels (tenant_id, channel_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX chat_members_by_user ON chat_members (tenant_id, user_id, channel_id);

-- No foreign keys here: the statement that writes a message joins the member and the
-- parent that it needs, so a key would only repeat those look-ups for every row.
CREATE TABLE chat_messages (
    id BINARY(16) NOT NULL PRIMARY KEY,
    tenant_id VARCHAR(128) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    channel_type VARCHAR(200) NOT NULL,
    body TEXT NOT NULL,
    status INTEGER NOT NULL,
    subject VARCHAR(200),
    to_user_id VARCHAR(128),
    parent_message_id BINARY(16),
    created_by VARCHAR(128) NOT NULL,
    created_on DATETIME(6) NOT NULL,
    modified_by VARCHAR(128) NOT NULL,
    modified_on DATETIME(6) NOT NULL,
    deleted BOOLEAN NOT NULL,
    deleted_by VARCHAR(128),
    deleted_on DATETIME(6)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Every read asks for `deleted = FALSE`. It stands before the time, so that deleted
-- rows are outside of the range that a page reads, not skipped inside of it.
CREATE INDEX chat_messages_by_channel
    ON chat_messages (tenant_id, channel_id, deleted, created_on, id);

-- For pages over all channels.
CREATE INDEX chat_messages_by_time
    ON chat_messages (tenant_id, deleted, created_on, id);
