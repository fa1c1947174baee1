//! Patterns that clients search with, restricted to what the three databases agree on.
//! Nothing is matched here; only what can't be understood everywhere is refused.

/// The longest pattern, in characters.
pub(crate) const MAX_CHARS: usize = 256;
/// The weight of an expression once every `{n,m}` is unrolled, which is what engines
/// do: a character weighs 1, a class more. PostgreSQL's own bound of `m` is 255.
const MAX_WEIGHT: u32 = 256;
/// Groups inside of one another.
const MAX_GROUPS: usize = 16;

/// A pattern of SQL's LIKE: `%` is any text, `_` any character, `\` escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Like(String);

impl Like {
    /// The error completes the sentence "pattern …".
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        within_limit(text)?;
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character == '\\' && characters.next().is_none() {
                return Err("must NOT end with an escape");
            }
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The same as a regular expression for the whole text, without flags.
    pub(crate) fn to_regexp(&self) -> String {
        let mut regexp = String::with_capacity(self.0.len() + 8);
        regexp.push('^');
        let mut characters = self.0.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => regexp.push_str(".*"),
                '_' => regexp.push('.'),
                '\\' => characters
                    .next()
                    .into_iter()
                    .for_each(|it| escape(&mut regexp, it)),
                other => escape(&mut regexp, other),
            }
        }
        regexp.push('$');
        regexp
    }
}

fn escape(regexp: &mut String, character: char) {
    if "\\.+*?()|[]{}^$#&-~".contains(character) {
        regexp.push('\\');
    }
    regexp.push(character);
}

/// A regular expression of the common subset: characters, `.`, classes, groups,
/// alternatives, repetitions, `^`, `$`, and the escapes `\d \w \s \D \W \S \n \r \t`
/// and of punctuation. A repeated group holds no repetition, so that engines which
/// backtrack don't explode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Regexp {
    /// Without the slashes.
    pub(crate) source: String,
    pub(crate) ignore_case: bool,
}

impl Regexp {
    /// Reads `x`, `/x/` or `/x/i`. The error completes the sentence "regexp …".
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        within_limit(text)?;
        let inside = text
            .strip_prefix('/')
            .and_then(|rest| rest.rsplit_once('/'));
        let (source, ignore_case) = match inside {
            None => (text, false),
            Some((source, "")) => (source, false),
            Some((source, "i")) => (source, true),
            Some(_) => return Err("knows no flag but `i`"),
        };
        let mut scanner = Scanner(source.chars().peekable());
        let whole = scanner.alternatives(0)?;
        if scanner.0.next().is_some() {
            return Err("has a `)` too many");
        }
        if whole.weight > MAX_WEIGHT {
            return Err("must NOT repeat so much");
        }
        Ok(Self {
            source: source.to_owned(),
            ignore_case,
        })
    }
}

fn within_limit(text: &str) -> Result<(), &'static str> {
    match text.chars().count() > MAX_CHARS {
        true => Err("must NOT have more than 256 characters"),
        false => Ok(()),
    }
}

struct Scanner<'a>(std::iter::Peekable<std::str::Chars<'a>>);

/// What matters of a part of an expression.
#[derive(Clone, Copy, Default)]
struct Part {
    weight: u32,
    /// Whether it holds a repetition.
    repeats: bool,
}

impl Part {
    fn weighing(weight: u32) -> Self {
        Self {
            weight,
            repeats: false,
        }
    }
}

impl Scanner<'_> {
    /// Up to the end, or to the `)` that isn't ours.
    fn alternatives(&mut self, depth: usize) -> Result<Part, &'static str> {
        if depth > MAX_GROUPS {
            return Err("has too many groups inside of one another");
        }
        let mut whole = Part::default();
        while let Some(character) = self.0.next_if(|&it| it != ')') {
            let atom = match character {
                '|' | '^' | '$' => continue,
                '(' => self.group(depth)?,
                '[' => self.class()?,
                '\\' => {
                    self.escape("dwsDWSnrt")?;
                    Part::weighing(2)
                }
                '*' | '+' | '?' => return Err("repeats nothing"),
                '{' | '}' | ']' => return Err("must escape `{`, `}` and `]`"),
                _ => Part::weighing(1),
            };
            let atom = self.repetition(atom)?;
            whole.weight = whole.weight.saturating_add(atom.weight);
            whole.repeats |= atom.repeats;
        }
        Ok(whole)
    }

    fn group(&mut self, depth: usize) -> Result<Part, &'static str> {
        if self.0.next_if_eq(&'?').is_some() && self.0.next_if_eq(&':').is_none() {
            return Err("knows no group but `(…)` and `(?:…)`");
        }
        let inside = self.alternatives(depth + 1)?;
        match self.0.next() {
            Some(_) => Ok(inside),
            None => Err("has a `(` without its `)`"),
        }
    }

    /// An atom together with what may stand behind it.
    fn repetition(&mut self, atom: Part) -> Result<Part, &'static str> {
        let Some(mark) = self.0.next_if(|it| "*+?{".contains(*it)) else {
            return Ok(atom);
        };
        let times = if mark == '{' { self.bounds()? } else { 1 };
        if atom.repeats && mark != '?' {
            return Err("must NOT repeat what holds a repetition");
        }
        // As few as possible: makes no difference to whether a text matches.
        self.0.next_if_eq(&'?');
        match self.0.peek() {
            Some('*' | '+' | '?' | '{') => Err("repeats a repetition"),
            _ => Ok(Part {
                weight: atom.weight.saturating_mul(times),
                repeats: true,
            }),
        }
    }

    /// Behind the `{`: `n}`, `n,}` or `n,m}`. The number of copies that it stands for.
    fn bounds(&mut self) -> Result<u32, &'static str> {
        let low = self.number()?;
        let mut high = low;
        if self.0.next_if_eq(&',').is_some() {
            high = match self.0.peek() {
                Some('}') => low.saturating_add(1),
                _ => self.number()?,
            };
        }
        if self.0.next() != Some('}') || high < low || high >= MAX_WEIGHT {
            return Err("has a malformed `{n,m}`");
        }
        Ok(high)
    }

    fn number(&mut self) -> Result<u32, &'static str> {
        let mut digits = String::new();
        while let Some(digit) = self.0.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        digits.parse().map_err(|_| "has a malformed `{n,m}`")
    }

    /// Behind the `\`: one of `letters`, or punctuation.
    fn escape(&mut self, letters: &str) -> Result<char, &'static str> {
        match self.0.next() {
            // `\<` and `\>` are the bounds of words to some.
            Some('<' | '>') => Err("has an unknown escape"),
            Some(it) if letters.contains(it) || it.is_ascii_punctuation() => Ok(it),
            Some(_) => Err("has an unknown escape"),
            None => Err("must NOT end with an escape"),
        }
    }

    /// Behind the `[`.
    fn class(&mut self) -> Result<Part, &'static str> {
        self.0.next_if_eq(&'^');
        // What a range may start with, and what stood before that.
        let mut start = None;
        let mut previous = None;
        let mut items = 0;
        loop {
            let mut range_end = false;
            if items > 0 && self.0.next_if_eq(&'-').is_some() {
                match self.0.peek() {
                    None => return Err(UNCLOSED),
                    Some(']') => {
                        self.0.next();
                        return Ok(Part::weighing(items + 2));
                    }
                    Some(_) => range_end = true,
                }
            }
            let character = self.0.next().ok_or(UNCLOSED)?;
            let single = match character {
                ']' if items > 0 && !range_end => return Ok(Part::weighing(items + 1)),
                ']' | '[' => return Err("must escape `[` and `]` in a class"),
                '-' if items > 0 => return Err("must escape `-` in a class"),
                '&' | '~' if previous == Some(character) => {
                    return Err("must escape `&` and `~` in a class");
                }
                '\\' => match self.escape("dwsnrt")? {
                    'd' | 'w' | 's' => None,
                    'n' => Some('\n'),
                    'r' => Some('\r'),
                    't' => Some('\t'),
                    other => Some(other),
                },
                other => Some(other),
            };
            if range_end {
                match (start, single) {
                    (Some(low), Some(high)) if low <= high => {}
                    _ => return Err("has a malformed range"),
                }
            }
            start = if range_end { None } else { single };
            previous = Some(character);
            items += 1;
        }
    }
}

const UNCLOSED: &str = "has a `[` without its `]`";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn like_becomes_a_regular_expression() {
        for (like, regexp) in [
            ("a%b_", "^a.*b.$"),
            ("50\\%", "^50%$"),
            ("a.b*", "^a\\.b\\*$"),
            ("", "^$"),
            ("\\\\", "^\\\\$"),
        ] {
            assert_eq!(Like::parse(like).unwrap().to_regexp(), regexp);
        }
        assert!(Like::parse("a\\").is_err());
        assert!(Like::parse(&"ü".repeat(256)).is_ok());
        assert!(Like::parse(&"ü".repeat(257)).is_err());
    }

    #[test]
    fn regexp_has_two_forms() {
        let read = |text| Regexp::parse(text).map(|it| (it.source, it.ignore_case));
        assert_eq!(read("a/b"), Ok(("a/b".to_owned(), false)));
        assert_eq!(read("/a/"), Ok(("a".to_owned(), false)));
        assert_eq!(read("/a/b/i"), Ok(("a/b".to_owned(), true)));
        assert!(read("/a/g").is_err());
        assert!(read(&"x".repeat(257)).is_err());
    }

    #[test]
    fn the_common_subset_is_accepted() {
        for good in [
            "",
            "abc",
            "^a.c$",
            "a|b|",
            "(a|b)c",
            "(?:ab)+",
            "a{2}",
            "a{2,}",
            "a{2,5}",
            "a*?",
            "[a-z]",
            "[^a-z0-9_-]",
            "[-a]",
            "[\\d\\]]",
            "[a-z-]",
            "\\d+\\.\\d*",
            "(a+)?",
            "ü+",
            "[&]",
            "a\\{",
            "\\(x\\)",
        ] {
            Regexp::parse(good).unwrap_or_else(|reason| panic!("{good}: {reason}"));
            regex::Regex::new(good).unwrap();
        }
    }

    #[test]
    fn what_databases_read_differently_is_refused() {
        for bad in [
            "*a",
            "a**",
            "a+*",
            "a{1}{2}",
            "(",
            "(a",
            "a)",
            "[",
            "[a",
            "[]",
            "[^]",
            "[]a]",
            "[[a]]",
            "[a&&b]",
            "[a--b]",
            "[z-a]",
            "[\\d-z]",
            "[a-\\d]",
            "a{",
            "a{x}",
            "a{3,2}",
            "a{256}",
            "a{200}b{200}",
            "\\w{129}",
            "(?:ab){129}",
            "(a+)+",
            "(a?){9}",
            "((a)*)*",
            "(?i)a",
            "(?=a)",
            "(?<n>a)",
            "(*UTF8)a",
            "***=a",
            "\\1",
            "\\b",
            "\\<a",
            "\\p{L}",
            "\\",
            "a}",
            "]",
            "a|*",
            "^*",
            &"(".repeat(20),
        ] {
            assert!(Regexp::parse(bad).is_err(), "{bad}");
        }
    }

    /// The engine refuses what would take it more than a few megabytes.
    #[test]
    fn the_largest_repetitions_compile() {
        for large in [
            "\\w{128}",
            "[^\\w]{128}",
            "(?:a|\\w|\\W){51}",
            ".{255}",
            "[^äöüß]{51}",
        ] {
            Regexp::parse(large).unwrap();
            regex::Regex::new(&format!("(?si){large}")).unwrap();
        }
    }

    proptest! {
        /// The gateway's SQLite compiles with this engine, and has no other answer to
        /// an expression it can't read than an error.
        #[test]
        fn what_is_accepted_compiles(text in "[-ab\\[\\]\\^$.|?*+(){}\\\\dwsn,0-3&~:]{0,24}") {
            if let Ok(it) = Regexp::parse(&text) {
                let engine = regex::Regex::new(&format!("(?s){}", it.source));
                prop_assert!(engine.is_ok(), "{text}: {engine:?}");
            }
        }

        #[test]
        fn every_like_compiles(text in "\\PC{0,64}") {
            if let Ok(like) = Like::parse(&text) {
                prop_assert!(regex::Regex::new(&like.to_regexp()).is_ok());
            }
        }
    }
}
