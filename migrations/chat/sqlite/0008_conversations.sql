-- Tickets that open one stream of events without a token, within a minute. Of the secret
-- only the SHA-256 is kept.
CREATE TABLE chat_tickets (
    secret_hash BLOB NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- Seconds since 1970, from the token that asked for the ticket.
    token_expires INTEGER,
    expires_on INTEGER NOT NULL
);

CREATE INDEX chat_tickets_by_expiry ON chat_tickets (expires_on);

-- What a message said before it was edited.
CREATE TABLE chat_message_versions (
    tenant_id TEXT NOT NULL,
    message_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    subject TEXT,
    written_by TEXT NOT NULL,
    written_on INTEGER NOT NULL,
    PRIMARY KEY (message_id, version)
);

CREATE TABLE chat_reactions (
    tenant_id TEXT NOT NULL,
    message_id BLOB NOT NULL,
    emoji TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_on INTEGER NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
);

CREATE INDEX chat_reactions_by_user ON chat_reactions (tenant_id, user_id);

-- Messages that a channel keeps in view.
CREATE TABLE chat_pins (
    tenant_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    message_id BLOB NOT NULL,
    pinned_by TEXT NOT NULL,
    pinned_on INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, message_id)
) WITHOUT ROWID;

-- Messages that somebody has deleted for oneself.
CREATE TABLE chat_hidden (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    message_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, user_id, message_id)
) WITHOUT ROWID;

-- Who is mentioned where.
CREATE TABLE chat_mentions (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    message_id BLOB NOT NULL,
    created_on INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id, message_id)
) WITHOUT ROWID;

CREATE INDEX chat_mentions_by_time ON chat_mentions (tenant_id, user_id, created_on, message_id);

-- Whom somebody wants no direct messages from.
CREATE TABLE chat_blocks (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    blocked_id TEXT NOT NULL,
    created_on INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id, blocked_id)
) WITHOUT ROWID;

-- When a user was there last.
CREATE TABLE chat_presence (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    seen_on INTEGER NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) WITHOUT ROWID;

-- What users have sent in the minute that is counted.
CREATE TABLE chat_rates (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    window_on INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) WITHOUT ROWID;

-- What members find wrong with a message.
CREATE TABLE chat_reports (
    id BLOB NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    message_id BLOB NOT NULL,
    reporter_id TEXT NOT NULL,
    reason TEXT,
    state TEXT NOT NULL,
    created_on INTEGER NOT NULL,
    closed_by TEXT,
    closed_on INTEGER,
    CONSTRAINT chat_reports_once UNIQUE (tenant_id, message_id, reporter_id)
);

CREATE INDEX chat_reports_by_channel ON chat_reports (tenant_id, channel_id, state, created_on, id);
