//! Request bodies that are read piece by piece.

/// The body of the request being handled.
#[derive(Debug)]
pub struct IncomingBody;
