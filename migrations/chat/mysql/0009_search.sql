-- The words of messages, whatever their case. The server's own rules hold besides: the
-- shortest word (`innodb_ft_min_token_size`) and the stop words (`innodb_ft_enable_stopword`).
ALTER TABLE chat_messages ADD COLUMN body_words TEXT CHARACTER SET utf8mb4
    COLLATE utf8mb4_unicode_ci GENERATED ALWAYS AS (body) STORED;

CREATE FULLTEXT INDEX chat_messages_by_text ON chat_messages (body_words);
