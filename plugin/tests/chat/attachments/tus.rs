//! Uploads in parts.

use chat::api::Body;

use super::{PNG, Scene, content, tus};
use crate::blobs;
use crate::support::User;

#[test]
fn an_upload_goes_on_where_it_stopped() {
    let scene = Scene::new();
    let (bob, uploads) = (&scene.bob, "/attachments/uploads");
    let options = scene.service.nobody().send("OPTIONS", uploads, Body::Empty);
    assert_eq!(
        (options.status, options.header("tus-extension")),
        (204, Some("creation,termination"))
    );
    let metadata = "filename YS5wbmc=,filetype aW1hZ2UvcG5n,channelId Yw==";
    let length = PNG.len().to_string();
    let new = [
        ("upload-length", length.as_str()),
        ("upload-metadata", metadata),
    ];
    let made = tus(bob, "POST", uploads, &new, b"");
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made
        .header("location")
        .unwrap()
        .strip_prefix("uploads/")
        .unwrap()
        .to_owned();
    let path = format!("{uploads}/{id}");
    let offset = |wanted: &str| {
        let head = tus(bob, "HEAD", &path, &[], b"");
        assert_eq!(
            (head.status, head.header("upload-offset")),
            (200, Some(wanted))
        );
        assert_eq!(head.header("cache-control"), Some("no-store"));
    };
    let part = ("content-type", "application/offset+octet-stream");
    let patch = |user: &User, at: &str, bytes: &[u8]| {
        tus(user, "PATCH", &path, &[part, ("upload-offset", at)], bytes)
    };
    offset("0");
    assert_eq!(
        patch(bob, "0", &PNG[..5]).header("upload-offset"),
        Some("5")
    );
    offset("5");
    let stream = blobs::Body {
        is_cut: true,
        ..blobs::Body::chunked(&PNG[5..7])
    };
    let headers = [part, ("upload-offset", "5"), ("tus-resumable", "1.0.0")];
    let cut = bob.stream("PATCH", &path, &headers, (Body::Long, Some(stream)));
    assert_eq!(cut.status, 400);
    offset("7");
    for (answer, status) in [
        (patch(bob, "5", b"x"), 409),
        (patch(bob, "99", b"x"), 409),
        (patch(bob, "x", b"x"), 400),
        (patch(&scene.cat, "7", b"x"), 404),
        (patch(bob, "7", &[0; 99]), 413),
        (tus(bob, "PATCH", &path, &[part], b"x"), 400),
        (
            tus(bob, "PATCH", &path, &[("upload-offset", "7")], b"x"),
            415,
        ),
        (
            tus(bob, "POST", uploads, &[("upload-metadata", metadata)], b""),
            400,
        ),
        (
            tus(bob, "POST", uploads, &[("upload-length", "1")], b""),
            422,
        ),
        (
            tus(
                bob,
                "POST",
                uploads,
                &[("upload-length", "1"), ("upload-metadata", "a *")],
                b"",
            ),
            400,
        ),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let old = [("tus-resumable", "0.2.2")];
    let old = bob.send_with("HEAD", &path, &old, Body::Empty);
    assert_eq!(
        (old.status, old.header("tus-version")),
        (412, Some("1.0.0"))
    );
    let last = patch(bob, "7", &PNG[7..]);
    assert_eq!(
        (last.status, last.header("upload-offset")),
        (204, Some(length.as_str()))
    );
    offset(&length);
    assert_eq!(patch(bob, &length, b"x").status, 409);
    assert_eq!(bob.get(&content(&id)).content.as_deref(), Some(PNG));
    assert_eq!((scene.links(), scene.used("bob")), (1, PNG.len() as i64));

    let made = tus(bob, "POST", uploads, &new, b"");
    let path = format!(
        "{uploads}/{}",
        made.header("location")
            .unwrap()
            .strip_prefix("uploads/")
            .unwrap()
    );
    assert_eq!(tus(&scene.cat, "DELETE", &path, &[], b"").status, 404);
    assert_eq!(tus(bob, "DELETE", &path, &[], b"").status, 204);
    assert_eq!(tus(bob, "HEAD", &path, &[], b"").status, 404);
    let empty = [("upload-length", "0"), ("upload-metadata", metadata)];
    let made = tus(bob, "POST", uploads, &empty, b"");
    let id = made
        .header("location")
        .unwrap()
        .strip_prefix("uploads/")
        .unwrap()
        .to_owned();
    assert_eq!(bob.get(&content(&id)).content.as_deref(), Some(&b""[..]));
    assert_eq!(
        scene.number("SELECT COUNT(*) FROM host_blobs WHERE state = 'open'"),
        0
    );
}
