//! An inspector of pictures: how wide and high they are as they are shown, and a small one
//! to show instead. PNG, JPEG, GIF (its first frame) and WebP, by their first bytes and
//! whatever anybody says that they are.
//!
//! It decodes what strangers uploaded, so it runs as a component that sees one content and
//! nothing else. What is broken is an error here; what is hostile ends in a limit or a trap.

#[cfg(target_arch = "wasm32")]
mod component;
mod thumbnail;

pub use thumbnail::{Picture, Thumbnail, look};
