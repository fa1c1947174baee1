//! The client that the page is made of, where the page does not use it: on a WebSocket.

use crate::{group, is_clean, send, server, sign_in};

/// A client of its own in the page, by a WebSocket.
const LISTEN: &str = "(async () => {
    const { Api, Live, State } = await import('./index.js');
    const api = new Api({ base: new URL('..', location.href), token: () => sessionStorage.getItem('chat-token') });
    const state = new State();
    const it = { events: [], answers: [], status: '', syncs: 0 };
    window.heard = it;
    it.live = new Live({
      api,
      transport: 'socket',
      sync: (signal) => {
        it.syncs++;
        return state.sync(api, signal);
      },
      event: (event) => it.events.push(event),
      answer: (answer) => it.answers.push(answer),
      status: ({ state }) => { it.status = state; },
    });
    it.live.start();
})()";

const BODIES: &str =
    "heard.events.filter((it) => it.type === 'message.created').map((it) => it.data.body).join()";

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_opened_with_a_ticket() {
    let server = server().await;
    let base = server.base();
    let tea = group(&server, "ann", "Tea", &["bob"]).await;
    let mut ann = sign_in(&base, "ann").await;
    ann.value(LISTEN).await;
    ann.until("heard.status === 'live'").await;
    send(&server, "bob", &tea, "one").await;
    ann.until(&format!("{BODIES} === 'one'")).await;

    // What is said on it reaches the service, and is answered.
    ann.value(&format!(
        "heard.live.say({{ op: 'read', channelId: '{tea}', seq: 1 }})"
    ))
    .await;
    ann.until("heard.answers.some((it) => it.type === 'read' && it.data.unread === 0)")
        .await;
    ann.value("heard.live.say({ op: 'nonsense' })").await;
    ann.until("heard.answers.some((it) => it.data?.error === 'unknown-op')")
        .await;

    // From where it was, without the state.
    ann.value("heard.live.stop()").await;
    send(&server, "bob", &tea, "two").await;
    send(&server, "bob", &tea, "three").await;
    ann.value("heard.live.start()").await;
    ann.until(&format!("{BODIES} === 'one,two,three'")).await;
    assert_eq!(ann.value("heard.syncs").await, 1);

    // A place that nobody knows is answered with the state.
    let lost = "(async () => {
        heard.live.stop();
        const { Live } = await import('./index.js');
        const { Api } = await import('./index.js');
        const api = new Api({ base: new URL('..', location.href), token: () => sessionStorage.getItem('chat-token') });
        window.again = { syncs: 0, status: '' };
        const live = new Live({
          api,
          transport: 'socket',
          cursor: 'v1.nonsense',
          sync: async (signal) => {
            again.syncs++;
            return (await api.call('GET', '/sync', { signal })).data.cursor;
          },
          event: () => {},
          status: ({ state }) => { again.status = state; },
        });
        live.start();
    })()";
    ann.value(lost).await;
    ann.until("again.syncs === 1 && again.status === 'live'")
        .await;
    let requested = ann.requested();
    let tickets: Vec<_> = requested
        .iter()
        .filter(|it| it.ends_with("/events/tickets"))
        .collect();
    assert!(tickets.len() >= 4, "one for each connection: {tickets:?}");
    is_clean(&mut ann, &base, &[]).await;
    ann.close().await;
    server.stop().await;
}
