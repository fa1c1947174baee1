-- Content that is to be inspected, until the plugin has taken the report. Each has a link on
-- its blob. `tries` counts how often a gateway took it on, and tells one try from the next;
-- `worker` did so last, and until `due_at` nobody else may.
CREATE TABLE gateway_inspections (
    id UUID NOT NULL PRIMARY KEY,
    plugin TEXT NOT NULL,
    blob_id UUID NOT NULL,
    media_type TEXT NOT NULL,
    tag TEXT NOT NULL,
    tries BIGINT NOT NULL,
    worker UUID,
    due_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX gateway_inspections_due ON gateway_inspections (plugin, due_at);
