-- The event log of each plugin. Its number is random: what another log of the same plugin
-- gave out, as in a database that was set up anew, is known by it.
CREATE TABLE gateway_logs (
    plugin TEXT NOT NULL PRIMARY KEY,
    log_id BIGINT NOT NULL,
    partitions INTEGER NOT NULL
);

-- A log has some partitions, and a topic is in one of them. Positions in a partition count
-- from 1 in the order of the commits, without gaps: the row is locked from the update of
-- `last_position` to the commit. What is not above `floor_position` is not kept any more.
CREATE TABLE gateway_partitions (
    log_id BIGINT NOT NULL,
    part INTEGER NOT NULL,
    last_position BIGINT NOT NULL,
    floor_position BIGINT NOT NULL,
    PRIMARY KEY (log_id, part)
);

-- `verb`: publish, admit, revoke. The latter two say from where on a subject receives a
-- topic, or no longer does (without a subject: nobody does).
CREATE TABLE gateway_events (
    log_id BIGINT NOT NULL,
    part INTEGER NOT NULL,
    position BIGINT NOT NULL,
    verb TEXT NOT NULL,
    topic_key BIGINT NOT NULL,
    topic TEXT NOT NULL,
    kind TEXT,
    subject TEXT,
    payload TEXT,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (log_id, part, position)
);

-- What a client missed of its topics.
CREATE INDEX gateway_events_topic ON gateway_events (log_id, topic_key, position);
