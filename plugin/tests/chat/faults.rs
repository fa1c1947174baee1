//! What happens when the database says no.

use chat::ports::Error;
use serde_json::json;

use crate::support::Service;

fn fail(service: &Service, faults: &[Option<Error>]) {
    service.0.faults.replace(faults.iter().cloned().collect());
}

#[test]
fn a_conflict_is_tried_again_a_few_times() {
    let service = Service::new();
    let ann = service.user("ann");
    ann.say("c", "x");
    // The statement, the commit, and the begin of the next attempt.
    fail(
        &service,
        &[
            None,
            Some(Error::Conflict),
            None,
            None,
            Some(Error::Conflict),
        ],
    );
    ann.say("c", "y");
    assert_eq!(ann.count(json!({})), 2);
    assert_eq!(service.0.audit.borrow().len(), 2);

    let attempt = [None, Some(Error::Conflict)];
    fail(&service, &vec![attempt; 20].concat());
    let message = json!({"body": "z", "channelId": "c", "channelType": "g"});
    let answer = ann.post("/messages", message);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(answer.json["error"]["name"], "ServiceUnavailableError");
    assert_eq!(service.0.faults.borrow().len(), 32);
    fail(&service, &[]);
    assert_eq!(ann.count(json!({})), 2);
}

/// Two first messages to one channel: one of them finds the channel taken.
#[test]
fn a_lost_race_for_a_channel_is_run_again() {
    let service = Service::new();
    let ann = service.user("ann");
    let taken = Error::UniqueViolation("chat_channels".to_owned());
    fail(&service, &[None, None, None, Some(taken.clone())]);
    ann.say("c", "x");
    assert_eq!(ann.count(json!({})), 1);

    fail(
        &service,
        &vec![[None, None, None, Some(taken)]; 10].concat(),
    );
    let message = json!({"body": "z", "channelId": "d", "channelType": "g"});
    assert_eq!(ann.post("/messages", message).status, 503);
}

/// The same race, a moment later: at read committed, the sender sees in the second
/// statement what the first one has not seen.
#[test]
fn a_channel_that_appears_between_two_statements_is_no_refusal() {
    let service = Service::new();
    let ann = service.user("ann");
    let appears = "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on) VALUES ('t', 'c', 'group', 'ann', 0);
                   INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) VALUES ('t', 'c', 'ann', 'owner', 0);";
    service.0.interruption.replace(Some(appears));
    ann.say("c", "x");
    assert_eq!(ann.count(json!({})), 1);

    let appears = "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on) VALUES ('t', 'd', 'group', 'bob', 0);";
    service.0.interruption.replace(Some(appears));
    let message = json!({"body": "z", "channelId": "d", "channelType": "g"});
    assert_eq!(ann.post("/messages", message).status, 404);
}

#[test]
fn what_the_database_says_stays_in_the_log() {
    let service = Service::new();
    let ann = service.user("ann");
    let secret = || "secret".to_owned();
    for (error, status, name, logged) in [
        (Error::Unavailable, 503, "ServiceUnavailableError", false),
        (Error::Timeout, 504, "GatewayTimeoutError", false),
        (Error::Conflict, 503, "ServiceUnavailableError", false),
        (Error::TooLarge, 400, "BadRequestError", false),
        (Error::InvalidStatement(secret()), 500, "", true),
        (Error::NotNullViolation(secret()), 500, "", true),
        (Error::CheckViolation(secret()), 500, "", true),
        (Error::ForeignKeyViolation(secret()), 500, "", true),
        (Error::Other, 500, "", true),
    ] {
        service.0.log.borrow_mut().clear();
        fail(&service, &[Some(error.clone())]);
        let answer = ann.get("/messages");
        assert_eq!(answer.status, status, "{error:?}");
        assert_eq!(
            answer.json["error"]["name"].as_str().unwrap_or_default(),
            name
        );
        assert!(!answer.text.contains("secret"));
        let retry = (status == 503).then_some("1");
        assert_eq!(answer.header("retry-after"), retry, "{error:?}");
        assert_eq!(
            service.0.log.borrow().len(),
            usize::from(logged),
            "{error:?}"
        );
        if status == 500 {
            let wanted = json!({"error": {"statusCode": 500, "message": "Internal Server Error"}});
            assert_eq!(answer.json, wanted);
        }
    }
}

#[test]
fn nothing_of_a_failed_write_stays() {
    let service = Service::new();
    let ann = service.user("ann");
    // Everything up to the commit works: the channel, its owner and the message.
    let begin_to_commit = [None, None, None, None, None, None, Some(Error::Other)];
    fail(&service, &begin_to_commit);
    let message = json!({"body": "z", "channelId": "c", "channelType": "g"});
    assert_eq!(ann.post("/messages", message).status, 500);
    assert!(service.0.faults.borrow().is_empty());
    let left: i64 = service
        .0
        .connection
        .query_row(
            "SELECT (SELECT COUNT(*) FROM chat_messages) + (SELECT COUNT(*) FROM chat_members)
                  + (SELECT COUNT(*) FROM chat_channels)",
            (),
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!((left, service.0.audit.borrow().len()), (0, 0));
}
