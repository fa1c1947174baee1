CREATE TABLE notes_entries (
    id BINARY(16) NOT NULL PRIMARY KEY,
    owner VARCHAR(128) NOT NULL,
    body MEDIUMTEXT NOT NULL,
    created_on DATETIME(6) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX notes_entries_by_owner ON notes_entries (owner, created_on, id);
