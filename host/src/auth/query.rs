//! Tokens in the URL.

use percent_encoding::percent_decode_str;

use super::TokenError;

/// The parameter that RFC 6750 has for tokens.
const PARAMETER: &str = "access_token";

/// Refuses a token in the query: URLs end up in logs and histories. Ignoring it would
/// hand it on, and would hide from its sender that it has leaked.
///
/// # Errors
/// When there is one.
pub fn refuse(query: Option<&str>) -> Result<(), TokenError> {
    let mut names = query.unwrap_or_default().split('&').map(|parameter| {
        parameter
            .split_once('=')
            .map_or(parameter, |(name, _)| name)
    });
    let is_token = |name: &str| {
        name == PARAMETER || name.contains('%') && percent_decode_str(name).eq(PARAMETER.bytes())
    };
    match names.any(is_token) {
        true => Err(TokenError::InQuery),
        false => Ok(()),
    }
}
