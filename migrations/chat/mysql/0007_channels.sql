-- Channels that are more than the place of their messages, and a number for each message.
--
-- kind: direct (two users), group (by invitation) or public (everybody of the tenant finds
-- and joins it). Channels that messages make by themselves are groups.
--
-- A message gets its number while the row of its channel is locked, so that the numbers of
-- a channel have no gap and come in the order of the commits. Code from before this step
-- writes messages without one: they are numbered when the channel is used next.
ALTER TABLE chat_channels ADD COLUMN kind VARCHAR(16) NOT NULL DEFAULT 'group';
ALTER TABLE chat_channels ADD COLUMN name VARCHAR(200);
ALTER TABLE chat_channels ADD COLUMN topic VARCHAR(1000);
ALTER TABLE chat_channels ADD COLUMN last_seq BIGINT NOT NULL DEFAULT 0;
-- When the last message came; none where none has come yet.
ALTER TABLE chat_channels ADD COLUMN active_on DATETIME(6);
ALTER TABLE chat_channels ADD COLUMN archived_on DATETIME(6);
ALTER TABLE chat_channels ADD COLUMN slow_seconds BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_channels ADD COLUMN retention_seconds BIGINT;

CREATE INDEX chat_channels_by_kind ON chat_channels (tenant_id, kind, channel_id);

-- How far a member has read and been sent messages.
ALTER TABLE chat_members ADD COLUMN read_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_members ADD COLUMN delivered_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_members ADD COLUMN muted_until DATETIME(6);
-- When the member sent the last message, for slow mode.
ALTER TABLE chat_members ADD COLUMN sent_on DATETIME(6);

ALTER TABLE chat_messages ADD COLUMN seq BIGINT;
ALTER TABLE chat_messages ADD COLUMN client_id VARCHAR(128);
ALTER TABLE chat_messages ADD COLUMN edited_on DATETIME(6);
ALTER TABLE chat_messages ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
-- A JSON array of users.
ALTER TABLE chat_messages ADD COLUMN mentions TEXT;
ALTER TABLE chat_messages ADD COLUMN forwarded_from BINARY(16);

-- What is there already is numbered in the order of its time.
UPDATE chat_messages AS m JOIN (
    SELECT id, ROW_NUMBER() OVER (PARTITION BY tenant_id, channel_id ORDER BY created_on, id)
        AS place FROM chat_messages
) AS n ON n.id = m.id SET m.seq = n.place;
UPDATE chat_channels SET
    last_seq = COALESCE((SELECT MAX(m.seq) FROM chat_messages AS m
        WHERE m.tenant_id = chat_channels.tenant_id
        AND m.channel_id = chat_channels.channel_id), 0),
    active_on = (SELECT MAX(m.created_on) FROM chat_messages AS m
        WHERE m.tenant_id = chat_channels.tenant_id
        AND m.channel_id = chat_channels.channel_id);

-- What was said before is not news.
UPDATE chat_members SET read_seq = (SELECT c.last_seq FROM chat_channels AS c
    WHERE c.tenant_id = chat_members.tenant_id AND c.channel_id = chat_members.channel_id);
UPDATE chat_members SET delivered_seq = read_seq;

-- History pages, unread counts, and the search for what has no number yet.
CREATE INDEX chat_messages_by_seq ON chat_messages (tenant_id, channel_id, deleted, seq);

-- The conversation of two users: one for each pair.
CREATE TABLE chat_directs (
    tenant_id VARCHAR(128) NOT NULL,
    distinct_key VARCHAR(64) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    PRIMARY KEY (tenant_id, distinct_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE chat_bans (
    tenant_id VARCHAR(128) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    reason VARCHAR(1000),
    banned_by VARCHAR(128) NOT NULL,
    banned_on DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What senders call their messages, so that one that is sent again is not there twice.
-- `fingerprint` is a hash of what was sent.
CREATE TABLE chat_client_ids (
    tenant_id VARCHAR(128) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    client_id VARCHAR(128) NOT NULL,
    message_id BINARY(16) NOT NULL,
    fingerprint VARBINARY(32) NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, user_id, client_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
