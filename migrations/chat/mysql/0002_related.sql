-- Who a message is for, besides the members of its channel. `holder_id` is the
-- recipient while the row lives and NULL once it is deleted: so that there is one live
-- row for each message and recipient, and that a look-up of it needs no other column.
CREATE TABLE chat_recipients (
    id BINARY(16) NOT NULL PRIMARY KEY,
    tenant_id VARCHAR(128) NOT NULL,
    message_id BINARY(16) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    recipient_id VARCHAR(128) NOT NULL,
    holder_id VARCHAR(128),
    forwarded_by VARCHAR(128),
    is_favorite BOOLEAN NOT NULL,
    is_forwarded BOOLEAN NOT NULL,
    is_read BOOLEAN NOT NULL,
    created_by VARCHAR(128) NOT NULL,
    created_on DATETIME(6) NOT NULL,
    modified_by VARCHAR(128) NOT NULL,
    modified_on DATETIME(6) NOT NULL,
    deleted BOOLEAN NOT NULL,
    deleted_by VARCHAR(128),
    deleted_on DATETIME(6),
    CONSTRAINT chat_recipients_once UNIQUE (tenant_id, message_id, holder_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX chat_recipients_by_recipient
    ON chat_recipients (tenant_id, recipient_id, deleted, created_on, id);

-- For those who are no members: what of a channel was sent to them.
CREATE INDEX chat_recipients_by_holder
    ON chat_recipients (tenant_id, holder_id, channel_id, message_id);

-- What clients know about a file. The bytes are elsewhere. `meta_data` is kept as the text
-- that the client sent: the JSON types of the databases sort and refuse differently.
CREATE TABLE chat_files (
    id BINARY(16) NOT NULL PRIMARY KEY,
    tenant_id VARCHAR(128) NOT NULL,
    channel_id VARCHAR(128),
    file_key VARCHAR(1024),
    message_id BINARY(16),
    meta_data MEDIUMTEXT,
    created_by VARCHAR(128) NOT NULL,
    created_on DATETIME(6) NOT NULL,
    modified_by VARCHAR(128) NOT NULL,
    modified_on DATETIME(6) NOT NULL,
    deleted BOOLEAN NOT NULL,
    deleted_by VARCHAR(128),
    deleted_on DATETIME(6)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX chat_files_by_message ON chat_files (tenant_id, message_id, deleted, created_on, id);

CREATE INDEX chat_files_by_creator ON chat_files (tenant_id, created_by, deleted, created_on, id);

CREATE INDEX chat_files_by_time ON chat_files (tenant_id, deleted, created_on, id);

CREATE INDEX chat_messages_by_parent
    ON chat_messages (tenant_id, parent_message_id, deleted, created_on, id);

-- For those who are no members of a channel any more: what they sent to it, and what
-- was sent to them. Without these a page would walk the whole channel, and how long it
-- takes would tell that there is one.
CREATE INDEX chat_messages_by_sender ON chat_messages (tenant_id, created_by, channel_id, deleted, created_on);

CREATE INDEX chat_messages_by_addressee ON chat_messages (tenant_id, to_user_id, channel_id, deleted, created_on);
