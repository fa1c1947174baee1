-- Content that is to be inspected, until the plugin has taken the report. Each has a link on
-- its blob. `tries` counts how often a gateway took it on, and tells one try from the next;
-- `worker` did so last, and until `due_at` nobody else may.
CREATE TABLE gateway_inspections (
    id BLOB NOT NULL PRIMARY KEY,
    plugin TEXT NOT NULL,
    blob_id BLOB NOT NULL,
    media_type TEXT NOT NULL,
    tag TEXT NOT NULL,
    tries INTEGER NOT NULL,
    worker BLOB,
    due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX gateway_inspections_due ON gateway_inspections (plugin, due_at);
