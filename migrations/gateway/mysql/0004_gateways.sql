-- Which gateway uses which version of which plugin, draining ones included, and when it
-- last said so, by the clock of the database. An empty version: it applies migrations that
-- take away, and nobody may bring up another version meanwhile.
CREATE TABLE gateway_gateways (
    gateway BINARY(16) NOT NULL,
    plugin VARCHAR(64) NOT NULL,
    version VARCHAR(128) NOT NULL,
    seen_at DATETIME(6) NOT NULL,
    PRIMARY KEY (gateway, plugin, version)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
