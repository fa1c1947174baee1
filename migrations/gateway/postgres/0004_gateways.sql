-- Which gateway uses which version of which plugin, draining ones included, and when it
-- last said so, by the clock of the database. An empty version: it applies migrations that
-- take away, and nobody may bring up another version meanwhile.
CREATE TABLE gateway_gateways (
    gateway UUID NOT NULL,
    plugin TEXT NOT NULL,
    version TEXT NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (gateway, plugin, version)
);
