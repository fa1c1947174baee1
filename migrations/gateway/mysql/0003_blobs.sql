-- Whence and on whose behalf a request came. Rows from before have none of it, and the
-- hash that they had.
ALTER TABLE gateway_audit ADD COLUMN via VARCHAR(128);
ALTER TABLE gateway_audit ADD COLUMN address VARCHAR(64);
ALTER TABLE gateway_audit ADD COLUMN agent VARCHAR(256);

-- Where a chain begins whose older rows were removed on purpose: the last one that is gone,
-- and its hash, on which the first one that is left follows.
ALTER TABLE gateway_audit_heads ADD COLUMN pruned_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE gateway_audit_heads ADD COLUMN pruned_hash BINARY(32);

-- Content in the blob store. A row is there before the first byte is, and until the last
-- one is gone. `state`: open (still arriving), ready, doomed (being removed). `links`
-- counts what needs it.
CREATE TABLE gateway_blobs (
    id BINARY(16) NOT NULL PRIMARY KEY,
    plugin VARCHAR(64) NOT NULL,
    scope VARCHAR(128) NOT NULL,
    state VARCHAR(16) NOT NULL,
    size BIGINT NOT NULL,
    most BIGINT NOT NULL,
    wanted BINARY(32),
    sha256 BINARY(32),
    hasher VARBINARY(256),
    links BIGINT NOT NULL,
    touched_at DATETIME(6) NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Equal content is kept once. What is not ready has no SHA-256, and is never equal.
CREATE UNIQUE INDEX gateway_blobs_content ON gateway_blobs (plugin, scope, sha256);

-- What nobody needs, by how long.
CREATE INDEX gateway_blobs_unlinked ON gateway_blobs (links, touched_at);

-- The objects that content consists of, in their order. One without a size was never
-- finished.
CREATE TABLE gateway_blob_parts (
    blob_id BINARY(16) NOT NULL,
    part BIGINT NOT NULL,
    object VARCHAR(128) NOT NULL,
    size BIGINT,
    PRIMARY KEY (blob_id, part)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Downloads that run: by which gateway, and when it was last seen at it. What is left of a
-- gateway that died is closed in the record by another one, as `stamp` and `action` say.
CREATE TABLE gateway_downloads (
    id BINARY(16) NOT NULL PRIMARY KEY,
    plugin VARCHAR(64) NOT NULL,
    gateway BINARY(16) NOT NULL,
    seen_at DATETIME(6) NOT NULL,
    is_ended BOOLEAN NOT NULL,
    place VARCHAR(128) NOT NULL,
    action VARCHAR(128) NOT NULL,
    stamp TEXT NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX gateway_downloads_gateway ON gateway_downloads (gateway, is_ended);

-- By what a plugin ends them.
CREATE TABLE gateway_download_tags (
    download BINARY(16) NOT NULL,
    tag VARCHAR(300) NOT NULL,
    PRIMARY KEY (download, tag)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX gateway_download_tags_tag ON gateway_download_tags (tag);
