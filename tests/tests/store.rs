//! The stores of blobs: the same for a folder and a bucket, and what each has of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use gateway::capability::blob::store::{Error, Key, Segment, Store};
use gateway_tests::blobs::{content, files};
use gateway_tests::s3::{Ask, Fault, TestBucket, Trouble, settings};
use tempfile::TempDir;

/// The parts of the tests' buckets.
const PART: usize = 5 << 20;

/// How long anything may take here before it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store, and what tells what is in it.
struct Kind {
    store: Store,
    folder: TempDir,
    bucket: Option<(TestBucket, Trouble)>,
}

impl Kind {
    async fn local() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = settings(vec![("GATEWAY_BLOB_STORE", text(folder.path()))]);
        Self {
            store: Store::open(&config).await.unwrap(),
            folder,
            bucket: None,
        }
    }

    async fn s3() -> Self {
        let bucket = TestBucket::fresh();
        let trouble = Trouble::before(&bucket).await;
        let store = Store::open(&bucket.config(&trouble.endpoint())).await;
        Self {
            store: store.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            bucket: Some((bucket, trouble)),
        }
    }

    /// The sizes of all that it holds, whatever that is.
    async fn sizes(&self) -> Vec<u64> {
        match &self.bucket {
            Some((bucket, _)) => bucket.sizes().await,
            None => {
                let size = |file: PathBuf| file.metadata().unwrap().len();
                files(self.folder.path()).into_iter().map(size).collect()
            }
        }
    }

    /// Whether nothing is in it, now or a moment later.
    async fn becomes_empty(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let open = self
                .bucket
                .as_ref()
                .map(|(_, trouble)| trouble.open_uploads());
            if self.sizes().await.is_empty() && open.unwrap_or(0) == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

async fn write(store: &Store, bytes: &[u8], piece: usize) -> Result<Segment, Error> {
    let key = Key::random();
    let written = async {
        let mut writer = store.writer(&key).await?;
        for piece in bytes.chunks(piece) {
            writer.write(Bytes::copy_from_slice(piece)).await?;
        }
        writer.finish().await
    };
    tokio::time::timeout(PATIENCE, written).await.unwrap()?;
    Ok(Segment {
        key,
        size: bytes.len() as u64,
    })
}

async fn read(
    store: &Store,
    segments: &[Segment],
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, Error> {
    let mut pieces = store.read(segments.to_vec(), range);
    let mut bytes = Vec::new();
    let read = async {
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        // An error is the end.
        Ok(())
    };
    let outcome: Result<(), Error> = tokio::time::timeout(PATIENCE, read).await.unwrap();
    outcome.map(|()| bytes)
}

/// A test for each kind of store.
macro_rules! on_every_store {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use super::Kind;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn local() {
                super::$name(Kind::local().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn s3() {
                super::$name(Kind::s3().await).await;
            }
        }
    )+};
}

async fn what_is_written_is_read(kind: Kind) {
    let store = &kind.store;
    let left = kind.sizes().await;
    assert!(left.is_empty(), "the look at the start leaves nothing");
    let sizes = [
        1,
        1000,
        262_144,
        262_145,
        PART,
        PART + 1,
        2 * PART,
        2 * PART + 70_000,
    ];
    let (mut segments, mut all) = (Vec::new(), Vec::new());
    for size in sizes {
        let bytes = content(size);
        let segment = write(store, &bytes, 65_521).await.unwrap();
        let whole = read(store, std::slice::from_ref(&segment), 0..size as u64).await;
        assert!(whole.unwrap() == bytes, "{size}");
        segments.push(segment);
        all.extend(bytes);
    }
    let mut stored = kind.sizes().await;
    stored.sort_unstable();
    assert_eq!(stored, sizes.map(|size| size as u64));
    let end = all.len() as u64;
    for range in [
        0..0,
        0..1,
        0..1001,
        1000..1002,
        900..600_000,
        end - 1..end,
        0..end,
        end..end,
    ] {
        let part = read(store, &segments, range.clone()).await.unwrap();
        let (from, to) = (range.start as usize, range.end as usize);
        assert!(part == all[from..to], "{range:?}");
    }
    // One large piece is cut as well.
    let bytes = content(3 * PART);
    let large = write(store, &bytes, usize::MAX).await.unwrap();
    let part = read(
        store,
        std::slice::from_ref(&large),
        5..bytes.len() as u64 - 7,
    )
    .await;
    assert!(part.unwrap() == bytes[5..bytes.len() - 7]);
    segments.push(large);
    for segment in &segments {
        store.delete(&segment.key).await.unwrap();
        store.delete(&segment.key).await.unwrap();
    }
    assert!(kind.sizes().await.is_empty());
    let gone = read(store, &segments, 0..1).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound(_)), "{gone}");
}

async fn what_is_shorter_than_it_should_be_is_an_error(kind: Kind) {
    let mut segment = write(&kind.store, &content(1000), 1000).await.unwrap();
    segment.size = 1001;
    let other = write(&kind.store, &content(10), 10).await.unwrap();
    let mut pieces = kind.store.read(vec![segment, other], 0..1011);
    let (mut length, mut failed) = (0, false);
    while let Some(piece) = tokio::time::timeout(PATIENCE, pieces.next()).await.unwrap() {
        assert!(!failed, "something came after an error");
        match piece {
            Ok(piece) => length += piece.len(),
            Err(_) => failed = true,
        }
    }
    assert!(failed && length <= 1000, "{length}");
}

async fn what_is_not_finished_is_not_there(kind: Kind) {
    let pieces = || content(2 * PART + 1000);
    for is_aborted in [true, false] {
        let key = Key::random();
        let mut writer = kind.store.writer(&key).await.unwrap();
        writer.write(pieces().into()).await.unwrap();
        let segment = Segment { key, size: 1000 };
        let early = read(&kind.store, &[segment], 0..1000).await.unwrap_err();
        assert!(matches!(early, Error::NotFound(_)), "{early}");
        match is_aborted {
            true => writer.abort().await,
            false => drop(writer),
        }
        assert!(
            kind.becomes_empty().await,
            "{is_aborted}: {:?}",
            kind.sizes().await
        );
    }
}

on_every_store!(
    what_is_written_is_read,
    what_is_shorter_than_it_should_be_is_an_error,
    what_is_not_finished_is_not_there,
);

#[tokio::test]
async fn files_are_for_their_owner_and_what_a_crash_left_is_removed() {
    let kind = Kind::local().await;
    let segment = write(&kind.store, b"content", 7).await.unwrap();
    let file = files(kind.folder.path()).remove(0);
    let shard = file.parent().unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(shard)), (0o600, 0o700));
    assert_eq!(
        file.file_name().unwrap().to_str(),
        Some(segment.key.as_str())
    );
    assert_eq!(
        shard.file_name().unwrap().to_str(),
        segment.key.as_str().get(..2)
    );

    // What a crash leaves of an object, and something that is none of the store's.
    let left = |key: &Key| {
        let shard = kind.folder.path().join(&key.as_str()[..2]);
        std::fs::create_dir_all(&shard).unwrap();
        let part = shard.join(format!("{key}.part"));
        std::fs::write(&part, b"half").unwrap();
        part
    };
    let (known, unknown) = (Key::random(), Key::random());
    let (of_known, of_unknown) = (left(&known), left(&unknown));
    let foreign = kind.folder.path().join("backup.part");
    std::fs::write(&foreign, b"mine").unwrap();
    let half = Segment {
        key: known.clone(),
        size: 4,
    };
    assert!(read(&kind.store, &[half], 0..4).await.is_err());
    // With the row that names it.
    kind.store.delete(&known).await.unwrap();
    assert!(!of_known.exists());
    // Without one: once nobody can be writing to it any more.
    assert_eq!(
        kind.store.sweep(Duration::from_secs(3600)).await.unwrap(),
        0
    );
    assert!(of_unknown.exists());
    assert_eq!(kind.store.sweep(Duration::ZERO).await.unwrap(), 1);
    assert!(!of_unknown.exists() && foreign.exists());
    assert_eq!(
        read(&kind.store, &[segment], 0..7).await.unwrap(),
        b"content"
    );
}

#[tokio::test]
async fn a_store_that_can_not_be_used_is_found_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let refused = Store::open(&settings(vec![("GATEWAY_BLOB_STORE", text(&file))])).await;
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("writing failed"), "{told}");
    assert!(
        told.contains("blob.store must name a folder that the gateway may write to"),
        "{told}"
    );

    let bucket = TestBucket::fresh();
    let trouble = Trouble::before(&bucket).await;
    let with = |name: &'static str, value: &str| {
        let mut env = bucket.env(&trouble.endpoint());
        env.retain(|(other, _)| *other != name);
        env.push((name, value.to_owned()));
        settings(env)
    };
    // Nobody listens on a port that was just given back.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for (config, expected) in [
        (
            with("GATEWAY_BLOB_S3_SECRET_KEY", "hidden"),
            "403 SignatureDoesNotMatch",
        ),
        (
            with("GATEWAY_BLOB_S3_ENDPOINT", &nobody),
            "can't connect: Connection refused",
        ),
    ] {
        let began = Instant::now();
        assert!(!format!("{:?}", Store::new(&config).unwrap()).contains("gateway"));
        let told = Store::open(&config).await.unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
        assert!(
            told.contains("writing failed") && told.contains("check blob.store"),
            "{told}"
        );
        assert!(!told.contains("hidden"), "{told}");
        assert!(began.elapsed() < PATIENCE);
    }
    // One that only listens.
    trouble.next(Ask::Put, Fault::Stall, 100).await;
    let told = Store::open(&bucket.config(&trouble.endpoint())).await;
    let told = told.unwrap_err().to_string();
    assert!(told.contains("it took too long"), "{told}");
}

/// Everything that may happen to one request, of each kind that an object of three parts
/// takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_a_server_fails_now_and_then() {
    let kind = Kind::s3().await;
    let (_, trouble) = kind.bucket.as_ref().unwrap();
    let bytes = content(2 * PART + 100_000);
    let every = [
        Fault::Answer(500),
        Fault::Answer(503),
        Fault::Cut(0),
        Fault::Lose,
        Fault::Stall,
    ];
    let mut cases = Vec::new();
    for ask in [Ask::Begin, Ask::Part, Ask::Complete, Ask::Get] {
        cases.extend(every.map(|fault| (ask, fault, 2)));
    }
    cases.extend([
        (Ask::Part, Fault::Cut(1 << 20), 2),
        (Ask::Get, Fault::CutAnswer(0), 3),
        (Ask::Get, Fault::CutAnswer(300_000), 40),
        (Ask::Get, Fault::StallAnswer(3_000_000), 2),
        (Ask::Get, Fault::Slow(Duration::from_millis(1)), 1),
    ]);
    for (ask, fault, times) in cases {
        let before = trouble.hits();
        trouble.next(ask, fault, times).await;
        let written = write(&kind.store, &bytes, 100_003).await;
        let segment = written
            .unwrap_or_else(|error| std::panic::panic_any(format!("{ask:?} {fault:?}: {error}")));
        let whole = read(&kind.store, std::slice::from_ref(&segment), 0..segment.size).await;
        assert!(whole.unwrap() == bytes, "{ask:?} {fault:?}");
        assert!(trouble.hits() > before, "{ask:?} {fault:?} never happened");
        trouble.clear().await;
        assert_eq!(kind.sizes().await, [segment.size], "{ask:?} {fault:?}");
        kind.store.delete(&segment.key).await.unwrap();
    }
    // An upload whose beginning was done and not heard of stays behind: only a rule of the
    // bucket's lifecycle knows of it.
    assert_eq!(trouble.open_uploads(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_fails_for_good_is_told_and_leaves_nothing() {
    let kind = Kind::s3().await;
    let (_, trouble) = kind.bucket.as_ref().unwrap();
    let bytes = content(2 * PART + 100_000);
    let whole = write(&kind.store, &bytes, PART).await.unwrap();
    let is_unavailable = |error: &Error| matches!(error, Error::Unavailable(_));
    let is_late = |error: &Error| matches!(error, Error::Timeout(_));
    type Expected<'a> = &'a dyn Fn(&Error) -> bool;
    let cases: [(Ask, Fault, Expected); 6] = [
        (Ask::Begin, Fault::Answer(503), &is_unavailable),
        (Ask::Part, Fault::Answer(500), &is_unavailable),
        (Ask::Part, Fault::Stall, &is_late),
        (Ask::Part, Fault::Answer(507), &|error| {
            matches!(error, Error::Full(_))
        }),
        (Ask::Part, Fault::Answer(400), &|error| {
            matches!(error, Error::Other(_))
        }),
        (Ask::Complete, Fault::Cut(0), &is_unavailable),
    ];
    for (ask, fault, expected) in cases {
        trouble.next(ask, fault, usize::MAX).await;
        let error = write(&kind.store, &bytes, PART).await.unwrap_err();
        assert!(expected(&error), "{ask:?} {fault:?}: {error:?}");
        trouble.clear().await;
        let deadline = Instant::now() + PATIENCE;
        while trouble.open_uploads() > 0 {
            assert!(
                Instant::now() < deadline,
                "{ask:?} {fault:?}: parts are left"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(kind.sizes().await, [whole.size]);
    }
    let cases: [(Fault, Expected); 5] = [
        (Fault::Answer(500), &is_unavailable),
        (Fault::Answer(403), &is_unavailable),
        (Fault::Stall, &is_late),
        (Fault::CutAnswer(1000), &is_unavailable),
        (Fault::StallAnswer(1000), &is_late),
    ];
    for (fault, expected) in cases {
        trouble.next(Ask::Get, fault, usize::MAX).await;
        let read = read(&kind.store, std::slice::from_ref(&whole), 0..whole.size).await;
        let error = read.unwrap_err();
        assert!(expected(&error), "{fault:?}: {error:?}");
        trouble.clear().await;
    }
    // Parts that could not be thrown away are thrown away with the object.
    trouble.next(Ask::Part, Fault::Answer(400), 1).await;
    trouble.next(Ask::Abort, Fault::Answer(503), 4).await;
    let key = Key::random();
    let mut writer = kind.store.writer(&key).await.unwrap();
    writer.write(bytes.clone().into()).await.unwrap_err();
    writer.abort().await;
    assert_eq!(trouble.open_uploads(), 1);
    kind.store.delete(&key).await.unwrap();
    assert_eq!(trouble.open_uploads(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_address_is_good_for_one_object_and_for_its_time() {
    let kind = Kind::s3().await;
    let bytes = content(300_000);
    let segment = write(&kind.store, &bytes, 65_536).await.unwrap();
    let other = write(&kind.store, b"other", 5).await.unwrap();
    let signed = kind
        .store
        .presign(&segment.key, Duration::from_secs(2))
        .await;
    let url = signed.unwrap().unwrap().to_string();
    assert!(
        url.contains("response-content-disposition=attachment"),
        "{url}"
    );
    let client = gateway_tests::server::client();
    let fetch = async |url: &str| {
        let response = client.get(url).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap())
    };
    let (status, fetched) = fetch(&url).await;
    assert!((status, &fetched[..]) == (200, &bytes[..]), "{status}");
    for changed in [
        url.replace(segment.key.as_str(), other.key.as_str()),
        url.replace("attachment", "inline"),
        url.replace("Expires=2", "Expires=2000"),
    ] {
        assert_ne!(changed, url);
        assert_eq!(fetch(&changed).await.0, 403, "{changed}");
    }
    let deadline = Instant::now() + PATIENCE;
    while fetch(&url).await.0 == 200 {
        assert!(Instant::now() < deadline, "it never ends");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let local = Kind::local().await;
    let none = local
        .store
        .presign(&segment.key, Duration::from_secs(2))
        .await;
    assert!(none.unwrap().is_none());
}

/// The most memory that this process has had since `forget`, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        >> 10
}

fn forget() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, of GIB gibibytes: --ignored --nocapture --test-threads 1"]
async fn large_objects_take_little_memory() {
    let gib = std::env::var("GIB").map_or(1, |gib| gib.parse::<u64>().unwrap());
    let bucket = TestBucket::fresh();
    let folder = tempfile::tempdir_in(gateway_tests::target()).unwrap();
    let mut s3 = bucket.env(&bucket.endpoint());
    s3.retain(|(name, _)| !name.ends_with("PART_BYTES") && !name.ends_with("TIMEOUT"));
    let local = vec![("GATEWAY_BLOB_STORE", text(folder.path()))];
    for (name, config) in [("local", settings(local)), ("S3", settings(s3))] {
        let store = Store::open(&config).await.unwrap();
        let piece = Bytes::from(content(65_536));
        let size = gib << 30;
        let key = Key::random();
        forget();
        let (before, began) = (peak(), Instant::now());
        let mut writer = store.writer(&key).await.unwrap();
        for _ in 0..size / 65_536 {
            writer.write(piece.clone()).await.unwrap();
        }
        writer.finish().await.unwrap();
        let rate = |began: Instant| size as f64 / 1e6 / began.elapsed().as_secs_f64();
        let (put, put_peak) = (rate(began), peak() - before);
        forget();
        let (before, began) = (peak(), Instant::now());
        let segment = Segment {
            key: key.clone(),
            size,
        };
        let mut pieces = store.read(vec![segment], 0..size);
        let mut length = 0;
        while let Some(piece) = pieces.next().await {
            length += piece.unwrap().len() as u64;
        }
        assert_eq!(length, size);
        let (get, get_peak) = (rate(began), peak() - before);
        println!("{name}: put {put:.0} MB/s, +{put_peak} MiB; get {get:.0} MB/s, +{get_peak} MiB");
        assert!(
            put_peak < 64 && get_peak < 16,
            "the memory grows with the content"
        );
        store.delete(&key).await.unwrap();
    }
}
