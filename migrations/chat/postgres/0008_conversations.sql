-- Tickets that open one stream of events without a token, within a minute. Of the secret
-- only the SHA-256 is kept.
CREATE TABLE chat_tickets (
    secret_hash BYTEA NOT NULL PRIMARY KEY,
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    user_id VARCHAR(128) COLLATE "C" NOT NULL,
    -- Seconds since 1970, from the token that asked for the ticket.
    token_expires BIGINT,
    expires_on TIMESTAMPTZ NOT NULL
);

CREATE INDEX chat_tickets_by_expiry ON chat_tickets (expires_on);

-- What a message said before it was edited.
CREATE TABLE chat_message_versions (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    message_id UUID NOT NULL,
    version BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    subject VARCHAR(200) COLLATE "C",
    written_by VARCHAR(128) COLLATE "C" NOT NULL,
    written_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (message_id, version)
);

CREATE TABLE chat_reactions (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    message_id UUID NOT NULL,
    emoji VARCHAR(64) COLLATE "C" NOT NULL,
    user_id VARCHAR(128) COLLATE "C" NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
);

CREATE INDEX chat_reactions_by_user ON chat_reactions (tenant_id, user_id);

-- Messages that a channel keeps in view.
CREATE TABLE chat_pins (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    channel_id VARCHAR(128) COLLATE "C" NOT NULL,
    message_id UUID NOT NULL,
    pinned_by VARCHAR(128) COLLATE "C" NOT NULL,
    pinned_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, message_id)
);

-- Messages that somebody has deleted for oneself.
CREATE TABLE chat_hidden (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    user_id VARCHAR(128) COLLATE "C" NOT NULL,
    message_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, user_id, message_id)
);

-- Who is mentioned where.
CREATE TABLE chat_mentions (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    user_id VARCHAR(128) COLLATE "C" NOT NULL,
    message_id UUID NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, user_id, message_id)
);

CREATE INDEX chat_mentions_by_time ON chat_mentions (tenant_id, user_id, created_on, message_id);

-- Whom somebody wants no direct messages from.
CREATE TABLE chat_blocks (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    user_id VARCHAR(128) COLLATE "C" NOT NULL,
    blocked_id VARCHAR(128) COLLATE "C" NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, user_id, blocked_id)
);

-- When a user was there last.
CREATE TABLE chat_presence (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    user_id VARCHAR(128) COLLATE "C" NOT NULL,
    seen_on TIMESTAMPTZ NOT NULL,
    status VARCHAR(16) COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

-- What users have sent in the minute that is counted.
CREATE TABLE chat_rates (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    user_id VARCHAR(128) COLLATE "C" NOT NULL,
    window_on TIMESTAMPTZ NOT NULL,
    sent BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

-- What members find wrong with a message.
CREATE TABLE chat_reports (
    id UUID NOT NULL PRIMARY KEY,
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    channel_id VARCHAR(128) COLLATE "C" NOT NULL,
    message_id UUID NOT NULL,
    reporter_id VARCHAR(128) COLLATE "C" NOT NULL,
    reason VARCHAR(1000) COLLATE "C",
    state VARCHAR(16) COLLATE "C" NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    closed_by VARCHAR(128) COLLATE "C",
    closed_on TIMESTAMPTZ,
    CONSTRAINT chat_reports_once UNIQUE (tenant_id, message_id, reporter_id)
);

CREATE INDEX chat_reports_by_channel ON chat_reports (tenant_id, channel_id, state, created_on, id);
