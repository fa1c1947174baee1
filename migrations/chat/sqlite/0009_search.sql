-- The words of messages. The index keeps no text of its own; a number stands for a message
-- there, since SQLite may renumber the rows of a table that has no number of its own.
CREATE TABLE chat_text_ids (
    text_id INTEGER PRIMARY KEY,
    message_id BLOB NOT NULL UNIQUE
);

CREATE VIRTUAL TABLE chat_message_texts USING fts5(
    body, content='', contentless_delete=1, tokenize='unicode61'
);

INSERT INTO chat_text_ids (message_id) SELECT id FROM chat_messages WHERE deleted = FALSE;
INSERT INTO chat_message_texts (rowid, body)
    SELECT t.text_id, m.body FROM chat_text_ids AS t JOIN chat_messages AS m ON m.id = t.message_id;

CREATE TRIGGER chat_text_added AFTER INSERT ON chat_messages WHEN NEW.deleted = FALSE BEGIN
    INSERT INTO chat_text_ids (message_id) VALUES (NEW.id);
    INSERT INTO chat_message_texts (rowid, body)
        SELECT text_id, NEW.body FROM chat_text_ids WHERE message_id = NEW.id;
END;

CREATE TRIGGER chat_text_changed AFTER UPDATE OF body ON chat_messages
WHEN NEW.body <> OLD.body AND NEW.deleted = FALSE BEGIN
    UPDATE chat_message_texts SET body = NEW.body
        WHERE rowid = (SELECT text_id FROM chat_text_ids WHERE message_id = NEW.id);
END;

CREATE TRIGGER chat_text_removed AFTER UPDATE OF deleted ON chat_messages
WHEN NEW.deleted = TRUE AND OLD.deleted = FALSE BEGIN
    DELETE FROM chat_message_texts
        WHERE rowid = (SELECT text_id FROM chat_text_ids WHERE message_id = NEW.id);
    DELETE FROM chat_text_ids WHERE message_id = NEW.id;
END;

CREATE TRIGGER chat_text_lost AFTER DELETE ON chat_messages WHEN OLD.deleted = FALSE BEGIN
    DELETE FROM chat_message_texts
        WHERE rowid = (SELECT text_id FROM chat_text_ids WHERE message_id = OLD.id);
    DELETE FROM chat_text_ids WHERE message_id = OLD.id;
END;
