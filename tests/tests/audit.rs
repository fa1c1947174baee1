//! The audit record, on the three databases.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use gateway::capability::audit::{
    self, Entry, Exported, Fault, Outcome, Report, Selection, Stamp, What,
};
use gateway::capability::sql::Database;
use gateway::contract::sql::Error;
use gateway::migrate;
use gateway_tests::database::{TestDatabase, limits};
use gateway_tests::on_every_database;

on_every_database!(
    an_untouched_record_is_intact,
    a_changed_row_is_found,
    rows_taken_out_are_found,
    moved_rows_are_found,
    rows_put_in_are_found,
    a_rolled_back_entry_is_not_written,
    entries_that_break_a_limit_are_refused,
    everything_is_stamped,
    what_is_too_old_is_removed_and_the_rest_is_whole,
    old_rows_taken_out_by_hand_are_found,
    the_record_is_handed_out_in_order_and_can_be_checked,
    chains_stay_valid_under_concurrent_writers,
    a_missing_record_stops_what_was_to_be_recorded,
);

fn stamp(request: &str) -> Stamp {
    Stamp {
        actor: Some("ann".into()),
        tenant: Some("acme".into()),
        request: request.into(),
        plugin: "chat".into(),
        version: "0.1.0".into(),
        ..Stamp::default()
    }
}

fn entry(id: u32) -> Entry {
    Entry {
        action: "message.create".into(),
        entity: "message".into(),
        entity_id: id.to_string(),
        outcome: Outcome::Allowed,
        details: Some(format!("{{\"b\": {id}, \"a\":  \"ünïcode 👋\"}}")),
    }
}

async fn migrated(test: &TestDatabase) -> Database {
    let database = test.connect().await;
    let migrations = migrate::gateway(test.dialect);
    migrate::run(&database, migrate::GATEWAY, &migrations)
        .await
        .expect("migrations");
    database
}

/// Eight rows in one chain, three of them in one transaction. Returns the chain.
async fn eight_rows(test: &TestDatabase) -> (Database, i64) {
    let database = migrated(test).await;
    for id in 1..=5 {
        audit::record(&database, &stamp("r"), entry(id))
            .await
            .expect("an entry");
    }
    let mut transaction = database.begin(&limits()).await.expect("begin");
    for id in 6..=8 {
        transaction.audit(&stamp("r"), entry(id)).expect("an entry");
    }
    transaction.commit().await.expect("commit");
    let report = verify(&database).await;
    assert_eq!((report.rows, report.count), (8, 0));
    // SHA-256 of "r" begins with 0x45.
    (database, 5)
}

async fn verify(database: &Database) -> Report {
    audit::verify(database, |_| {}).await.expect("a report")
}

async fn faults(database: &Database) -> Vec<(i64, i64, What)> {
    let report = verify(database).await;
    assert_eq!(report.count, report.faults.len() as u64);
    assert_eq!(report.is_intact(), report.faults.is_empty());
    report
        .faults
        .into_iter()
        .map(|Fault { chain, seq, what }| (chain, seq, what))
        .collect()
}

async fn an_untouched_record_is_intact(test: TestDatabase) {
    let (database, _) = eight_rows(&test).await;
    let mut seen = Vec::new();
    let report = audit::verify(&database, |rows| seen.push(rows))
        .await
        .expect("a report");
    assert!(report.is_intact());
    assert_eq!(seen.last(), Some(&8));
}

async fn a_changed_row_is_found(test: TestDatabase) {
    let (database, chain) = eight_rows(&test).await;
    for (column, value) in [
        ("actor", "'bob'"),
        ("actor", "NULL"),
        ("tenant", "''"),
        ("request", "'q'"),
        ("plugin", "'chit'"),
        ("version", "'0.1.1'"),
        ("action", "'message.delete'"),
        ("entity", "'messages'"),
        ("entity_id", "'44'"),
        ("outcome", "'denied'"),
        ("outcome", "'whatever'"),
        ("details", "'{}'"),
        (
            "at",
            test.pick(
                "at + 1",
                "at + interval '1 microsecond'",
                "at + INTERVAL 1 MICROSECOND",
            ),
        ),
        ("hash", "prev_hash"),
    ] {
        let key = format!("chain = {chain} AND seq = 4");
        test.raw("DROP TABLE IF EXISTS kept").await;
        test.raw(&format!(
            "CREATE TABLE kept AS SELECT * FROM gateway_audit WHERE {key}"
        ))
        .await;
        test.raw(&format!(
            "UPDATE gateway_audit SET {column} = {value} WHERE {key}"
        ))
        .await;
        let found = faults(&database).await;
        assert_eq!(
            found.first(),
            Some(&(chain, 4, What::Changed)),
            "{column} = {value}"
        );
        test.raw(&format!("DELETE FROM gateway_audit WHERE {key}"))
            .await;
        test.raw("INSERT INTO gateway_audit SELECT * FROM kept")
            .await;
        assert_eq!(faults(&database).await, [], "{column} = {value}, restored");
    }
    test.raw(
        &format!("UPDATE gateway_audit_heads SET hash = X'00' WHERE chain = {chain}")
            .replace("X'00'", test.pick("X'00'", "'\\x00'", "REPEAT(X'00', 32)")),
    )
    .await;
    assert_eq!(faults(&database).await, [(chain, 8, What::Changed)]);
    test.raw(&format!(
        "DELETE FROM gateway_audit_heads WHERE chain = {chain}"
    ))
    .await;
    assert_eq!(faults(&database).await, [(chain, 0, What::NoHead)]);
}

async fn rows_taken_out_are_found(test: TestDatabase) {
    let (database, chain) = eight_rows(&test).await;
    let delete = async |condition: &str| {
        test.raw(&format!(
            "DELETE FROM gateway_audit WHERE chain = {chain} AND {condition}"
        ))
        .await;
    };
    delete("seq = 8").await;
    assert_eq!(
        faults(&database).await,
        [(chain, 8, What::Missing { through: 8 })]
    );
    delete("seq IN (3, 4)").await;
    let middle = (chain, 3, What::Missing { through: 4 });
    assert_eq!(
        faults(&database).await,
        [middle, (chain, 8, What::Missing { through: 8 })]
    );
    delete("seq > 0").await;
    assert_eq!(
        faults(&database).await,
        [(chain, 1, What::Missing { through: 8 })]
    );
}

async fn moved_rows_are_found(test: TestDatabase) {
    let (database, chain) = eight_rows(&test).await;
    for (from, to) in [(3, 100), (5, 3), (100, 5)] {
        let sql =
            format!("UPDATE gateway_audit SET seq = {to} WHERE chain = {chain} AND seq = {from}");
        test.raw(&sql).await;
    }
    let found = faults(&database).await;
    let misplaced = |seq| (chain, seq, What::Misplaced);
    assert_eq!(
        found,
        [misplaced(3), misplaced(4), misplaced(5), misplaced(6)]
    );
}

async fn rows_put_in_are_found(test: TestDatabase) {
    let (database, chain) = eight_rows(&test).await;
    let copy = async |to_chain: i64, to_seq: i64| {
        test.raw("DROP TABLE IF EXISTS copied").await;
        test.raw(&format!(
            "CREATE TABLE copied AS SELECT * FROM gateway_audit WHERE chain = {chain} AND seq = 8"
        ))
        .await;
        test.raw(&format!(
            "UPDATE copied SET chain = {to_chain}, seq = {to_seq}"
        ))
        .await;
        test.raw("INSERT INTO gateway_audit SELECT * FROM copied")
            .await;
    };
    copy(chain, 9).await;
    assert_eq!(faults(&database).await, [(chain, 9, What::Added)]);
    copy(chain, -1).await;
    assert_eq!(
        faults(&database).await,
        [(chain, -1, What::Added), (chain, 9, What::Added)]
    );
    copy(16, 1).await;
    assert_eq!(faults(&database).await.last(), Some(&(16, 1, What::Added)));
}

async fn a_rolled_back_entry_is_not_written(test: TestDatabase) {
    let database = migrated(&test).await;
    let mut transaction = database.begin(&limits()).await.expect("begin");
    transaction.audit(&stamp("r"), entry(1)).expect("an entry");
    drop(transaction);
    assert_eq!(verify(&database).await.rows, 0);
    // Neither is one whose transaction fails.
    test.raw("CREATE TABLE things (id INTEGER PRIMARY KEY)")
        .await;
    test.raw("INSERT INTO things (id) VALUES (1)").await;
    let mut transaction = database.begin(&limits()).await.expect("begin");
    transaction.audit(&stamp("r"), entry(1)).expect("an entry");
    let twice = transaction
        .execute("INSERT INTO things (id) VALUES (1)", Vec::new())
        .await;
    assert!(twice.is_err());
    assert!(transaction.commit().await.is_err());
    assert_eq!(verify(&database).await.rows, 0);
    // And one with its transaction is.
    let mut transaction = database.begin(&limits()).await.expect("begin");
    transaction.audit(&stamp("r"), entry(1)).expect("an entry");
    transaction
        .execute("INSERT INTO things (id) VALUES (2)", Vec::new())
        .await
        .expect("insert");
    transaction.commit().await.expect("commit");
    assert_eq!(verify(&database).await.rows, 1);
}

async fn entries_that_break_a_limit_are_refused(test: TestDatabase) {
    let database = migrated(&test).await;
    type Break = fn(&mut Entry);
    let cases: [(Break, &str); 7] = [
        (|it| it.action = "x".repeat(65), "action"),
        (|it| it.action = String::new(), "action"),
        (|it| it.entity = "é".repeat(33), "entity"),
        (|it| it.entity_id = "x".repeat(129), "entity-id"),
        (|it| it.entity_id = "a\0b".into(), "entity-id"),
        (
            |it| it.details = Some(format!("\"{}\"", "x".repeat(8191))),
            "details",
        ),
        (|it| it.details = Some("{".into()), "details"),
    ];
    for (break_it, field) in cases {
        let mut broken = entry(1);
        break_it(&mut broken);
        let refused = audit::record(&database, &stamp("r"), broken.clone()).await;
        assert!(
            matches!(&refused, Err(gateway::contract::audit::Error::Invalid(reason))
            if reason.starts_with(&format!("audit: {field} must"))),
            "{refused:?}"
        );
        let mut transaction = database.begin(&limits()).await.expect("begin");
        let refused = transaction.audit(&stamp("r"), broken);
        assert!(
            matches!(refused, Err(Error::InvalidStatement(_))),
            "{refused:?}"
        );
    }
    let mut largest = entry(1);
    largest.action = "x".repeat(64);
    largest.entity = "x".repeat(64);
    largest.entity_id = "👋".repeat(32);
    largest.details = Some(format!("\"{}\"", "x".repeat(8190)));
    audit::record(&database, &stamp("r"), largest)
        .await
        .expect("the largest entry");
    assert!(verify(&database).await.is_intact());
}

async fn everything_is_stamped(test: TestDatabase) {
    let (_database, chain) = eight_rows(&test).await;
    // The stamp and the entry, as someone with a database client sees them.
    let same_time = test.pick(
        "ABS(at / 1000000 - unixepoch()) < 60",
        "ABS(EXTRACT(EPOCH FROM at - now())) < 60",
        "ABS(TIMESTAMPDIFF(SECOND, at, UTC_TIMESTAMP())) < 60",
    );
    test.raw(&format!(
        "CREATE TABLE found AS SELECT * FROM gateway_audit WHERE chain = {chain} AND seq = 7 \
         AND actor = 'ann' AND tenant = 'acme' AND request = 'r' AND plugin = 'chat' \
         AND version = '0.1.0' AND action = 'message.create' AND entity = 'message' \
         AND entity_id = '7' AND outcome = 'allowed' AND details LIKE '{{\"b\": 7,%' AND {same_time}"
    ))
    .await;
    let database = test.connect().await;
    let columns = [gateway::contract::sql::Kind::Integer];
    let rows = database
        .query(
            "SELECT COUNT(*) FROM found",
            Vec::new(),
            &columns,
            &limits(),
        )
        .await;
    assert_eq!(
        format!("{:?}", rows.expect("a count")),
        "[[Value::Integer(1)]]"
    );
}

async fn chains_stay_valid_under_concurrent_writers(test: TestDatabase) {
    let database = migrated(&test).await;
    let writers = (0..16).map(|writer| {
        let database = database.clone();
        tokio::spawn(async move {
            for number in 0..10 {
                // Half of them fight for one chain.
                let request = if writer % 2 == 0 {
                    "r".to_owned()
                } else {
                    format!("{writer}")
                };
                let mut transaction = database.begin(&limits()).await.expect("begin");
                transaction
                    .audit(&stamp(&request), entry(number))
                    .expect("an entry");
                transaction
                    .audit(&stamp(&request), entry(number))
                    .expect("an entry");
                transaction.commit().await.expect("commit");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer");
    }
    let report = verify(&database).await;
    assert_eq!((report.rows, report.count), (320, 0), "{:?}", report.faults);
}

async fn a_missing_record_stops_what_was_to_be_recorded(test: TestDatabase) {
    let database = test.connect().await;
    test.raw("CREATE TABLE things (id INTEGER PRIMARY KEY)")
        .await;
    let mut transaction = database.begin(&limits()).await.expect("begin");
    transaction
        .execute("INSERT INTO things (id) VALUES (1)", Vec::new())
        .await
        .expect("insert");
    transaction.audit(&stamp("r"), entry(1)).expect("an entry");
    assert!(transaction.commit().await.is_err());
    let refused = audit::record(&database, &stamp("r"), entry(1)).await;
    assert!(
        matches!(refused, Err(gateway::contract::audit::Error::Unavailable)),
        "{refused:?}"
    );
    let columns = [gateway::contract::sql::Kind::Integer];
    let rows = database
        .query("SELECT id FROM things", Vec::new(), &columns, &limits())
        .await;
    assert_eq!(rows.expect("rows").len(), 0);
}

async fn what_is_too_old_is_removed_and_the_rest_is_whole(test: TestDatabase) {
    let (database, chain) = eight_rows(&test).await;
    // Nothing is that old.
    let long_ago = audit::micros_ago(Duration::from_secs(3600));
    assert_eq!(prunable(&database, long_ago).await, 0);
    let none = audit::prune(&database, long_ago, None, |_| {}).await;
    assert_eq!(none.expect("a count"), 0);
    assert_eq!(faults(&database).await, []);

    tokio::time::sleep(Duration::from_millis(5)).await;
    let now = audit::micros_ago(Duration::ZERO);
    tokio::time::sleep(Duration::from_millis(5)).await;
    audit::record(&database, &stamp("r"), entry(9))
        .await
        .expect("an entry");
    assert_eq!(prunable(&database, now).await, 8);
    let mut seen = Vec::new();
    let removed = audit::prune(&database, now, Some("ann"), |rows| seen.push(rows)).await;
    assert_eq!((removed.expect("a count"), seen), (8, vec![8]));

    // The ninth, and the entry on the removal, in the same chain.
    let report = verify(&database).await;
    assert_eq!((report.rows, report.pruned, report.count), (2, 8, 0));
    audit::record(&database, &stamp("r"), entry(10))
        .await
        .expect("an entry");
    // Once more: now the entry on the first removal goes, too.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let now = audit::micros_ago(Duration::ZERO);
    let removed = audit::prune(&database, now, None, |_| {}).await;
    assert_eq!(removed.expect("a count"), 3);
    let report = verify(&database).await;
    assert_eq!((report.rows, report.pruned, report.count), (1, 11, 0));
    audit::record(&database, &stamp("r"), entry(11))
        .await
        .expect("an entry");
    assert_eq!(faults(&database).await, []);
    // What is left is guarded as before.
    test.raw("UPDATE gateway_audit SET actor = 'bob' WHERE seq = 13")
        .await;
    assert_eq!(faults(&database).await, [(chain, 13, What::Changed)]);
}

async fn prunable(database: &Database, before: i64) -> u64 {
    let count = audit::prunable(database, before).await;
    count.expect("a count")
}

async fn old_rows_taken_out_by_hand_are_found(test: TestDatabase) {
    let (database, chain) = eight_rows(&test).await;
    // As a removal would leave it, but without its entry.
    test.raw(
        "UPDATE gateway_audit_heads SET pruned_seq = 3, pruned_hash = \
         (SELECT hash FROM gateway_audit WHERE seq = 3) WHERE chain = 5",
    )
    .await;
    test.raw("DELETE FROM gateway_audit WHERE seq <= 3").await;
    let missing = (chain, 1, What::Missing { through: 3 });
    assert_eq!(faults(&database).await, [missing]);
    // A row from before the place where the chain begins.
    test.raw("UPDATE gateway_audit SET seq = 2 WHERE seq = 4")
        .await;
    let found = faults(&database).await;
    assert!(found.contains(&(chain, 2, What::Added)), "{found:?}");
}

async fn the_record_is_handed_out_in_order_and_can_be_checked(test: TestDatabase) {
    let database = migrated(&test).await;
    // More than a page, in all chains; some of another tenant.
    for number in 0..250 {
        let mut stamp = stamp(&format!("request {number}"));
        if number % 10 == 0 {
            stamp.tenant = Some("other".into());
            stamp.agent = Some("=cmd|' /C calc'!A0".into());
        }
        audit::record(&database, &stamp, entry(number))
            .await
            .expect("an entry");
    }
    let all = exported(&database, Selection::default()).await;
    assert_eq!(all.len(), 250);
    assert!(all.is_sorted_by(|a, b| a.at <= b.at));
    let ids: Vec<_> = all.iter().map(|row| row.entity_id.clone()).collect();
    let wanted: Vec<_> = (0..250).map(|number: u32| number.to_string()).collect();
    assert_eq!(ids, wanted);
    // The chains can be followed without the database.
    for chain in 0..16 {
        let rows = all.iter().filter(|row| row.chain == chain);
        let mut previous = "0".repeat(64);
        for row in rows {
            assert_eq!(row.prev_hash, previous);
            previous.clone_from(&row.hash);
        }
    }
    let others = Selection {
        tenant: Some("other".into()),
        ..Selection::default()
    };
    assert_eq!(exported(&database, others).await.len(), 25);
    let half = all.get(125).expect("a row").at.clone();
    let at = humantime_micros(&half);
    let later = Selection {
        since: at,
        ..Selection::default()
    };
    let earlier = Selection {
        until: Some(at),
        ..Selection::default()
    };
    let (later, earlier) = (
        exported(&database, later).await,
        exported(&database, earlier).await,
    );
    assert_eq!(later.len() + earlier.len(), 250);
    assert!(later.iter().all(|row| row.at >= half));
    let nobody = Selection {
        plugin: Some("nobody".into()),
        ..Selection::default()
    };
    assert_eq!(exported(&database, nobody).await, []);
}

async fn exported(database: &Database, selection: Selection) -> Vec<Exported> {
    let mut rows = Vec::new();
    let each = |row| {
        rows.push(row);
        Ok::<_, Error>(())
    };
    let count = audit::export(database, &selection, each).await;
    assert_eq!(count.expect("a count"), rows.len() as u64);
    rows
}

/// Microseconds since 1970 of a time in RFC 3339.
fn humantime_micros(text: &str) -> i64 {
    let at = humantime::parse_rfc3339(text).expect("a time");
    let since = at
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    i64::try_from(since.as_micros()).expect("this millennium")
}
