-- What inspectors found in the bytes of an attachment, once: `inspected_on` is when it was
-- reported. `clean_by` has the names of those that called it clean, with spaces between
-- them, or `*` once a moderator gave it free. The small picture is a blob of its own.
ALTER TABLE chat_files
    ADD COLUMN inspected_on TIMESTAMPTZ,
    ADD COLUMN clean_by VARCHAR(512) COLLATE "C",
    ADD COLUMN width BIGINT,
    ADD COLUMN height BIGINT,
    ADD COLUMN thumbnail_id VARCHAR(64) COLLATE "C",
    ADD COLUMN thumbnail_type VARCHAR(127) COLLATE "C",
    ADD COLUMN thumbnail_bytes BIGINT;
