//! What inspectors found in content that was to be looked into.

/// Content that was made of the inspected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// What it is to the other one, such as `thumbnail`.
    pub name: String,
    /// Such as `image/png`.
    pub media_type: String,
    /// The blob.
    pub blob: String,
    /// In bytes.
    pub size: u64,
}

/// What one inspector came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing speaks against it.
    Clean,
    /// Something does; the text is for the operator.
    Suspicious(String),
    /// It had nothing to say; its own text says why.
    Unknown(String),
    /// It came to no end, such as by a `trap`.
    Failed(String),
}

/// What one inspector found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The name that the operator gave it.
    pub inspector: String,
    /// What it came to.
    pub finding: Finding,
    /// Names and values, such as `width` and `640`.
    pub facts: Vec<(String, String)>,
    /// What it made.
    pub derived: Vec<Derived>,
}

/// What all of them found in one content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The content.
    pub blob: String,
    /// Of each that was asked; none where the operator has none.
    pub inspections: Vec<Inspection>,
}
