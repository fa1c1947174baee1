-- The versions of each plugin. A row never changes: another component is another version.
CREATE TABLE gateway_deployments (
    plugin VARCHAR(64) NOT NULL,
    version VARCHAR(128) NOT NULL,
    digest CHAR(64) NOT NULL,
    size BIGINT NOT NULL,
    note TEXT NOT NULL,
    signed_by VARCHAR(128),
    signature VARCHAR(128),
    created_at DATETIME(6) NOT NULL,
    created_by VARCHAR(128) NOT NULL,
    PRIMARY KEY (plugin, version)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE UNIQUE INDEX gateway_deployments_digest ON gateway_deployments (plugin, digest);

-- The components, by their SHA-256, in parts that no database refuses as too large. Here,
-- so that every gateway on the database can have them.
CREATE TABLE gateway_components (
    digest CHAR(64) NOT NULL,
    part BIGINT NOT NULL,
    bytes MEDIUMBLOB NOT NULL,
    PRIMARY KEY (digest, part)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Which version serves. Each change counts the revision up, so that of two changes at once
-- one is refused, and gateways see that there is something new.
CREATE TABLE gateway_pointers (
    plugin VARCHAR(64) NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    active VARCHAR(128) NOT NULL,
    previous VARCHAR(128),
    canary TEXT,
    changed_at DATETIME(6) NOT NULL,
    changed_by VARCHAR(128) NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Migrations that only add: a version from before one of them still fits the schema.
CREATE TABLE gateway_expansions (
    owner VARCHAR(64) NOT NULL,
    version BIGINT NOT NULL,
    checksum CHAR(64) NOT NULL,
    PRIMARY KEY (owner, version, checksum)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
