-- How far an import into a tenant is: written with the rows of each step, so that a run
-- that was cut goes on where it was. `step` keeps two runs apart. `state` is JSON.
CREATE TABLE chat_imports (
    tenant_id VARCHAR(128) NOT NULL PRIMARY KEY,
    step BIGINT NOT NULL,
    state MEDIUMTEXT NOT NULL,
    updated_on DATETIME(6) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The channels that an unfinished import made, with the earliest message seen so far:
-- who wrote it becomes the owner at the end.
CREATE TABLE chat_import_channels (
    tenant_id VARCHAR(128) NOT NULL,
    channel_id VARCHAR(128) NOT NULL,
    first_message_id BINARY(16) NOT NULL,
    PRIMARY KEY (tenant_id, channel_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
