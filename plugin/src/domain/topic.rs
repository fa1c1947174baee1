//! The names of streams of events, and of those who listen to them.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The longest name, in bytes; what is longer is hashed.
const MAX_BYTES: usize = 200;

/// What the members of a channel hear.
pub(crate) fn channel(tenant: &str, channel: &str) -> String {
    name(tenant, Some("channel"), channel)
}

/// What one user hears alone.
pub(crate) fn user(tenant: &str, user: &str) -> String {
    name(tenant, Some("user"), user)
}

/// The one who listens.
pub(crate) fn subject(tenant: &str, user: &str) -> String {
    name(tenant, None, user)
}

/// The tenant and the user of a subject; none where it was hashed.
pub(crate) fn of_subject(subject: &str) -> Option<(String, String)> {
    let (tenant, user) = subject.split_once('/')?;
    Some((unescaped(tenant)?, unescaped(user)?))
}

/// Escaped, so that no two names are the same: `/` keeps the parts apart, and `%` starts
/// an escape.
fn name(tenant: &str, kind: Option<&str>, id: &str) -> String {
    let mut parts = vec![escaped(tenant)];
    parts.extend(kind.map(str::to_owned));
    parts.push(escaped(id));
    let name = parts.join("/");
    match name.len() <= MAX_BYTES {
        true => name,
        false => hashed(&name),
    }
}

/// No name starts with `%23`'s character as it is: it would be escaped.
fn hashed(name: &str) -> String {
    let mut text = "#".to_owned();
    for byte in Sha256::digest(name) {
        // Writing to a text has no way to fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

fn escaped(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for char in part.chars() {
        match char {
            '/' | '%' | '#' => {
                write!(text, "%{:02x}", u32::from(char)).ok();
            }
            char => text.push(char),
        }
    }
    text
}

fn unescaped(part: &str) -> Option<String> {
    percent_encoding::percent_decode_str(part)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_are_the_same() {
        let long = "x".repeat(128);
        let names = [
            channel("t", "a"),
            user("t", "a"),
            subject("t", "a"),
            subject("t", "user/a"),
            subject("t/user", "a"),
            subject("", "t/user/a"),
            channel("t", "a/b"),
            channel("t/channel/a", "b"),
            channel("t", "a%2fb"),
            channel(&long, &long),
            channel(&long, &format!("{long}y")),
            user(&long, &long),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(name.len() <= MAX_BYTES, "{name}");
            assert!(!names[index + 1..].contains(name), "{name}");
        }
    }

    #[test]
    fn a_subject_says_who_it_is() {
        for (tenant, user) in [("t", "a"), ("", "a/b"), ("%", "#ü")] {
            let subject = subject(tenant, user);
            let wanted = (tenant.to_owned(), user.to_owned());
            assert_eq!(of_subject(&subject), Some(wanted));
        }
        let long = "x".repeat(128);
        assert_eq!(of_subject(&subject(&long, &long)), None);
    }
}
