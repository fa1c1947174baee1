//! The same as an inspector: content in, findings out.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

#[expect(unsafe_code, reason = "generated: the exports are raw functions")]
mod contract {
    wit_bindgen::generate!({ path: "../../wit", world: "inspector", generate_all });
    export!(Pictures with_types_in self);
    use super::Pictures;
}

use contract::exports::gateway::plugin::inspect::{Derived, Fact, Findings, Guest, Verdict};
use contract::gateway::plugin::content;

use crate::thumbnail::{Picture, look};

/// Bytes that are read at once.
const PIECE: u32 = 256 * 1024;

struct Pictures;

impl Guest for Pictures {
    fn inspect(_media_type: String) -> Result<Findings, String> {
        let Picture {
            media_type,
            width,
            height,
            thumbnail,
        } = look(Content::new())?;
        let fact = |name: &str, value: String| Fact {
            name: name.to_owned(),
            value,
        };
        Ok(Findings {
            // Whether somebody should see it is for others to say.
            verdict: Verdict::Clean,
            facts: vec![
                fact("media-type", media_type.to_owned()),
                fact("width", width.to_string()),
                fact("height", height.to_string()),
            ],
            derived: thumbnail
                .map(|thumbnail| Derived {
                    name: "thumbnail".to_owned(),
                    media_type: thumbnail.media_type.to_owned(),
                    bytes: thumbnail.bytes,
                })
                .into_iter()
                .collect(),
        })
    }
}

/// The content as a file that can be read from anywhere.
struct Content {
    size: u64,
    /// Where the buffer's first byte is in the content.
    begin: u64,
    buffer: Vec<u8>,
    /// Where the next byte is in the buffer; at most its length.
    next: usize,
}

impl Content {
    fn new() -> Self {
        Self {
            size: content::size(),
            begin: 0,
            buffer: Vec::new(),
            next: 0,
        }
    }

    fn position(&self) -> u64 {
        self.begin + self.next as u64
    }
}

impl BufRead for Content {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.next == self.buffer.len() {
            self.begin = self.position();
            self.buffer = content::read(self.begin, PIECE);
            self.next = 0;
        }
        Ok(self.buffer.get(self.next..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.next = self.buffer.len().min(self.next + amount);
    }
}

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut piece = self.fill_buf()?;
        let count = piece.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

impl Seek for Content {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position().checked_add_signed(by),
        };
        let target = target.ok_or(io::ErrorKind::InvalidInput)?;
        let within = target.checked_sub(self.begin).map(usize::try_from);
        match within {
            Some(Ok(next)) if next <= self.buffer.len() => self.next = next,
            _ => {
                self.begin = target;
                self.buffer.clear();
                self.next = 0;
            }
        }
        Ok(target)
    }
}
