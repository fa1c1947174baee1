//! From a picture's bytes to its size and a small one.

use std::io::{BufRead, Cursor, Seek};

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

/// The longer side of a small picture, in pixels.
const SIDE: u32 = 320;

/// Bytes of a small picture at most: well below what the host takes by default.
const MOST_BYTES: usize = 192 * 1024;

/// The longest side of a picture that is decoded, in pixels.
const MAX_SIDE: u32 = 30_000;

/// Bytes that a picture may have once it is decoded, and beside it what decoding needs. Of
/// larger ones only the size is told.
const MAX_DECODED: u64 = 160 * 1024 * 1024;

/// How much of it is left of a JPEG, from 1 to 100.
const QUALITY: u8 = 80;

/// What is known of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What it is, such as `image/png`.
    pub media_type: &'static str,
    /// In pixels, as it is shown.
    pub width: u32,
    /// In pixels, as it is shown.
    pub height: u32,
    /// A small one; none when the picture is too large to be decoded.
    pub thumbnail: Option<Thumbnail>,
}

/// A small picture, without anything that the large one carries beside its pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// `image/png` when a part of it can be seen through, else `image/jpeg`.
    pub media_type: &'static str,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Looks at a picture.
///
/// # Errors
/// Why it is none that can be shown: of another kind, or broken.
pub fn look(source: impl BufRead + Seek) -> Result<Picture, String> {
    let mut reader = ImageReader::new(source)
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let media_type = match reader.format() {
        Some(ImageFormat::Png) => "image/png",
        Some(ImageFormat::Jpeg) => "image/jpeg",
        Some(ImageFormat::Gif) => "image/gif",
        Some(ImageFormat::WebP) => "image/webp",
        _ => return Err("neither PNG nor JPEG, GIF or WebP".to_owned()),
    };
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err("a picture without a pixel".to_owned());
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (shown_width, shown_height) = match turns(orientation) {
        true => (height, width),
        false => (width, height),
    };
    let fits = width <= MAX_SIDE && height <= MAX_SIDE && decoder.total_bytes() <= MAX_DECODED;
    let thumbnail = match fits {
        false => None,
        true => match DynamicImage::from_decoder(decoder) {
            Ok(image) => Some(shrink(image, orientation)?),
            Err(ImageError::Limits(_)) => None,
            Err(error) => return Err(broken(error)),
        },
    };
    Ok(Picture {
        media_type,
        width: shown_width,
        height: shown_height,
        thumbnail,
    })
}

fn broken(error: ImageError) -> String {
    error.to_string()
}

/// Whether width and height change places.
fn turns(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn shrink(image: DynamicImage, orientation: Orientation) -> Result<Thumbnail, String> {
    let mut side = SIDE;
    let mut small = within(image, side);
    small.apply_orientation(orientation);
    loop {
        let thumbnail = encode(&small).map_err(broken)?;
        // What is noise does not become small enough at once.
        if thumbnail.bytes.len() <= MOST_BYTES || side < 2 {
            return Ok(thumbnail);
        }
        side /= 2;
        small = within(small, side);
    }
}

fn within(image: DynamicImage, side: u32) -> DynamicImage {
    match image.width() > side || image.height() > side {
        true => image.thumbnail(side, side),
        false => image,
    }
}

fn encode(image: &DynamicImage) -> Result<Thumbnail, ImageError> {
    let mut bytes = Vec::new();
    let has_alpha = image.color().has_alpha();
    let pixels = image.to_rgba8();
    let media_type = match has_alpha && pixels.pixels().any(|pixel| pixel.0[3] < u8::MAX) {
        true => {
            pixels.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
            "image/png"
        }
        false => {
            image
                .to_rgb8()
                .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
            "image/jpeg"
        }
    };
    Ok(Thumbnail { media_type, bytes })
}
