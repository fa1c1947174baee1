//! What is found in pictures of each kind, whole, cut and changed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, ExtendedColorType, GenericImageView, ImageEncoder, ImageFormat, Rgba, RgbaImage,
};
use pictures::{Picture, look};

/// Red on the left, green on the right; with `alpha` as opaque as that.
fn picture(width: u32, height: u32, alpha: u8) -> DynamicImage {
    let pixel = |x: u32, _| match x < width / 2 {
        true => Rgba([255, 0, 0, alpha]),
        false => Rgba([0, 255, 0, alpha]),
    };
    RgbaImage::from_fn(width, height, pixel).into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let image = match format {
        ImageFormat::Jpeg => DynamicImage::from(image.to_rgb8()),
        _ => image.clone(),
    };
    let mut bytes = Vec::new();
    image
        .write_to(&mut Cursor::new(&mut bytes), format)
        .unwrap();
    bytes
}

fn seen(bytes: &[u8]) -> Result<Picture, String> {
    look(Cursor::new(bytes))
}

fn thumbnail(picture: &Picture) -> DynamicImage {
    image::load_from_memory(&picture.thumbnail.as_ref().unwrap().bytes).unwrap()
}

fn is_red(image: &DynamicImage, x: u32, y: u32) -> bool {
    let [red, green, ..] = image.get_pixel(x, y).0;
    red > 200 && green < 60
}

#[test]
fn every_kind_is_measured_and_made_small() {
    for (format, media_type) in [
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::Gif, "image/gif"),
        (ImageFormat::WebP, "image/webp"),
    ] {
        for (width, height, small) in [
            (1000, 500, (320, 160)),
            (500, 1000, (160, 320)),
            (320, 320, (320, 320)),
            (40, 20, (40, 20)),
        ] {
            let picture = seen(&encoded(&picture(width, height, 255), format)).unwrap();
            assert_eq!(picture.media_type, media_type);
            assert_eq!(
                (picture.width, picture.height),
                (width, height),
                "{media_type}"
            );
            let thumbnail = thumbnail(&picture);
            assert_eq!(thumbnail.dimensions(), small, "{media_type}");
            let (x, y) = (small.0, small.1 / 2);
            assert!(is_red(&thumbnail, x / 8, y), "{media_type}");
            assert!(!is_red(&thumbnail, x - x / 8, y), "{media_type}");
        }
    }
}

#[test]
fn what_can_be_seen_through_stays_so_and_the_rest_is_small() {
    let of = |alpha| {
        let picture = seen(&encoded(&picture(800, 800, alpha), ImageFormat::Png)).unwrap();
        picture.thumbnail.unwrap().media_type
    };
    assert_eq!(of(255), "image/jpeg");
    assert_eq!(of(100), "image/png");
}

#[test]
fn noise_does_not_make_a_large_small_picture() {
    let mut state = 1_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    let noise = RgbaImage::from_fn(320, 320, |_, _| Rgba(next()));
    let picture = seen(&encoded(&noise.into(), ImageFormat::Png)).unwrap();
    let thumbnail = picture.thumbnail.unwrap();
    assert_eq!(thumbnail.media_type, "image/png");
    assert!(
        thumbnail.bytes.len() <= 192 * 1024,
        "{}",
        thumbnail.bytes.len()
    );
}

/// A camera's picture that lies on its side says so beside its pixels.
#[test]
fn a_picture_is_shown_as_it_was_taken_and_nothing_else_is_kept() {
    let exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    let pixels = picture(800, 400, 255).to_rgb8();
    encoder
        .write_image(&pixels, 800, 400, ExtendedColorType::Rgb8)
        .unwrap();
    assert!(bytes.windows(4).any(|part| part == b"Exif"));

    let picture = seen(&bytes).unwrap();
    assert_eq!((picture.width, picture.height), (400, 800));
    let small = thumbnail(&picture);
    assert_eq!(small.dimensions(), (160, 320));
    // What was on the left is above.
    assert!(is_red(&small, 80, 40) && !is_red(&small, 80, 280));
    let kept = picture.thumbnail.unwrap().bytes;
    assert!(!kept.windows(4).any(|part| part == b"Exif"));
}

#[test]
fn what_is_broken_or_another_kind_is_an_error() {
    for bytes in [
        &b""[..],
        b"text",
        b"GIF89a",
        b"BM this would be a bitmap",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8\xff\xe0",
    ] {
        assert!(seen(bytes).is_err(), "{bytes:?}");
    }
    let whole = encoded(&picture(300, 300, 255), ImageFormat::Png);
    assert!(seen(&whole[..whole.len() / 2]).is_err());
}

/// Whatever is changed, it ends, and what comes of it is a picture within its limits.
#[test]
fn changed_bytes_end_in_an_answer() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
    ] {
        let whole = encoded(&picture(64, 48, 200), format);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            if let Ok(picture) = seen(&changed) {
                let small = picture.thumbnail.map(|thumbnail| thumbnail.bytes.len());
                assert!(small.unwrap_or_default() <= 192 * 1024);
            }
        }
    }
}
