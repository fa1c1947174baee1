//! A JSON Web Key Set in a file.

use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt;

use super::ReadError;
use crate::auth::key_set::{self, Keys};

pub(super) struct File {
    path: PathBuf,
    limit: usize,
}

impl File {
    pub(super) fn new(path: &Path, limit: usize) -> Self {
        Self {
            path: path.to_owned(),
            limit,
        }
    }

    pub(super) async fn read(&self) -> Result<Keys, ReadError> {
        let file = tokio::fs::File::open(&self.path)
            .await
            .map_err(ReadError::File)?;
        let mut text = Vec::new();
        file.take(self.limit as u64 + 1)
            .read_to_end(&mut text)
            .await
            .map_err(ReadError::File)?;
        if text.len() > self.limit {
            return Err(ReadError::TooLong(self.limit));
        }
        Ok(key_set::read(&text)?)
    }
}
