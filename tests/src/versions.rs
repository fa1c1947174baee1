//! Other versions of a component, made of the one that was built.

use std::path::PathBuf;

use crate::server::component;

/// A version of `misfit`: its metadata says another version, and its marks other things.
/// See `tests/guests/misfit/src/guest/marks.rs`.
#[must_use]
pub fn misfit(version: &str, marks: &[(&str, &str)]) -> Vec<u8> {
    let bytes = std::fs::read(component("misfit")).expect("misfit.wasm is built");
    marked(bytes, version, marks)
}

/// The same of the `misfit` that is handed in.
///
/// # Panics
/// It is not the misfit, or a mark has no room for its value.
#[must_use]
pub fn marked(mut misfit: Vec<u8>, version: &str, marks: &[(&str, &str)]) -> Vec<u8> {
    for (name, value) in marks {
        let name = format!("{name}=");
        let marks = find(&misfit, b"misfit-marks ").expect("the marks are in the component");
        let mut room = misfit.get_mut(marks..).into_iter().flatten();
        // Behind the name.
        let mut passed = Vec::new();
        while !passed.ends_with(name.as_bytes()) {
            passed.push(*room.next().expect("a known mark"));
        }
        let mut value = value.bytes();
        for byte in room {
            match (value.next(), *byte) {
                (Some(_), b';') => panic!("{name} has no room for this value"),
                (Some(new), _) => *byte = new,
                (None, b' ' | b';') => break,
                (None, _) => *byte = b' ',
            }
        }
    }
    described(misfit, version)
}

/// A component whose metadata says another version; all else is as it was.
#[must_use]
pub fn described(mut component: Vec<u8>, version: &str) -> Vec<u8> {
    let name = b"version";
    let length = |length: usize| u8::try_from(length).expect("less than 128 bytes");
    component.push(0);
    component.push(length(1 + name.len() + version.len()));
    component.push(length(name.len()));
    component.extend_from_slice(name);
    component.extend_from_slice(version.as_bytes());
    component
}

/// The component as a file of a temporary folder.
#[must_use]
pub fn file(folder: &std::path::Path, name: &str, component: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, component).expect("a file");
    path
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
