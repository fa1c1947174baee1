-- How far an import into a tenant is: written with the rows of each step, so that a run
-- that was cut goes on where it was. `step` keeps two runs apart. `state` is JSON.
CREATE TABLE chat_imports (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    step INTEGER NOT NULL,
    state TEXT NOT NULL,
    updated_on INTEGER NOT NULL
);

-- The channels that an unfinished import made, with the earliest message seen so far:
-- who wrote it becomes the owner at the end.
CREATE TABLE chat_import_channels (
    tenant_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    first_message_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, channel_id)
) WITHOUT ROWID;
