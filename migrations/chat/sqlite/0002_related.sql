-- Who a message is for, besides the members of its channel. `holder_id` is the
-- recipient while the row lives and NULL once it is deleted: so that there is one live
-- row for each message and recipient, and that a look-up of it needs no other column.
CREATE TABLE chat_recipients (
    id BLOB NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    message_id BLOB NOT NULL,
    channel_id TEXT NOT NULL,
    recipient_id TEXT NOT NULL,
    holder_id TEXT,
    forwarded_by TEXT,
    is_favorite BOOLEAN NOT NULL,
    is_forwarded BOOLEAN NOT NULL,
    is_read BOOLEAN NOT NULL,
    created_by TEXT NOT NULL,
    created_on INTEGER NOT NULL,
    modified_by TEXT NOT NULL,
    modified_on INTEGER NOT NULL,
    deleted BOOLEAN NOT NULL,
    deleted_by TEXT,
    deleted_on INTEGER,
    CONSTRAINT chat_recipients_once UNIQUE (tenant_id, message_id, holder_id)
);

CREATE INDEX chat_recipients_by_recipient
    ON chat_recipients (tenant_id, recipient_id, deleted, created_on, id);

-- For those who are no members: what of a channel was sent to them.
CREATE INDEX chat_recipients_by_holder
    ON chat_recipients (tenant_id, holder_id, channel_id, message_id);

-- What clients know about a file. The bytes are elsewhere. `meta_data` is kept as the text
-- that the client sent: the JSON types of the databases sort and refuse differently.
CREATE TABLE chat_files (
    id BLOB NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    channel_id TEXT,
    file_key TEXT,
    message_id BLOB,
    meta_data TEXT,
    created_by TEXT NOT NULL,
    created_on INTEGER NOT NULL,
    modified_by TEXT NOT NULL,
    modified_on INTEGER NOT NULL,
    deleted BOOLEAN NOT NULL,
    deleted_by TEXT,
    deleted_on INTEGER
);

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
