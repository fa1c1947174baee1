//! Cuts SQL text into words, as the three databases themselves do.
//!
//! It has to agree with the database on where a string, a quoted name or a comment
//! ends: what the lexer takes for a string and the server for a statement would pass
//! every check. So what only some servers or settings read that way is refused rather
//! than guessed. The connections fix the settings that matter: PostgreSQL runs with
//! `standard_conforming_strings = on`, MySQL with `ANSI_QUOTES` and without
//! `NO_BACKSLASH_ESCAPES`.

use crate::contract::sql::Dialect;

/// What a piece of text is. Blanks and comments are no pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes; [`Token::name`] is what stands between them.
    Quoted,
    /// A string of any form.
    String,
    /// A number.
    Number,
    /// `?`
    Placeholder,
    /// `;`
    Semicolon,
    /// One character of anything else.
    Symbol,
}

/// One piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its text, quotes included.
    pub(crate) text: &'a str,
    /// Where it starts, in bytes.
    pub(crate) start: usize,
}

impl<'a> Token<'a> {
    /// The text without the quotes around it.
    pub(crate) fn name(&self) -> &'a str {
        match self.kind {
            Kind::Quoted => inside(self.text),
            Kind::String => self.text.find('\'').map_or(self.text, |quote| {
                inside(self.text.get(quote..).unwrap_or_default())
            }),
            _ => self.text,
        }
    }

    /// Whether it is this keyword.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Where it ends, in bytes.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

fn inside(quoted: &str) -> &str {
    quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default()
}

/// Text that can't be read, or that a plugin may not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub(crate) struct Unreadable {
    /// What is wrong.
    pub(crate) what: &'static str,
    /// Where, in bytes.
    pub(crate) at: usize,
}

/// Gives the pieces of a text, one after another; ends after the first error.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
    /// The last piece was `E'…'`, which goes on in a string on a later line.
    after_escaped: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(dialect: Dialect, text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            dialect,
            after_escaped: false,
        }
    }

    /// The byte `ahead` of here; 0 after the end. The text itself holds no 0.
    fn peek(&self, ahead: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.at + ahead)
            .copied()
            .unwrap_or(0)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn refuse(&self, what: &'static str, at: usize) -> Unreadable {
        Unreadable { what, at }
    }

    /// Goes on behind the next `end`, or says that it never comes.
    fn skip_past(&mut self, end: &str, what: &'static str) -> Result<(), Unreadable> {
        match self.rest().find(end) {
            Some(found) => self.at += found + end.len(),
            None => return Err(self.refuse(what, self.at)),
        }
        Ok(())
    }

    fn skip_blanks(&mut self) -> Result<(), Unreadable> {
        loop {
            match (self.peek(0), self.peek(1)) {
                // MySQL wants a blank behind the two dashes: `1--1` is a subtraction.
                (b'-', b'-')
                    if self.dialect != Dialect::Mysql
                        || matches!(self.peek(2), 0..=b' ' | 0x7f) =>
                {
                    self.skip_line();
                }
                (b'#', _) if self.dialect == Dialect::Mysql => self.skip_line(),
                (b'/', b'*') => self.skip_comment()?,
                (b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c', _) => self.at += 1,
                (0, _) if self.at < self.text.len() => {
                    return Err(self.refuse("a NUL byte", self.at));
                }
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        let ends: &[char] = match self.dialect {
            Dialect::Postgres => &['\n', '\r'],
            Dialect::Sqlite | Dialect::Mysql => &['\n'],
        };
        self.at += self.rest().find(ends).unwrap_or(self.rest().len());
    }

    fn skip_comment(&mut self) -> Result<(), Unreadable> {
        let start = self.at;
        if self.dialect == Dialect::Mysql
            && matches!(
                (self.peek(2), self.peek(3)),
                (b'!' | b'+', _) | (b'M' | b'm', b'!')
            )
        {
            return Err(self.refuse("a comment that the server executes", start));
        }
        let mut depth = 1_usize;
        self.at += 2;
        while depth > 0 {
            match (self.peek(0), self.peek(1)) {
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                }
                (b'/', b'*') if self.dialect == Dialect::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                _ if self.at >= self.text.len() => {
                    return Err(self.refuse("a comment without end", start));
                }
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    /// A quoted name or a string: from the quote here to its partner. A doubled quote
    /// stands for itself; after a backslash, if those count, so does any character.
    fn quoted(&mut self, backslash: bool) -> Result<(), Unreadable> {
        let start = self.at;
        let quote = self.peek(0);
        self.at += 1;
        loop {
            match self.peek(0) {
                byte if byte == quote && self.peek(1) == quote => self.at += 2,
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' if backslash && self.at + 1 < self.text.len() => self.at += 2,
                _ if self.at >= self.text.len() => {
                    return Err(self.refuse("a quote without its partner", start));
                }
                _ => self.at += 1,
            }
        }
    }

    fn string(&mut self, escaped: bool) -> Result<Kind, Unreadable> {
        if self.after_escaped {
            return Err(self.refuse("a string right behind another", self.at));
        }
        self.quoted(escaped || self.dialect == Dialect::Mysql)?;
        self.after_escaped = escaped;
        Ok(Kind::String)
    }

    fn word(&mut self) -> Result<Kind, Unreadable> {
        let start = self.at;
        while is_name(self.peek(0)) || self.peek(0) == b'$' {
            self.at += 1;
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        if self.dialect != Dialect::Postgres {
            return Ok(Kind::Word);
        }
        match self.peek(0) {
            b'\'' if word.eq_ignore_ascii_case("e") => self.string(true),
            b'&' if word.eq_ignore_ascii_case("u") && matches!(self.peek(1), b'"' | b'\'') => {
                Err(self.refuse("U& and a quote", start))
            }
            _ => Ok(Kind::Word),
        }
    }

    /// A number, read generously: `1`, `.5`, `1.5e-3`, `0x1F`. Letters that follow it
    /// are refused, since some servers begin a new word there and others don't.
    fn number(&mut self) -> Result<Kind, Unreadable> {
        let start = self.at;
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X') {
            self.at += 2;
            while self.peek(0).is_ascii_hexdigit() {
                self.at += 1;
            }
        } else {
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            if self.peek(0) == b'.' {
                self.at += 1;
                while self.peek(0).is_ascii_digit() {
                    self.at += 1;
                }
            }
            let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if matches!(self.peek(0), b'e' | b'E') && self.peek(1 + sign).is_ascii_digit() {
                self.at += 1 + sign;
                while self.peek(0).is_ascii_digit() {
                    self.at += 1;
                }
            }
        }
        if is_name(self.peek(0)) || self.peek(0) == b'$' {
            return Err(self.refuse("a number that runs into a word", start));
        }
        Ok(Kind::Number)
    }

    /// `$tag$ … $tag$` on PostgreSQL. Numbered and named parameters are refused: the
    /// placeholder is `?`.
    fn dollar(&mut self) -> Result<Kind, Unreadable> {
        let start = self.at;
        let tag = self.rest().get(1..).and_then(|rest| {
            let end = rest.find('$')?;
            let tag = rest.get(..end)?;
            let named = tag.bytes().all(is_name) && !tag.starts_with(|c: char| c.is_ascii_digit());
            named.then(|| self.rest().get(..end + 2)).flatten()
        });
        match tag {
            Some(tag) if self.dialect == Dialect::Postgres => {
                self.at += tag.len();
                self.skip_past(tag, "a dollar quote without its partner")?;
                Ok(Kind::String)
            }
            _ => Err(self.refuse("a parameter other than `?`", start)),
        }
    }

    fn token(&mut self) -> Result<Option<Token<'a>>, Unreadable> {
        self.skip_blanks()?;
        let start = self.at;
        let after_escaped = self.after_escaped;
        let kind = match self.peek(0) {
            0 => return Ok(None),
            b'\'' => self.string(false)?,
            b'"' => {
                self.quoted(false)?;
                Kind::Quoted
            }
            b'`' if self.dialect != Dialect::Postgres => {
                self.quoted(false)?;
                Kind::Quoted
            }
            b'[' if self.dialect == Dialect::Sqlite => {
                self.skip_past("]", "a bracket without its partner")?;
                Kind::Quoted
            }
            b'?' => {
                self.at += 1;
                if is_name(self.peek(0)) || self.peek(0) == b'$' {
                    return Err(self.refuse("a numbered or named parameter", start));
                }
                Kind::Placeholder
            }
            b'$' => self.dollar()?,
            b'@' if self.dialect != Dialect::Postgres => {
                return Err(self.refuse("a variable", start));
            }
            b':' if self.dialect == Dialect::Sqlite => {
                return Err(self.refuse("a parameter other than `?`", start));
            }
            b';' => {
                self.at += 1;
                Kind::Semicolon
            }
            b'0'..=b'9' => self.number()?,
            b'.' if self.peek(1).is_ascii_digit() => self.number()?,
            byte if is_name(byte) => self.word()?,
            _ => {
                self.at += 1;
                Kind::Symbol
            }
        };
        if after_escaped {
            self.after_escaped = false;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Some(Token { kind, text, start }))
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Result<Token<'a>, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let token = self.token().transpose();
        if matches!(token, Some(Err(_))) {
            self.at = self.text.len();
        }
        token
    }
}

/// Whether a byte may stand in a name; a name never starts with a digit, since numbers
/// are looked for first.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
