//! Files, from one user to the other.

use gateway_tests::server::answer;
use reqwest::Method;

use crate::{choose, claims, group, is_clean, picture, server, sign_in, write};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_from_one_to_the_other() {
    let server = server().await;
    let base = server.base();
    let tea = group(&server, "ann", "Tea", &["bob"]).await;
    let folder = tempfile::tempdir().unwrap();
    let downloads = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n.wrapping_mul(n) / 7) as u8)
        .collect();
    let file = folder.path().join("leaves & stems.bin");
    std::fs::write(&file, &content).unwrap();
    let other = folder.path().join("not that.txt");
    std::fs::write(&other, "no").unwrap();

    let mut ann = sign_in(&base, "ann").await;
    let mut bob = sign_in(&base, "bob").await;
    choose(&mut ann, "Tea").await;
    choose(&mut bob, "Tea").await;
    bob.download_to(downloads.path()).await;

    ann.choose("#file", &file).await;
    ann.sees("#files .filename", "leaves & stems.bin, 2.9 MiB")
        .await;
    ann.sees("#news", "leaves & stems.bin is uploaded.").await;
    ann.choose("#file", &other).await;
    ann.sees("#news", "not that.txt is uploaded.").await;
    ann.picture(&picture("files"), false).await;
    ann.press("Take not that.txt out").await;
    write(&mut ann, "Look at these").await;

    bob.sees(".attachment", "leaves & stems.bin").await;
    bob.picture(&picture("attachment"), false).await;
    bob.click(".attachment").await;
    let got = downloads.path().join("leaves & stems.bin");
    let whole = content.len() as u64;
    let begun = std::time::Instant::now();
    while std::fs::metadata(&got).map_or(0, |it| it.len()) < whole {
        assert!(begun.elapsed().as_secs() < 30, "{:?}", downloads.path());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(std::fs::read(&got).unwrap() == content);
    assert_eq!(bob.value("location.pathname").await, "/page/");

    // The record says who it was.
    let path = format!("/channels/{tea}/messages");
    let caller = server.caller(&claims("ann"));
    let (_, history) = answer(caller.request(Method::GET, &path)).await;
    let sent = &history["messages"][0]["attachments"];
    assert_eq!(sent.as_array().unwrap().len(), 1, "{history}");
    let id = sent[0]["id"].as_str().unwrap();
    let (_, record) = caller.get(&format!("/attachments/{id}/downloads")).await;
    let record = record.to_string();
    assert!(
        record.contains("bob") && record.contains("complete"),
        "{record}"
    );

    for page in [&mut ann, &mut bob] {
        is_clean(page, &base, &[]).await;
    }
    ann.close().await;
    bob.close().await;
    server.stop().await;
}
