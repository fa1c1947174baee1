-- How far an import into a tenant is: written with the rows of each step, so that a run
-- that was cut goes on where it was. `step` keeps two runs apart. `state` is JSON.
CREATE TABLE chat_imports (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL PRIMARY KEY,
    step BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    updated_on TIMESTAMPTZ NOT NULL
);

-- The channels that an unfinished import made, with the earliest message seen so far:
-- who wrote it becomes the owner at the end.
CREATE TABLE chat_import_channels (
    tenant_id VARCHAR(128) COLLATE "C" NOT NULL,
    channel_id VARCHAR(128) COLLATE "C" NOT NULL,
    first_message_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, channel_id)
);
