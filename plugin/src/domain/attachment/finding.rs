//! What inspectors found in an attachment's bytes, as far as it means something here.

/// A small picture of a large one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thumbnail {
    /// What the host's store calls it.
    pub(crate) blob: String,
    pub(crate) media_type: String,
    /// In bytes.
    pub(crate) size: u64,
}

/// What is known of an attachment once it was looked into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// The names of those that called it clean, with spaces between them.
    pub(crate) clean_by: String,
    /// The first that spoke against it, and what it said.
    pub(crate) suspicion: Option<(String, String)>,
    /// Those that came to no end, or had nothing to say.
    pub(crate) silent: Vec<String>,
    /// Width and height, in pixels.
    pub(crate) sides: Option<(u32, u32)>,
    pub(crate) thumbnail: Option<Thumbnail>,
}
