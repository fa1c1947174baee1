//! Runs: whole, cut, repeated, beside another.

use chat::ports::{Dialect, Error};

use crate::support::World;
use crate::{TENANT, both, counts, id, message, recipient};

#[test]
fn channels_and_members_are_derived() {
    both(|world| {
        // In the order of ids the second message comes first in time.
        message(&world, 1, "c", "bob", 2_000_000, &[("to_user_id", "'cid'")]);
        message(
            &world,
            2,
            "c",
            "ann",
            1_000_000,
            &[("channel_type", "'group'")],
        );
        message(
            &world,
            3,
            "d",
            "bob",
            3_000_000,
            &[("deleted", "1"), ("to_user_id", "'eve'")],
        );
        recipient(&world, 4, 2, "dan", 1_500_000, &[]);
        recipient(&world, 5, 2, "gus", 1_500_000, &[("deleted", "1")]);
        let lines = world.run(TENANT).unwrap();
        assert_eq!(
            world.rows("SELECT tenant_id, channel_id, channel_type, created_by, created_on FROM chat_channels ORDER BY channel_id"),
            ["t|c|group|ann|1000000", "t|d|direct|bob|3000000"]
        );
        assert_eq!(
            world.rows(
                "SELECT channel_id, user_id, role, joined_on FROM chat_members ORDER BY 1, 2"
            ),
            [
                "c|ann|owner|1000000",
                "c|bob|member|1000000",
                "c|cid|member|1000000",
                "c|dan|member|1000000",
                // What was deleted makes nobody a member but its writer.
                "d|bob|owner|3000000",
            ]
        );
        assert_eq!(
            world.rows("SELECT recipient_id, holder_id FROM chat_recipients ORDER BY id"),
            ["dan|dan", "gus|-"]
        );
        assert!(
            lines.contains(&"channels: 2 made; members: 5 added".to_owned()),
            "{lines:#?}"
        );
        assert!(lines.contains(&"the numbers add up".to_owned()));
        assert!(world.rows("SELECT * FROM chat_import_channels").is_empty());
    });
}

#[test]
fn the_earliest_of_many_pages_owns_the_channel() {
    both(|world| {
        for number in 1..=500 {
            let sender = format!("u{number}");
            message(
                &world,
                number,
                "c",
                &sender,
                i64::from(1_000 - number) * 1_000,
                &[],
            );
        }
        let lines = world.run(TENANT).unwrap();
        assert_eq!(counts(&lines, "messages"), [500, 500, 0, 0, 0]);
        assert_eq!(
            world.rows("SELECT user_id FROM chat_members WHERE role = 'owner'"),
            ["u500"]
        );
        assert_eq!(world.rows("SELECT created_by FROM chat_channels"), ["u500"]);
        assert!(world.audit() >= 3, "an entry a page");
    });
}

#[test]
fn a_cut_run_goes_on_and_a_repeated_one_changes_nothing() {
    both(|world| {
        for number in 1..=500 {
            message(&world, number, "c", "ann", i64::from(number) * 1_000, &[]);
            recipient(&world, 1_000 + number, number, "bob", 1_000, &[]);
        }
        let first = world.step(TENANT, None).unwrap();
        let second = world.step(TENANT, Some(&first.state)).unwrap();
        assert_eq!(second.progress[0], ("messages", 200));
        // The process is gone, and with it the state that the host held.
        let lines = world.run(TENANT).unwrap();
        assert_eq!(lines[0], "goes on after 200 rows");
        assert_eq!(counts(&lines, "messages"), [500, 500, 0, 0, 0]);
        assert_eq!(counts(&lines, "message_recipients"), [500, 500, 0, 0, 0]);

        let before = world.rows("SELECT * FROM chat_messages ORDER BY id");
        message(&world, 700, "c", "eve", 5_000, &[]);
        let lines = world.run(TENANT).unwrap();
        assert_eq!(counts(&lines, "messages"), [501, 1, 500, 0, 0]);
        assert_eq!(counts(&lines, "message_recipients"), [500, 0, 500, 0, 0]);
        assert_eq!(
            before,
            world.rows("SELECT * FROM chat_messages WHERE created_by = 'ann' ORDER BY id")
        );
        // The channel is no longer one that the import makes.
        assert_eq!(world.rows("SELECT created_by FROM chat_channels"), ["ann"]);
        assert_eq!(world.rows("SELECT COUNT(*) FROM chat_members"), ["3"]);
    });
}

#[test]
fn an_unfinished_import_is_not_mixed_with_another() {
    let world = World::new(Dialect::Postgres);
    for number in 1..=300 {
        message(&world, number, "c", "ann", 1_000, &[]);
    }
    let one = world.step(TENANT, None).unwrap();
    let other = world.step(TENANT, None).unwrap();
    world.step(TENANT, Some(&other.state)).unwrap();
    let error = world.step(TENANT, Some(&one.state)).unwrap_err();
    assert_eq!(error, "another import into this tenant is running");
    let error = world
        .run(r#"{"tenant":"t","unknown_user":"x"}"#)
        .unwrap_err();
    assert!(
        error.contains("begun with other parameters (unknown_user=unknown)"),
        "{error}"
    );
    let lines = world
        .run(r#"{"tenant":"t","unknown_user":"x","restart":"yes"}"#)
        .unwrap();
    assert_eq!(counts(&lines, "messages"), [300, 100, 200, 0, 0]);
    // Ids are unique in all tenants.
    let lines = world.run(r#"{"tenant":"other"}"#).unwrap();
    assert_eq!(counts(&lines, "messages"), [300, 0, 0, 0, 300]);
    assert!(lines.contains(&format!(
        "rejected: messages {}: another tenant has a row of this id",
        id(1)
    )));
    assert!(lines.contains(&"rejected: and 200 more".to_owned()));
}

#[test]
fn what_fails_leaves_nothing_and_conflicts_are_tried_again() {
    let world = World::new(Dialect::Mysql);
    for number in 1..=250 {
        message(&world, number, "c", "ann", 1_000, &[]);
    }
    let begun = world.step(TENANT, None).unwrap();
    world.fail_commits([Some(Error::Unavailable)]);
    let error = world.step(TENANT, Some(&begun.state)).unwrap_err();
    assert_eq!(error, "writing: no connection could be had in time");
    assert!(world.rows("SELECT id FROM chat_messages").is_empty());
    assert!(
        world
            .rows("SELECT channel_id FROM chat_channels")
            .is_empty()
    );

    world.fail_commits([Some(Error::Conflict), Some(Error::Conflict)]);
    world.step(TENANT, Some(&begun.state)).unwrap();
    world.fail_source([Some(Error::Timeout)]);
    let error = world.run(TENANT).unwrap_err();
    assert!(
        error.starts_with("reading the source:") && error.contains("statement_timeout"),
        "{error}"
    );
    let lines = world.run(TENANT).unwrap();
    assert_eq!(counts(&lines, "messages"), [250, 250, 0, 0, 0]);
}

#[test]
fn pages_that_are_too_large_become_smaller() {
    let world = World::new(Dialect::Postgres);
    for number in 1..=130 {
        message(&world, number, "c", "ann", 1_000, &[]);
    }
    world.fail_source([Some(Error::TooLarge), Some(Error::TooLarge)]);
    let begun = world.step(TENANT, None).unwrap();
    let smaller = world.step(TENANT, Some(&begun.state)).unwrap();
    let smaller = world.step(TENANT, Some(&smaller.state)).unwrap();
    let page = world.step(TENANT, Some(&smaller.state)).unwrap();
    assert_eq!(page.progress[0], ("messages", 50));
    let lines = world.run(TENANT).unwrap();
    assert_eq!(counts(&lines, "messages"), [130, 130, 0, 0, 0]);
}

#[test]
fn a_dry_run_writes_nothing() {
    both(|world| {
        for number in 1..=300 {
            message(&world, number, "c", "ann", 1_000, &[]);
            recipient(&world, 1_000 + number, number, "bob", 1_000, &[]);
        }
        let lines = world.run_as(TENANT, true).unwrap();
        assert_eq!(counts(&lines, "messages"), [300, 300, 0, 0, 0]);
        assert_eq!(counts(&lines, "message_recipients"), [300, 300, 0, 0, 0]);
        for table in [
            "chat_messages",
            "chat_recipients",
            "chat_channels",
            "chat_members",
            "chat_imports",
        ] {
            assert_eq!(
                world.rows(&format!("SELECT COUNT(*) FROM {table}")),
                ["0"],
                "{table}"
            );
        }
        assert_eq!(world.audit(), 0);
    });
}

#[test]
fn a_source_that_grows_behind_the_page_is_told() {
    let world = World::new(Dialect::Postgres);
    for number in 100..=400 {
        message(&world, number, "c", "ann", 1_000, &[]);
    }
    let begun = world.step(TENANT, None).unwrap();
    world.step(TENANT, Some(&begun.state)).unwrap();
    message(&world, 1, "c", "ann", 1_000, &[]);
    let error = world.run(TENANT).unwrap_err();
    assert!(error.contains("the numbers do not add up"), "{error}");
    assert!(
        error.contains("messages: the source has 302 rows, 301 were read"),
        "{error}"
    );
    let lines = world.run(r#"{"tenant":"t","restart":"yes"}"#).unwrap();
    assert_eq!(counts(&lines, "messages"), [302, 1, 301, 0, 0]);
}

#[test]
fn a_channel_that_was_there_keeps_its_owner() {
    both(|world| {
        world.ours(
            "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on) VALUES ('t', 'c', 'kept', 'old', 9000000);
             INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) VALUES ('t', 'c', 'old', 'owner', 9000000);
             INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on) VALUES ('u', 'c', 'other', 'old', 9000000)",
        );
        message(&world, 1, "c", "ann", 1_000_000, &[]);
        world.run(TENANT).unwrap();
        assert_eq!(
            world.rows("SELECT tenant_id, channel_id, channel_type, created_by, created_on FROM chat_channels ORDER BY tenant_id"),
            ["t|c|kept|old|9000000", "u|c|other|old|9000000"]
        );
        assert_eq!(
            world.rows("SELECT user_id, role, joined_on FROM chat_members ORDER BY 1"),
            ["ann|member|1000000", "old|owner|9000000"]
        );
    });
}
