-- Tickets that open one stream of events without a token, within a minute. Of the secret
-- only the SHA-256 is kept.
CREATE TABLE chat_tickets (
    secret_hash VARBINARY(32) NOT NULL PRIMARY KEY,
    tenant_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    -- Seconds since 1970, from the token that asked for the ticket.
    token_expires BIGINT,
    expires_on DATETIME(6) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX chat_tickets_by_expiry ON chat_tickets (expires_on);

-- What a message said before it was edited.
CREATE TABLE chat_message_versions (
    tenant_id VARCHAR(128) NOT NULL,
    message_id BINARY(16) NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    subject VARCHAR(200),
    written_by VARCHAR(128) NOT NULL,
    written_on DATETIME(6) NOT NULL,
    PRIMARY KEY (message_id, version)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE chat_reactions (
    tenant_id VARCHAR(128) NOT NULL,
    message_id BINARY(16) NOT NULL,
    emoji VARCHAR(64) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    created_on DATETIME(6) NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX chat_reactions_by_user ON chat_reactions (tenant_id, user_id);

-- Messages that a channel keeps in view.
CREATE TABLE chat_pins (
    tenant_id VARCHAR(128) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    message_id BINARY(16) NOT NULL,
    pinned_by VARCHAR(128) NOT NULL,
    pinned_on DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, message_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Messages that somebody has deleted for oneself.
CREATE TABLE chat_hidden (
    tenant_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    message_id BINARY(16) NOT NULL,
    PRIMARY KEY (tenant_id, user_id, message_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Who is mentioned where.
CREATE TABLE chat_mentions (
    tenant_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    message_id BINARY(16) NOT NULL,
    created_on DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, user_id, message_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX chat_mentions_by_time ON chat_mentions (tenant_id, user_id, created_on, message_id);

-- Whom somebody wants no direct messages from.
CREATE TABLE chat_blocks (
    tenant_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    blocked_id VARCHAR(128) NOT NULL,
    created_on DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, user_id, blocked_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- When a user was there last.
CREATE TABLE chat_presence (
    tenant_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    seen_on DATETIME(6) NOT NULL,
    status VARCHAR(16) NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What users have sent in the minute that is counted.
CREATE TABLE chat_rates (
    tenant_id VARCHAR(128) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    window_on DATETIME(6) NOT NULL,
    sent BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What members find wrong with a message.
CREATE TABLE chat_reports (
    id BINARY(16) NOT NULL PRIMARY KEY,
    tenant_id VARCHAR(128) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    message_id BINARY(16) NOT NULL,
    reporter_id VARCHAR(128) NOT NULL,
    reason VARCHAR(1000),
    state VARCHAR(16) NOT NULL,
    created_on DATETIME(6) NOT NULL,
    closed_by VARCHAR(128),
    closed_on DATETIME(6),
    CONSTRAINT chat_reports_once UNIQUE (tenant_id, message_id, reporter_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX chat_reports_by_channel ON chat_reports (tenant_id, channel_id, state, created_on, id);
