//! What is looked for: words, all of which have to be there.

/// Words of letters and digits, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words(Vec<String>);

/// Words of one search, at most.
const MOST: usize = 10;
/// The longest word, in characters.
const LONGEST: usize = 64;

impl Words {
    /// Splits a text as the indexes split messages: at everything that is no letter and no
    /// digit. None when there is no word in it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let words = text.split(|char: char| !char.is_alphanumeric());
        let words = words.filter(|word| !word.is_empty()).take(MOST);
        let words: Vec<_> = words
            .map(|word| {
                word.chars()
                    .take(LONGEST)
                    .collect::<String>()
                    .to_lowercase()
            })
            .collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// Each a prefix: `"car"* "red"*`.
    pub(crate) fn for_sqlite(&self) -> String {
        self.joined(" ", |word| format!("\"{word}\"*"))
    }

    /// `car:* & red:*`.
    pub(crate) fn for_postgres(&self) -> String {
        self.joined(" & ", |word| format!("'{word}':*"))
    }

    /// `+car* +red*`.
    pub(crate) fn for_mysql(&self) -> String {
        self.joined(" ", |word| format!("+{word}*"))
    }

    fn joined(&self, between: &str, write: impl Fn(&str) -> String) -> String {
        let words: Vec<_> = self.0.iter().map(|word| write(word)).collect();
        words.join(between)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_an_operator() {
        let words = Words::read(r#" Red -"CAR"* & (x:y) | !ü' "#).unwrap();
        assert_eq!(words.for_sqlite(), r#""red"* "car"* "x"* "y"* "ü"*"#);
        assert_eq!(
            words.for_postgres(),
            "'red':* & 'car':* & 'x':* & 'y':* & 'ü':*"
        );
        assert_eq!(words.for_mysql(), "+red* +car* +x* +y* +ü*");
        for nothing in ["", "  ", "-\"*&|!:()'<>~@+", "😀"] {
            assert_eq!(Words::read(nothing), None, "{nothing}");
        }
        let many = Words::read(&"a ".repeat(50)).unwrap();
        assert_eq!(many.0.len(), MOST);
    }
}
