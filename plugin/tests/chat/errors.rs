//! The shape of every refusal.

use chat::api::Body;
use serde_json::{Value as Json, json};

use crate::support::{Answer, Service, encoded};

const MESSAGE: &str = r#"{"body":"x","channelId":"c","channelType":"g"}"#;

fn with(name: &str, value: Json) -> Json {
    let mut message: Json = serde_json::from_str(MESSAGE).unwrap();
    message[name] = value;
    message
}

#[test]
fn strangers_learn_nothing_before_they_are_known() {
    let service = Service::new();
    let wanted = json!({"error": {
        "statusCode": 401, "name": "UnauthorizedError", "message": "Bearer realm=\"Users\"",
    }});
    let useless = service
        .user("")
        .claim("permissions", json!(["1", "2", "3", "4"]));
    for user in [service.nobody(), useless] {
        for (method, path) in [
            ("POST", "/messages"),
            ("GET", "/messages?filter=nonsense"),
            ("PATCH", "/messages"),
            ("GET", "/messages/count"),
            ("GET", "/messages/x"),
            ("PATCH", "/messages/x"),
            ("PUT", "/messages/x"),
            ("DELETE", "/messages/x"),
        ] {
            let answer = user.send(method, path, Body::Bytes(b"{".to_vec()));
            assert_eq!(
                (answer.status, &answer.json),
                (401, &wanted),
                "{method} {path}"
            );
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[test]
fn each_route_asks_for_its_permission_before_it_reads_the_request() {
    let service = Service::new();
    let wanted = json!({"error": {
        "statusCode": 403, "name": "ForbiddenError", "message": "NotAllowedAccess",
    }});
    for (method, path, names) in [
        ("POST", "/messages", ["CreateMessage", "2"]),
        ("GET", "/messages?filter=nonsense", ["ViewMessage", "1"]),
        ("PATCH", "/messages", ["UpdateMessage", "3"]),
        (
            "GET",
            "/messages/count?where=nonsense",
            ["ViewMessage", "1"],
        ),
        ("GET", "/messages/x?filter=nonsense", ["ViewMessage", "1"]),
        ("PATCH", "/messages/x", ["UpdateMessage", "3"]),
        ("PUT", "/messages/x", ["UpdateMessage", "3"]),
        ("DELETE", "/messages/x", ["DeleteMessage", "4"]),
    ] {
        let all = [
            "ViewMessage",
            "CreateMessage",
            "UpdateMessage",
            "DeleteMessage",
            "ModerateMessage",
        ];
        let numbers = ["1", "2", "3", "4", "5"];
        let others = all
            .into_iter()
            .chain(numbers)
            .filter(|it| !names.contains(it));
        let user = service.user("ann");
        let user = user.claim("permissions", others.collect());
        let answer = user.send(method, path, Body::Bytes(b"{".to_vec()));
        assert_eq!(
            (answer.status, &answer.json),
            (403, &wanted),
            "{method} {path}"
        );
        for name in names {
            let user = user.clone().claim("permissions", json!([name]));
            let answer = user.send(method, path, Body::Bytes(b"{".to_vec()));
            assert_ne!(answer.status, 403, "{method} {path} with {name}");
        }
    }
    assert_eq!(service.0.audit.borrow().len(), 0);
}

#[test]
fn unknown_paths_and_methods() {
    let service = Service::new();
    let ann = service.user("ann");
    for path in [
        "/",
        "/message",
        "/messages/",
        "/messages/a/b",
        "/messages/count/",
        "/Messages",
    ] {
        let answer = ann.get(path);
        let wanted = json!({"error": {
            "statusCode": 404, "name": "NotFoundError", "message": "API not found !",
        }});
        assert_eq!((answer.status, answer.json), (404, wanted), "{path}");
    }
    for (method, path, allow) in [
        ("PUT", "/messages", "POST, GET, PATCH, HEAD"),
        ("POST", "/messages/x", "GET, PATCH, PUT, DELETE, HEAD"),
        ("OPTIONS", "/messages/x", "GET, PATCH, PUT, DELETE, HEAD"),
    ] {
        let answer = ann.send(method, path, Body::Empty);
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)));
        assert_eq!(answer.json["error"]["name"], "MethodNotAllowedError");
    }
}

#[test]
fn what_is_not_there() {
    let service = Service::new();
    let ann = service.user("ann");
    let answer = ann.get("/messages/x");
    let wanted = json!({"error": {
        "statusCode": 404, "name": "NotFoundError", "message": "EntityNotFound",
    }});
    assert_eq!((answer.status, answer.json), (404, wanted));
    let not_found = |id: &str| {
        json!({"error": {
            "statusCode": 404, "name": "Error", "code": "ENTITY_NOT_FOUND",
            "message": format!("Entity not found: messages with id \"{id}\""),
        }})
    };
    for (path, id) in [
        ("x%22%0a", "x\"\n".to_owned()),
        ("%ff", "\u{fffd}".to_owned()),
        (&"y".repeat(500), "y".repeat(128)),
    ] {
        let path = format!("/messages/{path}");
        let body: Json = serde_json::from_str(MESSAGE).unwrap();
        for answer in [
            ann.patch(&path, json!({})),
            ann.put(&path, body),
            ann.delete(&path),
        ] {
            assert_eq!(
                (answer.status, answer.json),
                (404, not_found(&id)),
                "{path}"
            );
        }
    }
}

#[test]
fn bodies_that_are_no_json() {
    let service = Service::new();
    let ann = service.user("ann");
    let bytes = |text: &str| Body::Bytes(text.as_bytes().to_vec());
    let deep = "[".repeat(1_000);
    let json = Some("application/json");
    for (content_type, body, status, name, code) in [
        (
            json,
            Body::Empty,
            400,
            "BadRequestError",
            "MISSING_REQUIRED_PARAMETER",
        ),
        (
            json,
            bytes(""),
            400,
            "BadRequestError",
            "MISSING_REQUIRED_PARAMETER",
        ),
        (
            None,
            bytes("{}"),
            415,
            "UnsupportedMediaTypeError",
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            Some("text/json"),
            bytes("{}"),
            415,
            "UnsupportedMediaTypeError",
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            Some("text/plain"),
            Body::Long,
            415,
            "UnsupportedMediaTypeError",
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (json, Body::Long, 413, "PayloadTooLargeError", ""),
        (json, bytes("{"), 400, "SyntaxError", ""),
        (json, bytes("{}{}"), 400, "SyntaxError", ""),
        (json, bytes(&deep), 400, "SyntaxError", ""),
        (
            json,
            Body::Bytes(vec![b'"', 0xff, b'"']),
            400,
            "SyntaxError",
            "",
        ),
        (json, bytes(r#""\ud800""#), 400, "SyntaxError", ""),
        (json, bytes("1e999"), 400, "SyntaxError", ""),
    ] {
        for (method, path) in [
            ("POST", "/messages"),
            ("PATCH", "/messages"),
            ("PUT", "/messages/x"),
        ] {
            let headers: Vec<_> = content_type
                .iter()
                .map(|it| ("content-type", *it))
                .collect();
            let answer = ann.send_with(method, path, &headers, body.clone());
            let error = &answer.json["error"];
            assert_eq!(
                (answer.status, &error["statusCode"]),
                (status, &json!(status)),
                "{error}"
            );
            assert_eq!(error["name"], name, "{error}");
            assert_eq!(error["code"].as_str().unwrap_or_default(), code, "{error}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        }
    }
    let doubled = r#"{"body":1,"body":"last","channelId":"c","channelType":"g"}"#;
    let answer = ann.send("POST", "/messages", bytes(doubled));
    assert_eq!(answer.json["body"], "last");
}

#[test]
fn the_wording_of_a_broken_schema() {
    let service = Service::new();
    let ann = service.user("ann");
    let answer = ann.post("/messages", json!({"channelId": "c", "channelType": "g"}));
    let wanted = concat!(
        r#"{"error":{"statusCode":422,"name":"UnprocessableEntityError","message":"The request "#,
        r#"body is invalid. See error object `details` property for more info.","code":"#,
        r#""VALIDATION_FAILED","details":[{"path":"","code":"required","message":"must have "#,
        r#"required property 'body'","info":{"missingProperty":"body"}}]}}"#,
    );
    assert_eq!((answer.status, answer.text.as_str()), (422, wanted));
}

#[test]
fn bodies_that_break_the_schema() {
    let service = Service::new();
    let ann = service.user("ann");
    for (name, value, code) in [
        ("x", json!(1), "additionalProperties"),
        ("__proto__", json!({}), "additionalProperties"),
        ("id", json!("x"), "additionalProperties"),
        ("body", json!(1), "type"),
        ("body", Json::Null, "type"),
        ("body", json!("a\0b"), "pattern"),
        ("body", json!("x".repeat(65_536)), "maxLength"),
        ("channelId", json!(["c"]), "type"),
        ("channelId", json!("x".repeat(129)), "maxLength"),
        ("channelId", json!("c "), "pattern"),
        ("channelId", json!("c\nd"), "pattern"),
        ("channelType", json!("x".repeat(201)), "maxLength"),
        ("status", json!("1"), "type"),
        ("status", json!(1.5), "type"),
        ("status", json!(2_147_483_648_i64), "maximum"),
        ("status", json!(-2_147_483_649_i64), "minimum"),
        ("status", json!(1e300), "maximum"),
        ("subject", json!("x".repeat(201)), "maxLength"),
        ("subject", json!("\0"), "pattern"),
        ("toUserId", json!(""), "pattern"),
        ("toUserId", json!(true), "type"),
        ("parentMessageId", json!("x"), "format"),
        ("parentMessageId", json!(7), "type"),
        ("deleted", json!("true"), "type"),
        ("deletedOn", json!("yesterday"), "format"),
        ("createdOn", Json::Null, "type"),
        ("createdOn", json!(5), "type"),
        ("createdBy", json!(5), "type"),
    ] {
        let answer = ann.post("/messages", with(name, value.clone()));
        let error = &answer.json["error"];
        assert_eq!(
            (answer.status, &error["code"]),
            (422, &json!("VALIDATION_FAILED")),
            "{name} {error}"
        );
        let details = error["details"].as_array().unwrap();
        assert_eq!(details.len(), 1, "{error}");
        assert_eq!(details[0]["code"], code, "{name}: {error}");
        let path = match code {
            "additionalProperties" => String::new(),
            _ => format!("/{name}"),
        };
        assert_eq!(details[0]["path"], path, "{error}");
        if name != "id" {
            let answer = ann.patch("/messages", json!({name: value}));
            assert_eq!(answer.json["error"]["details"][0]["code"], code, "{name}");
        }
    }
    for body in [json!([]), json!("x"), json!(null)] {
        let answer = ann.post("/messages", body);
        assert_eq!(
            answer.json["error"]["details"][0]["message"],
            "must be object"
        );
    }
    let all = ann.post("/messages", json!({"x": 1, "status": "a"}));
    let details = all.json["error"]["details"].as_array().unwrap();
    let codes: Vec<_> = details
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "type",
            "additionalProperties",
            "required",
            "required",
            "required"
        ]
    );
    assert_eq!(service.0.statements.borrow().len(), 0);

    for fine in [
        with("status", json!(1.0)),
        with("body", json!("x".repeat(65_535))),
        with("subject", json!("ü".repeat(200))),
        with("subject", json!("")),
        with("channelType", json!("x".repeat(200))),
        with("toUserId", json!("x".repeat(128))),
        with("deletedOn", Json::Null),
    ] {
        assert_eq!(ann.post("/messages", fine).status, 200);
    }
}

#[test]
fn blank_properties() {
    let service = Service::new();
    let ann = service.user("ann");
    for name in ["body", "channelId", "channelType"] {
        let wanted = json!({"error": {
            "statusCode": 422,
            "name": "ValidationError",
            "message": format!("The `Message` instance is not valid. Details: `{name}` can't be blank."),
            "details": {
                "context": "Message",
                "codes": {name: ["presence"]},
                "messages": {name: ["can't be blank"]},
            },
        }});
        let answer = ann.post("/messages", with(name, json!("")));
        assert_eq!((answer.status, answer.json), (422, wanted));
    }
}

#[test]
fn filters_that_are_none() {
    let service = Service::new();
    let ann = service.user("ann");
    let refused = |path: &str| {
        let answer = ann.get(path);
        let error = &answer.json["error"];
        assert_eq!(answer.status, 400, "{path}: {error}");
        assert_eq!(error["name"], "BadRequestError", "{path}");
        assert_eq!(error["code"], "INVALID_PARAMETER_VALUE", "{path}");
        error["details"].clone()
    };
    let answer = ann.get("/messages?filter={");
    let message = &answer.json["error"]["message"];
    assert_eq!(message, "Invalid data for parameter \"filter\".");
    assert!(refused("/messages?filter={")["syntaxError"].is_string());
    assert!(refused("/messages/count?where[a=1")["syntaxError"].is_string());
    for (filter, code, path) in [
        (json!([]), "type", ""),
        (json!(1), "type", ""),
        (json!(null), "type", ""),
        (json!({"x": 1}), "additionalProperties", ""),
        (json!({"__proto__": {}}), "additionalProperties", ""),
        (json!({"limit": 0}), "minimum", "/limit"),
        (json!({"limit": -1}), "minimum", "/limit"),
        (json!({"limit": 1.5}), "type", "/limit"),
        (json!({"limit": "x"}), "type", "/limit"),
        (json!({"limit": null}), "type", "/limit"),
        (json!({"skip": -1}), "minimum", "/skip"),
        (json!({"offset": -1}), "minimum", "/offset"),
        (json!({"offset": 1e30}), "type", "/offset"),
        (json!({"fields": "id"}), "oneOf", "/fields"),
        (json!({"fields": ["x"]}), "enum", "/fields"),
        (json!({"fields": ["id", "id"]}), "uniqueItems", "/fields"),
        (json!({"order": "body UP"}), "order", "/order"),
        (json!({"order": "x"}), "order", "/order"),
        (json!({"order": 1}), "type", "/order"),
        (json!({"where": []}), "type", "/where"),
        (
            json!({"where": {"chanelId": "c"}}),
            "additionalProperties",
            "/where",
        ),
        (
            json!({"where": {"__proto__": "c"}}),
            "additionalProperties",
            "/where",
        ),
        (
            json!({"where": {"channel_id": "c"}}),
            "additionalProperties",
            "/where",
        ),
        (json!({"where": {"or": []}}), "minItems", "/where/or"),
        (json!({"where": {"or": {}}}), "type", "/where/or"),
        (json!({"where": {"or": [1]}}), "type", "/where/or/0"),
        (
            json!({"where": {"and": [{}, {"or": [{"x": 1}]}]}}),
            "additionalProperties",
            "/where/and/1/or/0",
        ),
        (
            json!({"where": {"body": {}}}),
            "minProperties",
            "/where/body",
        ),
        (
            json!({"where": {"body": {"near": "x"}}}),
            "operator",
            "/where/body/near",
        ),
        (
            json!({"where": {"body": {"__proto__": "x"}}}),
            "operator",
            "/where/body/__proto__",
        ),
        (
            json!({"where": {"body": {"contains": ["x"]}}}),
            "operator",
            "/where/body/contains",
        ),
        (
            json!({"where": {"body": {"containsAny": ["x"]}}}),
            "operator",
            "/where/body/containsAny",
        ),
        (
            json!({"where": {"body": {"match": "x"}}}),
            "operator",
            "/where/body/match",
        ),
        (json!({"where": {"body": ["x"]}}), "type", "/where/body"),
        (json!({"where": {"body": "a\0"}}), "type", "/where/body"),
        (
            json!({"where": {"body": {"gt": null}}}),
            "type",
            "/where/body/gt",
        ),
        (
            json!({"where": {"body": {"inq": [null]}}}),
            "type",
            "/where/body/inq",
        ),
        (
            json!({"where": {"body": {"inq": {}}}}),
            "type",
            "/where/body/inq",
        ),
        (
            json!({"where": {"body": {"inq": vec!["x"; 1_001]}}}),
            "maxItems",
            "/where/body/inq",
        ),
        (
            json!({"where": {"body": {"between": ["a"]}}}),
            "between",
            "/where/body/between",
        ),
        (
            json!({"where": {"body": {"exists": "maybe"}}}),
            "type",
            "/where/body/exists",
        ),
        (
            json!({"where": {"body": {"like": 5}}}),
            "type",
            "/where/body/like",
        ),
        (
            json!({"where": {"body": {"like": "a\\"}}}),
            "pattern",
            "/where/body/like",
        ),
        (
            json!({"where": {"body": {"like": "x".repeat(257)}}}),
            "pattern",
            "/where/body/like",
        ),
        (
            json!({"where": {"body": {"regexp": "(a"}}}),
            "regexp",
            "/where/body/regexp",
        ),
        (
            json!({"where": {"body": {"regexp": "x".repeat(257)}}}),
            "regexp",
            "/where/body/regexp",
        ),
        (
            json!({"where": {"status": {"like": "1"}}}),
            "operator",
            "/where/status/like",
        ),
        (
            json!({"where": {"id": {"ilike": "1"}}}),
            "operator",
            "/where/id/ilike",
        ),
        (json!({"where": {"id": "x"}}), "format", "/where/id"),
        (
            json!({"where": {"parentMessageId": {"neq": 5}}}),
            "format",
            "/where/parentMessageId/neq",
        ),
        (json!({"where": {"status": "one"}}), "type", "/where/status"),
        (json!({"where": {"status": 1.5}}), "type", "/where/status"),
        (
            json!({"where": {"status": 1_i64 << 31}}),
            "maximum",
            "/where/status",
        ),
        (
            json!({"where": {"status": {"lt": -1e12}}}),
            "minimum",
            "/where/status/lt",
        ),
        (json!({"where": {"deleted": 1}}), "type", "/where/deleted"),
        (
            json!({"where": {"createdOn": "soon"}}),
            "format",
            "/where/createdOn",
        ),
        (
            json!({"where": {"createdOn": {"gt": "2026-02-30"}}}),
            "format",
            "/where/createdOn/gt",
        ),
        (
            json!({"where": {"or": vec![json!({"status": 1}); 200]}}),
            "maxItems",
            "/where/or/99",
        ),
    ] {
        let details = refused(&format!("/messages?filter={}", encoded(&filter)));
        assert_eq!(details[0]["code"], code, "{filter} {details}");
        let wanted = details[0]["path"].as_str().unwrap();
        match code {
            "maxItems" => assert!(wanted.starts_with("/where/"), "{details}"),
            _ => assert_eq!(wanted, path, "{details}"),
        }
        if let Some(condition) = filter.get("where") {
            let encoded = encoded(condition);
            refused(&format!("/messages/count?where={encoded}"));
            let answer = ann.patch(&format!("/messages?where={encoded}"), json!({}));
            assert_eq!(answer.status, 400, "{condition}");
        }
    }
    let mut deep = json!({});
    for _ in 0..20 {
        deep = json!({"and": [deep]});
    }
    let details = refused(&format!("/messages/count?where={}", encoded(&deep)));
    assert_eq!(details[0]["code"], "maxDepth");
    let details = refused("/messages/x?filter={\"where\":{}}");
    assert_eq!(details[0]["code"], "additionalProperties");
    let message =
        &ann.get("/messages?filter[order]=body+UP").json["error"]["details"][0]["message"];
    assert_eq!(message, "The order \"body UP\" has invalid direction");
}

/// A condition under the wrong name must not turn into none at all.
#[test]
fn conditions_are_never_overlooked() {
    let service = Service::new();
    let ann = service.user("ann");
    let id = ann.say("c", "x");
    let by_id = format!("/messages/{id}");
    let condition = encoded(&json!({"body": "nobody says this"}));
    let filter = encoded(&json!({"where": {"body": "nobody says this"}}));
    let everything = json!({"status": 9});
    let change = |query: &str| ann.patch(&format!("/messages?{query}"), everything.clone());
    let refused = |answer: Answer, parameter: &str, code: &str| {
        let error = &answer.json["error"];
        let message = format!("Invalid data for parameter \"{parameter}\".");
        assert_eq!(
            (answer.status, &error["code"], &error["message"]),
            (400, &json!("INVALID_PARAMETER_VALUE"), &json!(message)),
            "{error}"
        );
        assert_eq!(error["details"][0]["code"], code, "{error}");
    };

    for query in [
        &format!("filter={filter}"),
        &format!("%66ilter={filter}"),
        &format!("where={condition}&filter={filter}"),
        "filter[where][body]=x",
        "filter%5Bwhere%5D[body]=x",
        "filter[]=x",
        "filter=",
        "filter",
    ] {
        let rule = "additionalProperties";
        refused(change(query), "filter", rule);
        refused(ann.get(&format!("/messages/count?{query}")), "filter", rule);
        let query = query
            .replace("where=", "other=")
            .replace("filter", "where")
            .replace("%66ilter", "%77here");
        refused(ann.get(&format!("/messages?{query}")), "where", rule);
        refused(ann.get(&format!("{by_id}?{query}")), "where", rule);
    }
    for query in ["where=", "where", "where=+%20", "a=1&%77here="] {
        refused(change(query), "where", "type");
        assert_eq!(ann.get(&format!("/messages/count?{query}")).status, 200);
    }
    assert_eq!(ann.get(&by_id).json["status"], 0);

    // What was meant works, and other parameters do no harm.
    for path in ["/messages", "/messages/count", &by_id] {
        let path = format!("{path}?_=1795511777&wherever=1&filters[]=2&a[filter]=3");
        assert_eq!(ann.get(&path).status, 200, "{path}");
    }
    assert_eq!(change(&format!("where={condition}")).json["count"], 0);
    assert_eq!(change("_=1&where={}").json["count"], 1);
    assert_eq!(change("_=1").json["count"], 1);
}

#[test]
fn inclusions_that_are_none() {
    let service = Service::new();
    let ann = service.user("ann");
    let nested = |depth: usize| {
        let mut include = json!("messages");
        for _ in 1..depth {
            include = json!([{"relation": "messages", "scope": {"include": include}}]);
        }
        include
    };
    let many = json!([{"relation": "messages", "scope": {"include": [
        "messages", "messageRecipients", "attachmentFiles", "parentMessage",
    ]}}, {"relation": "parentMessage", "scope": {"include": [
        "messages", "messageRecipients", "attachmentFiles", "parentMessage",
    ]}}, "messageRecipients"]);
    for (include, message) in [
        (
            json!(["messageFiles"]),
            "There is no relation \"messageFiles\"",
        ),
        (json!([5]), "\"include\" takes names of relations"),
        (
            json!([{"scope": {}}]),
            "\"include\" takes names of relations",
        ),
        (
            json!([{"relation": 7}]),
            "\"include\" takes names of relations",
        ),
        (
            json!(["messages", {"relation": "messages"}]),
            "The relation \"messages\" is included twice",
        ),
        (nested(5), "Relations can be included 4 deep"),
        (many, "At most 10 relations can be included"),
    ] {
        for path in ["/messages", "/messages/x", "/messages/x/messages"] {
            let answer = ann.get(&format!(
                "{path}?filter={}",
                encoded(&json!({"include": include}))
            ));
            let wanted = json!({"error": {
                "statusCode": 400, "name": "Error", "code": "INVALID_INCLUSION_FILTER",
                "message": message,
            }});
            assert_eq!((answer.status, answer.json), (400, wanted));
        }
    }
    assert_eq!(ann.get("/messages?filter={\"include\":[]}").status, 200);
    for (include, path, code) in [
        (
            json!([{"relation": "messages", "scope": 1}]),
            "/include/0/scope",
            "type",
        ),
        (
            json!([{"relation": "messages", "extra": 1}]),
            "/include/0",
            "additionalProperties",
        ),
        (
            json!([{"relation": "messageRecipients", "scope": {"where": {"body": "x"}}}]),
            "/include/0/scope/where",
            "additionalProperties",
        ),
        (
            json!({"relation": "messages", "scope": {"limit": 0}}),
            "/include/0/scope/limit",
            "minimum",
        ),
    ] {
        let answer = ann.get(&format!(
            "/messages?filter={}",
            encoded(&json!({"include": include}))
        ));
        let details = &answer.json["error"]["details"][0];
        assert_eq!(
            (answer.status, &details["path"], &details["code"]),
            (400, &json!(path), &json!(code)),
            "{include}"
        );
    }
}
