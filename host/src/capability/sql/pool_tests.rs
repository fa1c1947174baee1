use super::*;
use crate::capability::sql::sqlite::{Sqlite, options};
use crate::capability::sql::statement::{Author, Statement};
use crate::config;
use crate::contract::sql::{Kind, Value};

/// One call of a function, which looks at no clock, of two seconds or so.
async fn run_long(connection: &mut Sqlite) {
    let sql = "SELECT instr(?, ?)";
    let statement = Statement::new(Dialect::Sqlite, Author::Plugin, sql).unwrap();
    let mut needle = vec![0; 300_000];
    needle.push(1);
    let params = vec![Value::Bytes(vec![0; 600_000]), Value::Bytes(needle)];
    let limits = config::SqlLimits {
        rows: 1,
        bytes: 8,
        statement_timeout: Duration::MAX,
        transactions: 1,
    };
    connection
        .query(&statement, params, &[Kind::Integer], &limits)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_statement_that_cannot_be_interrupted_keeps_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let second = Duration::from_secs(1);
    let options = options(&config::Database {
        url: format!("sqlite:{}", folder.path().join("test.db").display()),
        schema: None,
        max_connections: 1,
        acquire_timeout: second,
        idle_timeout: second,
        connect_timeout: second,
        statement_cache: 1,
    })
    .unwrap();
    let mut connection = Sqlite::open(&options).await.unwrap();
    let cut = timeout(second / 10, run_long(&mut connection)).await;
    assert!(cut.is_err(), "too fast to be cut");

    let permits = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&permits).try_acquire_owned().unwrap();
    let ending = tokio::spawn(end(connection, options, Some(permit), second / 20));
    tokio::time::sleep(second / 5).await;
    assert_eq!(
        permits.available_permits(),
        usize::from(ending.is_finished())
    );
    assert!(!ending.is_finished(), "the thread still runs it");
    timeout(second * 60, ending).await.unwrap().unwrap();
    assert_eq!(permits.available_permits(), 1);
}
