//! The place of a client in a log.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::log::Log;

/// The last position of each partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vector(pub(super) Vec<u64>);

/// The longest cursor that is looked at: 256 partitions, far from the end.
const MAX_LENGTH: usize = 4096;

/// Why a cursor leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// It is none, or one of what has not happened.
    Invalid,
    /// It is one of another log.
    Epoch,
}

impl Vector {
    /// The position in a partition; 0 in one that there is not.
    pub(super) fn at(&self, part: usize) -> u64 {
        self.0.get(part).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, part: usize, position: u64) {
        if let Some(at) = self.0.get_mut(part) {
            *at = position;
        }
    }

    /// Whether nothing of the other is missing here.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a >= b)
    }

    /// As it is handed out.
    pub(super) fn encode(&self, log: &Log) -> String {
        let mut bytes = Vec::with_capacity(self.0.len() * 4);
        for position in &self.0 {
            let mut left = *position;
            while left >= 0x80 {
                bytes.push((left as u8 & 0x7f) | 0x80);
                left >>= 7;
            }
            bytes.push(left as u8);
        }
        format!("v1.{:x}.{}", log.id, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a client brought back.
    pub(super) fn decode(log: &Log, text: &str) -> Result<Self, Lost> {
        if text.len() > MAX_LENGTH {
            return Err(Lost::Invalid);
        }
        let parts: Vec<&str> = text.split('.').collect();
        let ["v1", id, vector] = parts.as_slice() else {
            return Err(Lost::Invalid);
        };
        let id = i64::from_str_radix(id, 16).map_err(|_| Lost::Invalid)?;
        let bytes = URL_SAFE_NO_PAD.decode(vector).map_err(|_| Lost::Invalid)?;
        let positions = positions(&bytes).ok_or(Lost::Invalid)?;
        match (id == log.id, positions.len() == log.partitions) {
            (false, _) => Err(Lost::Epoch),
            (true, false) => Err(Lost::Invalid),
            (true, true) => Ok(Self(positions)),
        }
    }
}

fn positions(bytes: &[u8]) -> Option<Vec<u64>> {
    let mut positions = Vec::new();
    let (mut position, mut shift) = (0_u64, 0_u32);
    for byte in bytes {
        let bits = u64::from(byte & 0x7f);
        // Positions are those of an SQL integer.
        if shift > 56 {
            return None;
        }
        position |= bits << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            positions.push(position);
            (position, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Log = Log {
        id: 0xabc,
        partitions: 3,
    };

    #[test]
    fn what_is_handed_out_is_understood() {
        let most = u64::try_from(i64::MAX).unwrap();
        for positions in [[0, 0, 0], [1, 127, 128], [300, 70_000, most]] {
            let vector = Vector(positions.to_vec());
            let text = vector.encode(&LOG);
            assert_eq!(Vector::decode(&LOG, &text), Ok(vector), "{text}");
        }
    }

    #[test]
    fn what_is_not_is_no_cursor() {
        let good = Vector(vec![1, 2, 3]).encode(&LOG);
        let other = Log { id: 0xabd, ..LOG };
        assert_eq!(Vector::decode(&other, &good), Err(Lost::Epoch));
        let few = Log {
            partitions: 2,
            ..LOG
        };
        assert_eq!(Vector::decode(&few, &good), Err(Lost::Invalid));
        let long = "9".repeat(MAX_LENGTH + 1);
        for bad in [
            "",
            "v1",
            "v1.abc",
            "v1.abc.",
            "v2.abc.AQID",
            "v1.abc.AQID.x",
            "v1.xyz.AQID",
            "v1.abc.AQI=",
            "v1.abc.gICA",
            "v1.abc._____________________w",
            &long,
        ] {
            assert_eq!(Vector::decode(&LOG, bad), Err(Lost::Invalid), "{bad}");
        }
    }
}
