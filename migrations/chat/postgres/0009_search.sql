-- The words of messages, whatever their language: no stems and no stop words.
CREATE INDEX chat_messages_by_text ON chat_messages USING GIN (to_tsvector('simple', body));
