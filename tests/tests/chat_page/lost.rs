//! Connections that are cut, and gateways that come back.

use gateway_tests::proxy::{Line, Proxy};

use crate::{
    choose, delete, group, history, is_clean, picture, send, server, shown, sign_in, write,
};

/// What a browser says of a server that is away.
const AWAY: [&str; 4] = [
    "ERR_CONNECTION",
    "ERR_EMPTY_RESPONSE",
    "ERR_INCOMPLETE_CHUNKED",
    "Failed to load resource",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_meanwhile_is_there_afterwards_exactly_once() {
    let server = server().await;
    let proxy = Proxy::to_gateway(server.addr()).await;
    let base = format!("http://{}", proxy.address());
    let tea = group(&server, "ann", "Tea", &["bob"]).await;
    let mut ann = sign_in(&base, "ann").await;
    let mut bob = sign_in(&base, "bob").await;
    for page in [&mut ann, &mut bob] {
        choose(page, "Tea").await;
    }
    write(&mut ann, "before").await;
    bob.sees(".body", "before").await;
    let mut said = vec!["before".to_owned()];

    // The sockets are cut, and nobody can come back.
    for round in 1..=2 {
        proxy.set(Line::Cut);
        for page in [&mut ann, &mut bob] {
            page.sees("#status", "Not connected").await;
        }
        for n in 1..=20 {
            let text = format!("meanwhile {round}.{n}");
            send(&server, "ann", &tea, &text).await;
            said.push(text);
        }
        let gone = send(&server, "ann", &tea, "gone again").await;
        let gone = format!("/messages/{}", gone["id"].as_str().unwrap());
        assert_eq!(delete(&server, "ann", &gone).await, 204);
        // One that is written while nobody takes it.
        let mine = format!("written offline {round}");
        write(&mut bob, &mine).await;
        bob.sees(".pending .body", &mine).await;
        bob.sees(".pending .receipt", "Sending").await;
        if round == 1 {
            bob.picture(&picture("offline"), false).await;
        }
        said.push(mine.clone());
        proxy.set(Line::Open);
        for page in [&mut ann, &mut bob] {
            page.sees("#status", "Connected").await;
            page.sees(".message:not(.pending) .body", &mine).await;
        }
        bob.until("!document.querySelector('.pending')").await;
        assert_eq!(history(&server, "ann", &tea).await, said);
        for page in [&mut ann, &mut bob] {
            assert_eq!(shown(page).await, said);
        }
    }

    // Another gateway on the same database.
    let server = server.restart(&[("chat", "/")], &[]).await;
    proxy.point(server.addr());
    for n in 1..=10 {
        let text = format!("on the next gateway {n}");
        send(&server, "ann", &tea, &text).await;
        said.push(text);
    }
    for page in [&mut ann, &mut bob] {
        page.sees("#status", "Connected").await;
        page.sees(".body", "on the next gateway 10").await;
    }
    write(&mut bob, "after").await;
    said.push("after".to_owned());
    ann.sees(".body", "after").await;
    ann.sees(".entry .last", "bob: after").await;
    for page in [&mut ann, &mut bob] {
        page.until("!document.querySelector('.pending')").await;
        assert_eq!(shown(page).await, said);
        is_clean(page, &base, &AWAY).await;
    }
    ann.close().await;
    bob.close().await;
    server.stop().await;
}
