//! Two users talk.

use serde_json::json;

use crate::{
    EVIL, choose, delete, group, history, is_clean, picture, send, server, shown, sign_in, write,
};

/// The text of the message that has the last place in the list.
const LAST: &str = "[...document.querySelectorAll('#messages .body')].at(-1)?.innerText";

/// Finds the message that says that, and uses one of its tools by its name.
async fn tool(page: &mut gateway_tests::browser::Page, text: &str, name: &str) {
    let (text, name) = (json!(text), json!(name));
    page.until(&format!(
        "(() => {{
           const all = [...document.querySelectorAll('.message')];
           const it = all.find((it) => it.querySelector('.body').innerText === {text});
           const tool = [...(it?.querySelectorAll('.tools button') ?? [])]
             .find((it) => it.innerText === {name});
           tool?.focus();
           tool?.click();
           return Boolean(tool);
         }})()"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_talk() {
    let server = server().await;
    let base = server.base();
    let mut ann = sign_in(&base, "ann").await;
    let mut bob = sign_in(&base, "bob").await;
    ann.sees("#no-channels", "No conversations yet.").await;

    ann.press("New").await;
    ann.sees("dialog h2", "New conversation").await;
    ann.value("document.querySelector('dialog input[value=group]').click()")
        .await;
    ann.fill("#new-name", "Tea").await;
    ann.fill("#new-members", "bob, eve").await;
    ann.picture(&picture("new"), false).await;
    ann.press("Begin").await;
    ann.sees("#title", "Tea").await;
    ann.sees("#about", "ann, bob, eve").await;

    choose(&mut bob, "Tea").await;
    bob.fill("#text", "Green or").await;
    ann.sees("#typing", "bob is typing").await;
    ann.picture(&picture("typing"), false).await;
    write(&mut bob, "Green or black?").await;
    ann.sees(".message .body", "Green or black?").await;
    ann.until("document.querySelector('#typing').innerText === ''")
        .await;
    bob.sees(".receipt", "Read by ann").await;

    write(&mut ann, EVIL).await;
    bob.sees(".message .body", EVIL).await;
    for page in [&mut ann, &mut bob] {
        let marked = page
            .value("document.querySelectorAll('img, .body *').length")
            .await;
        assert_eq!(marked, 0);
        assert_eq!(shown(page).await, ["Green or black?", EVIL]);
    }

    tool(&mut ann, "Green or black?", "Reply").await;
    ann.sees("#reply-text", "Reply to bob: Green or black?")
        .await;
    write(&mut ann, "Black").await;
    bob.sees(".quote", "bob: Green or black?").await;
    bob.sees(".meta", "1 reply").await;

    tool(&mut bob, "Black", "React").await;
    bob.press("👍").await;
    ann.sees(".reactions", "👍 1").await;
    ann.value("document.querySelector('.reactions button').click()")
        .await;
    bob.sees(".reactions", "👍 2").await;
    ann.until("document.querySelector('.reactions [aria-pressed=true]')")
        .await;

    // Arrow up takes the last one of one's own.
    ann.click("#text").await;
    ann.key("ArrowUp", 38).await;
    ann.sees("#reply-text", "Editing your message").await;
    write(&mut ann, "Black, please").await;
    bob.until(&format!("{LAST} === 'Black, please'")).await;
    bob.sees(".meta", "edited").await;
    bob.picture(&picture("talk"), false).await;

    tool(&mut ann, EVIL, "Delete").await;
    ann.sees("dialog", "is deleted for everybody").await;
    ann.press("Delete").await;
    bob.until("document.querySelectorAll('.message').length === 2")
        .await;
    assert_eq!(shown(&mut bob).await, ["Green or black?", "Black, please"]);
    assert_eq!(shown(&mut ann).await, ["Green or black?", "Black, please"]);

    for page in [&mut ann, &mut bob] {
        assert!(page.value("document.title").await != "injected");
        is_clean(page, &base, &[]).await;
    }
    ann.close().await;
    bob.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_says_what_is_new_and_who_is_gone() {
    let server = server().await;
    let base = server.base();
    let tea = group(&server, "ann", "Tea", &["bob"]).await;
    for n in 1..=3 {
        send(&server, "ann", &tea, &format!("message {n}")).await;
    }
    let mut bob = sign_in(&base, "bob").await;
    bob.sees(".entry .badge", "3").await;
    bob.sees(".entry .last", "ann: message 3").await;
    bob.until("document.title === '(3) Chat'").await;

    // A direct conversation that somebody else begins.
    let mut ann = sign_in(&base, "ann").await;
    ann.press("New").await;
    ann.fill("#new-user", "bob").await;
    ann.key("Enter", 13).await;
    ann.sees("#title", "bob").await;
    write(&mut ann, "Psst").await;
    bob.until("document.querySelector('.entry .name').innerText === 'ann'")
        .await;
    bob.until("document.title === '(4) Chat'").await;
    bob.sees("#news", "ann in another conversation: Psst").await;
    bob.picture(&picture("unread"), false).await;
    ann.sees(".receipt", "Sent").await;

    choose(&mut bob, "ann").await;
    ann.sees(".receipt", "Read").await;
    choose(&mut bob, "Tea").await;
    bob.until("document.title === 'Chat' && !document.querySelector('.badge')")
        .await;

    // Whoever is taken out sees nothing more.
    let path = format!("/channels/{tea}/members/bob");
    assert_eq!(delete(&server, "ann", &path).await, 204);
    bob.until("document.querySelectorAll('.entry').length === 1")
        .await;
    bob.until("document.querySelector('#open').hidden").await;
    send(&server, "ann", &tea, "without bob").await;

    for page in [&mut ann, &mut bob] {
        is_clean(page, &base, &[]).await;
    }
    bob.press("Sign out").await;
    bob.until("sessionStorage.length === 0 && !document.querySelector('.entry')")
        .await;
    ann.close().await;
    bob.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_was_said_is_found_by_keyboard_on_every_screen() {
    let server = server().await;
    let base = server.base();
    let tea = group(
        &server,
        "ann",
        "Tea and other things that are hot",
        &["bob"],
    )
    .await;
    let mut said = Vec::new();
    for n in 1..=120 {
        let text = format!("number {n}");
        let user = if n % 3 == 0 { "ann" } else { "bob" };
        send(&server, user, &tea, &text).await;
        said.push(text);
    }
    let mut ann = sign_in(&base, "ann").await;
    // To the first entry of the list, and into it.
    ann.value("document.querySelector('#sign-out').focus()")
        .await;
    ann.key("Tab", 9).await;
    ann.until("document.activeElement.matches('.entry')").await;
    ann.key("Enter", 13).await;
    ann.sees(".message .body", "number 120").await;
    ann.until("document.activeElement.id === 'text'").await;
    assert_eq!(shown(&mut ann).await, said[70..]);
    let at_end = "(() => {
        const it = document.querySelector('#scroll');
        return it.scrollHeight - it.scrollTop - it.clientHeight < 2;
    })()";
    assert_eq!(ann.value(at_end).await, true);
    ann.picture(&picture("wide-light"), false).await;

    // Up from the last message, past the first that was there.
    ann.value("document.querySelector('.message[tabindex=\"0\"]').focus()")
        .await;
    ann.key("Home", 36).await;
    ann.until("document.querySelectorAll('.message').length === 100")
        .await;
    let focused = ann
        .value("document.activeElement.querySelector('.body')?.innerText")
        .await;
    assert_eq!(focused, "number 71");
    ann.key("Home", 36).await;
    ann.until("document.querySelectorAll('.message').length === 120")
        .await;
    assert_eq!(shown(&mut ann).await, said);
    assert_eq!(history(&server, "ann", &tea).await, said[20..]);

    // What comes while one reads further up does not move it.
    ann.value("document.querySelector('#scroll').scrollTop = 300")
        .await;
    send(&server, "bob", &tea, "the newest").await;
    ann.until("!document.querySelector('#newest').hidden").await;
    assert_eq!(
        ann.value("document.querySelector('#scroll').scrollTop")
            .await,
        300
    );
    ann.click("#newest").await;
    ann.until(at_end).await;
    ann.key("Escape", 27).await;

    for (name, width, height, colours) in [
        ("wide-dark", 1280, 800, "dark"),
        ("narrow-dark", 390, 844, "dark"),
        ("narrow-light", 390, 844, "light"),
    ] {
        ann.screen(width, height, colours).await;
        ann.until("document.documentElement.scrollWidth <= innerWidth")
            .await;
        ann.until(at_end).await;
        ann.picture(&picture(name), false).await;
    }
    ann.press("Back to the channels").await;
    ann.until("document.activeElement.matches('.entry')").await;
    ann.picture(&picture("narrow-list"), false).await;
    is_clean(&mut ann, &base, &[]).await;
    ann.close().await;
    server.stop().await;
}
