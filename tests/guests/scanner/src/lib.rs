//! An inspector for the tests: it calls content suspicious that holds the signature with
//! which scanners are tried out, and does on marked content what none should.
#![cfg(target_arch = "wasm32")]

use std::hint::black_box;

#[expect(unsafe_code, reason = "generated: the exports are raw functions")]
mod contract {
    wit_bindgen::generate!({ path: "../../../wit", world: "inspector", generate_all });
    export!(Scanner with_types_in self);
    use super::Scanner;
}

use contract::exports::gateway::plugin::inspect::{Derived, Fact, Findings, Guest, Verdict};
use contract::gateway::plugin::content;
use contract::gateway::plugin::log::{Level, log};

/// The part of the EICAR test file that is its name.
const SIGNATURE: &[u8] = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE";

/// Bytes that are read at once.
const PIECE: u32 = 64 * 1024;

struct Scanner;

impl Guest for Scanner {
    fn inspect(media_type: String) -> Result<Findings, String> {
        let head = content::read(0, 64);
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut words = head.split_whitespace();
        let word = words.next().unwrap_or_default();
        let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(1);
        match word {
            "trap" => core::arch::wasm32::unreachable(),
            "spin" => loop {
                black_box(word);
            },
            "allocate" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            "nothing" => return Err("it has nothing to say".to_owned()),
            "mutter" => return Err("\u{e9}".repeat(number)),
            "log" => (0..number).for_each(|line| log(Level::Info, &line.to_string())),
            _ => {}
        }
        let mut facts = vec![
            fact("size", content::size()),
            fact("read", length()),
            fact("media-type", &media_type),
            // Beyond the end there is nothing.
            fact("beyond", content::read(u64::MAX, PIECE).len()),
        ];
        let mut derived = Vec::new();
        match word {
            "facts" => facts.extend((0..number).map(|_| fact("more", word))),
            "long-fact" => facts.push(fact("long", "x".repeat(number))),
            "fact-name" => facts.push(fact(&"x".repeat(number), word)),
            "at-once" => facts.push(fact("at-once", content::read(0, u32::MAX).len())),
            "derive" => derived.push(copy(number)),
            "derived-name" => derived.push(Derived {
                name: "x".repeat(number),
                ..copy(1)
            }),
            "derived-type" => derived.push(Derived {
                media_type: "x".repeat(number),
                ..copy(1)
            }),
            "derive-many" => derived.extend((0..number).map(|_| copy(1))),
            _ => {}
        }
        Ok(Findings {
            verdict: match is_marked() {
                _ if word == "accuse" => Verdict::Suspicious("\u{e9}".repeat(number)),
                true => Verdict::Suspicious("the EICAR test file".to_owned()),
                false => Verdict::Clean,
            },
            facts,
            derived,
        })
    }
}

fn fact(name: &str, value: impl ToString) -> Fact {
    Fact {
        name: name.to_owned(),
        value: value.to_string(),
    }
}

fn copy(length: usize) -> Derived {
    Derived {
        name: "copy".to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: vec![b'd'; length],
    }
}

fn pieces() -> impl Iterator<Item = Vec<u8>> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let piece = content::read(offset, PIECE);
        offset += piece.len() as u64;
        (!piece.is_empty()).then_some(piece)
    })
}

fn length() -> usize {
    pieces().map(|piece| piece.len()).sum()
}

/// Whether the signature is anywhere, over the borders of pieces as well.
fn is_marked() -> bool {
    let mut window = Vec::new();
    pieces().any(|piece| {
        window.extend(piece);
        let found = window
            .windows(SIGNATURE.len())
            .any(|part| part == SIGNATURE);
        let kept = window.len().min(SIGNATURE.len() - 1);
        window.drain(..window.len() - kept);
        found
    })
}
