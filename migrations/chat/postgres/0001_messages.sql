-- External ids (tenant, user, channel) are opaque texts that compare byte by byte,
-- whatever the database's locale: COLLATE "C". So do the other texts, for one order
-- on every database.

-- Inside a tenant a channel is what its clients call it.
CREATE TABLE chat_channels (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    channel_id VARCHAR(128) COLLATE "C" NOT NULL,
    channel_type VARCHAR(200) COLLATE "C" NOT NULL,
    created_by VARCHAR(128) COLLATE "C" NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, channel_id)
);

CREATE TABLE chat_members (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    channel_id VARCHAR(128) COLLATE "C" NOT NULL,
    user_id VARCHAR(128) COLLATE "C" NOT NULL,
    role VARCHAR(16) COLLATE "C" NOT NULL CHECK (role IN ('owner', 'moderator', 'member')),
    joined_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, user_id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES chat_channels (tenant_id, channel_id)
);

CREATE INDEX chat_members_by_user ON chat_members (tenant_id, user_id, channel_id);

-- No foreign keys here: the statement that writes a message joins the member and the
-- parent that it needs, so a key would only repeat those look-ups for every row.
CREATE TABLE chat_messages (
    id UUID NOT NULL PRIMARY KEY,
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    channel_id VARCHAR(128) COLLATE "C" NOT NULL,
    channel_type VARCHAR(200) COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    status INTEGER NOT NULL,
    subject VARCHAR(200) COLLATE "C",
    to_user_id VARCHAR(128) COLLATE "C",
    parent_message_id UUID,
    created_by VARCHAR(128) COLLATE "C" NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    modified_by VARCHAR(128) COLLATE "C" NOT NULL,
    modified_on TIMESTAMPTZ NOT NULL,
    deleted BOOLEAN NOT NULL,
    deleted_by VARCHAR(128) COLLATE "C",
    deleted_on TIMESTAMPTZ
);

-- Every read asks for `deleted = FALSE`. It stands before the time, so that deleted
-- rows are outside of the range that a page reads, not skipped inside of it.
CREATE INDEX chat_messages_by_channel
    ON chat_messages (tenant_id, channel_id, deleted, created_on, id);

-- For pages over all channels.
CREATE INDEX chat_messages_by_time
    ON chat_messages (tenant_id, deleted, created_on, id);
