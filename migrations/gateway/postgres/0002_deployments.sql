-- The versions of each plugin. A row never changes: another component is another version.
CREATE TABLE gateway_deployments (
    plugin TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    size BIGINT NOT NULL,
    note TEXT NOT NULL,
    signed_by TEXT,
    signature TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (plugin, version)
);

CREATE UNIQUE INDEX gateway_deployments_digest ON gateway_deployments (plugin, digest);

-- The components, by their SHA-256, in parts that no database refuses as too large. Here,
-- so that every gateway on the database can have them.
CREATE TABLE gateway_components (
    digest TEXT NOT NULL,
    part BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (digest, part)
);

-- Which version serves. Each change counts the revision up, so that of two changes at once
-- one is refused, and gateways see that there is something new.
CREATE TABLE gateway_pointers (
    plugin TEXT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    active TEXT NOT NULL,
    previous TEXT,
    canary TEXT,
    changed_at TIMESTAMPTZ NOT NULL,
    changed_by TEXT NOT NULL
);

-- Migrations that only add: a version from before one of them still fits the schema.
CREATE TABLE gateway_expansions (
    owner TEXT NOT NULL,
    version BIGINT NOT NULL,
    checksum TEXT NOT NULL,
    PRIMARY KEY (owner, version, checksum)
);
