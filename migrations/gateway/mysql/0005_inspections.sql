-- Content that is to be inspected, until the plugin has taken the report. Each has a link on
-- its blob. `tries` counts how often a gateway took it on, and tells one try from the next;
-- `worker` did so last, and until `due_at` nobody else may.
CREATE TABLE gateway_inspections (
    id BINARY(16) NOT NULL PRIMARY KEY,
    plugin VARCHAR(64) NOT NULL,
    blob_id BINARY(16) NOT NULL,
    media_type VARCHAR(128) NOT NULL,
    tag VARCHAR(300) NOT NULL,
    tries BIGINT NOT NULL,
    worker BINARY(16),
    due_at DATETIME(6) NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX gateway_inspections_due ON gateway_inspections (plugin, due_at);
