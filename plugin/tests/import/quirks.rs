//! What the original's rows are like, and what becomes of them.

use chat::ports::Dialect;

use crate::support::World;
use crate::{TENANT, both, counts, id, insert, message, recipient};

#[test]
fn times_of_deletion_are_those_of_deleted_rows() {
    both(|world| {
        message(&world, 1, "c", "ann", 1_000_999, &[("deleted_by", "'eve'")]);
        message(
            &world,
            2,
            "c",
            "ann",
            2_000_000,
            &[("deleted", "1"), ("deleted_by", "'eve'")],
        );
        message(
            &world,
            3,
            "c",
            "ann",
            3_000_000,
            &[("deleted", "1"), ("deleted_on", "NULL")],
        );
        world.run(TENANT).unwrap();
        assert_eq!(
            world.rows(
                "SELECT created_on, deleted, deleted_by, deleted_on FROM chat_messages ORDER BY id"
            ),
            [
                "1000000|0|-|-",
                "2000000|1|eve|7000000",
                "3000000|1|-|3000000"
            ]
        );
    });
}

#[test]
fn nobody_gets_a_name() {
    both(|world| {
        message(&world, 1, "c", "ann", 1_000_000, &[("created_by", "NULL")]);
        message(
            &world,
            2,
            "c",
            "ann",
            2_000_000,
            &[("modified_by", "'bob'"), ("status", "NULL")],
        );
        world
            .run(r#"{"tenant":"t","unknown_user":"somebody"}"#)
            .unwrap();
        assert_eq!(
            world.rows("SELECT created_by, modified_by, status FROM chat_messages ORDER BY id"),
            ["somebody|somebody|0", "ann|bob|0"]
        );
        assert_eq!(
            world.rows("SELECT user_id, role FROM chat_members ORDER BY 1"),
            ["ann|member", "somebody|owner"]
        );
    });
}

#[test]
fn answers_to_nothing_answer_nothing() {
    both(|world| {
        let parent = |number| format!("'{}'", id(number));
        message(
            &world,
            1,
            "c",
            "ann",
            1_000,
            &[("parent_message_id", &parent(2))],
        );
        message(&world, 2, "c", "ann", 1_000, &[]);
        message(
            &world,
            3,
            "c",
            "ann",
            1_000,
            &[("parent_message_id", &parent(9))],
        );
        message(
            &world,
            4,
            "d",
            "ann",
            1_000,
            &[("parent_message_id", &parent(2))],
        );
        let lines = world.run(TENANT).unwrap();
        assert_eq!(
            world.rows("SELECT id, parent_message_id FROM chat_messages ORDER BY id"),
            ["1|2", "2|-", "3|-", "4|-"]
        );
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("2 messages answer one that is not there"))
        );
    });
}

#[test]
fn what_breaks_our_limits_is_named() {
    let world = World::new(Dialect::Mysql);
    let long = |count: usize, unit: &str| format!("'{}'", unit.repeat(count));
    let (fits, over) = (long(200, "ü"), long(201, "ü"));
    message(
        &world,
        1,
        "c",
        "ann",
        1_000,
        &[("subject", &fits), ("body", &long(65_535, "x"))],
    );
    message(&world, 2, "c", "ann", 1_000, &[("subject", &over)]);
    message(
        &world,
        3,
        "c",
        "ann",
        1_000,
        &[("body", &long(65_536, "x"))],
    );
    message(&world, 4, "c", "ann", 1_000, &[("body", "NULL")]);
    message(&world, 5, "c", "ann", 1_000, &[("channel_id", "NULL")]);
    message(&world, 6, "c", "ann", 1_000, &[("channel_type", "NULL")]);
    message(&world, 7, "c", "ann", 1_000, &[("to_user_id", "'x '")]);
    message(&world, 8, "c", "ann", 1_000, &[("id", "'not a uuid'")]);
    message(
        &world,
        9,
        "c",
        "ann",
        1_000,
        &[("created_on", "NULL"), ("modified_on", "NULL")],
    );
    message(&world, 10, "c", "ann", 1_000, &[("status", "3000000000")]);
    message(&world, 11, "c", "ann", 1_000, &[("body", "''")]);
    message(&world, 12, "c", "ann", 1_000, &[("body", "'a' || char(0)")]);
    recipient(&world, 20, 4, "bob", 1_000, &[]);
    recipient(&world, 21, 1, "", 1_000, &[]);
    let lines = world.run(TENANT).unwrap();
    assert_eq!(counts(&lines, "messages"), [12, 2, 0, 0, 10]);
    assert_eq!(counts(&lines, "message_recipients"), [2, 0, 0, 0, 2]);
    let rejected: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("rejected: "))
        .collect();
    assert_eq!(rejected.len(), 12, "{rejected:#?}");
    let line = |number, reason: &str| format!("rejected: messages {}: {reason}", id(number));
    for expected in [
        line(2, "its subject has over 200 characters"),
        line(3, "its body has 65536 bytes, over 65535"),
        line(4, "it has no body"),
        line(5, "it has no channel_id"),
        line(9, "it has no created_on"),
        "rejected: messages not a uuid: its id is no UUID".to_owned(),
        format!(
            "rejected: message_recipients {}: its message {} was not imported",
            id(20),
            id(4)
        ),
        format!(
            "rejected: message_recipients {}: it has no recipient_id",
            id(21)
        ),
    ] {
        assert!(lines.contains(&expected), "{expected}\n{lines:#?}");
    }
}

#[test]
fn of_those_that_say_the_same_the_earliest_is_kept_with_all_flags() {
    both(|world| {
        message(&world, 1, "c", "ann", 1_000, &[]);
        recipient(&world, 10, 1, "bob", 3_000_000, &[("is_read", "1")]);
        recipient(&world, 11, 1, "bob", 2_000_000, &[("is_favorite", "1")]);
        recipient(
            &world,
            12,
            1,
            "bob",
            4_000_000,
            &[("forwarded_by", "'cid'"), ("is_forwarded", "1")],
        );
        recipient(&world, 13, 1, "bob", 1_000_000, &[("deleted", "1")]);
        let lines = world.run(TENANT).unwrap();
        assert_eq!(counts(&lines, "message_recipients"), [4, 2, 0, 2, 0]);
        let kept = "SELECT id, forwarded_by, is_favorite, is_forwarded, is_read, created_on \
                    FROM chat_recipients WHERE holder_id = 'bob'";
        assert_eq!(world.rows(kept), ["11|cid|1|1|1|2000000"]);
        assert_eq!(
            world.rows("SELECT id FROM chat_recipients WHERE holder_id IS NULL"),
            ["13"]
        );
        world.run(TENANT).unwrap();
        assert_eq!(world.rows(kept), ["11|cid|1|1|1|2000000"]);
    });
}

#[test]
fn they_are_found_in_other_pages_as_well() {
    both(|world| {
        for number in 1..=250 {
            message(&world, number, "c", "ann", 1_000, &[]);
            recipient(&world, 1_000 + number, number, "bob", 2_000_000, &[]);
            recipient(
                &world,
                2_000 + number,
                number,
                "bob",
                1_000_000,
                &[("is_read", "1")],
            );
        }
        let lines = world.run(TENANT).unwrap();
        assert_eq!(counts(&lines, "message_recipients"), [500, 250, 0, 250, 0]);
        assert_eq!(
            world.rows(
                "SELECT MIN(id), COUNT(*), MIN(is_read), MAX(created_on) FROM chat_recipients"
            ),
            ["2001|250|1|1000000"]
        );
    });
}

#[test]
fn a_row_is_in_the_channel_of_its_message() {
    both(|world| {
        let world = world.with_files();
        message(&world, 1, "c", "ann", 1_000, &[]);
        recipient(
            &world,
            10,
            1,
            "bob",
            1_000,
            &[("channel_id", "'elsewhere'")],
        );
        let file = |number: u32, more: &[(&str, &str)]| {
            let mut columns = vec![
                ("id", format!("'{}'", id(number))),
                ("created_by", "'ann'".to_owned()),
                ("created_on", "1000".to_owned()),
            ];
            insert(&world, "message_files", &mut columns, more);
        };
        let of_one = format!("'{}'", id(1));
        let of_none = format!("'{}'", id(9));
        file(
            20,
            &[
                ("message_id", &of_one),
                ("meta_data", "'{\"a\":1}'"),
                ("file_key", "'k'"),
            ],
        );
        file(
            21,
            &[("message_id", &of_one), ("channel_id", "'elsewhere'")],
        );
        file(22, &[("message_id", &of_none)]);
        file(23, &[("channel_id", "'alone'"), ("meta_data", "'null'")]);
        file(24, &[("meta_data", "'[1]'")]);
        let long = format!("'{}'", "k".repeat(1_025));
        file(25, &[("file_key", &long)]);
        let lines = world.run(TENANT).unwrap();
        assert_eq!(counts(&lines, "message_files"), [6, 3, 0, 0, 3]);
        assert_eq!(
            world.rows(
                "SELECT id, channel_id, message_id, file_key, meta_data FROM chat_files ORDER BY id"
            ),
            ["20|c|1|k|{\"a\":1}", "21|c|1|-|-", "23|alone|-|-|-"]
        );
        assert_eq!(world.rows("SELECT channel_id FROM chat_recipients"), ["c"]);
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("2 rows named another channel"))
        );
    });
}

#[test]
fn a_source_without_files_is_no_fault() {
    both(|world| {
        message(&world, 1, "c", "ann", 1_000, &[]);
        let lines = world.run(TENANT).unwrap();
        assert!(
            lines[1].starts_with("message_files: there is no such table"),
            "{lines:#?}"
        );
    });
}

/// MySQL has no key on recipients: two may share an id, or have none.
#[test]
fn rows_without_an_id_of_their_own_are_counted() {
    let world = World::new(Dialect::Mysql);
    message(&world, 1, "c", "ann", 1_000, &[]);
    recipient(&world, 10, 1, "bob", 1_000, &[]);
    recipient(&world, 10, 1, "cid", 1_000, &[]);
    recipient(&world, 11, 1, "dan", 1_000, &[("id", "NULL")]);
    let lines = world.run(TENANT).unwrap();
    assert_eq!(counts(&lines, "message_recipients"), [3, 1, 0, 0, 2]);
    assert!(
        lines.contains(&"the numbers add up".to_owned()),
        "{lines:#?}"
    );
}

#[test]
fn what_a_run_needs_is_asked_for() {
    let world = World::new(Dialect::Mysql);
    for (parameters, reason) in [
        ("{}", "the tenant is missing"),
        (
            r#"{"tenant":"t","schema":"main"}"#,
            "schema is for PostgreSQL",
        ),
        (r#"{"tenant":" "}"#, "tenant"),
    ] {
        let error = world.run(parameters).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    let error = World::new(Dialect::Sqlite).run(TENANT).unwrap_err();
    assert_eq!(error, "the original's database is PostgreSQL or MySQL");
}
