//! Why a token is refused: the cause for the log, the answer for the client.

/// Why a token is refused. The text is for the log and holds nothing of the token but
/// claim names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// More than one `Authorization` header.
    #[error("more than one authorization header")]
    Repeated,
    /// Not `Bearer`.
    #[error("the authorization scheme is not Bearer")]
    Scheme,
    /// Longer than `auth.max_token_bytes`.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url with JSON inside.
    #[error("the token is malformed")]
    Malformed,
    /// It stands in the URL.
    #[error("the token is in the query, not in the authorization header")]
    InQuery,
    /// It is encrypted, or holds another token.
    #[error("the token is encrypted or holds another one")]
    Nested,
    /// It demands an extension that nobody here knows.
    #[error("the token has a critical header")]
    CriticalHeader,
    /// An algorithm that no key can have, `none` among them.
    #[error("the token's algorithm is not supported")]
    Algorithm,
    /// No key has this algorithm and id.
    #[error("no key fits the token's algorithm and key id")]
    UnknownKey,
    /// A source of keys that may have the token's has not answered yet, or not for too
    /// long. It says nothing about the token.
    #[error("no keys can be had to check the token with")]
    NoKeys,
    /// No fitting key made the signature.
    #[error("the token's signature is wrong")]
    Signature,
    /// The claims are nested too deeply.
    #[error("the token's claims are nested too deeply")]
    TooDeep,
    /// A claim of the wrong type, or out of range.
    #[error("the claim {0} has the wrong type or range")]
    Claim(&'static str),
    /// A claim that must be there is not.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Another `iss` than the configured one.
    #[error("the token is of another issuer")]
    Issuer,
    /// The configured audience is not in `aud`.
    #[error("the token is for another audience")]
    Audience,
    /// `passwordExpiryTime` is past.
    #[error("the caller's password has expired")]
    PasswordExpired,
}

impl TokenError {
    /// The text of the answer. As the original service does, it says `TokenExpired`
    /// whatever was wrong: clients look for it to renew their token, and nobody learns
    /// how close a forged one came.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Scheme | Self::Repeated | Self::InQuery => "Bearer realm=\"Users\"",
            Self::PasswordExpired => "PasswordExpiryError",
            Self::NoKeys => "Tokens cannot be checked now, try again",
            _ => "TokenExpired",
        }
    }
}
