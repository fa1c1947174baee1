-- What inspectors found in the bytes of an attachment, once: `inspected_on` is when it was
-- reported. `clean_by` has the names of those that called it clean, with spaces between
-- them, or `*` once a moderator gave it free. The small picture is a blob of its own.
ALTER TABLE chat_files ADD COLUMN inspected_on INTEGER;
ALTER TABLE chat_files ADD COLUMN clean_by TEXT;
ALTER TABLE chat_files ADD COLUMN width INTEGER;
ALTER TABLE chat_files ADD COLUMN height INTEGER;
ALTER TABLE chat_files ADD COLUMN thumbnail_id TEXT;
ALTER TABLE chat_files ADD COLUMN thumbnail_type TEXT;
ALTER TABLE chat_files ADD COLUMN thumbnail_bytes INTEGER;
