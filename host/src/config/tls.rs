//! What the settings of TLS must be, to each other and in the files they name.

use super::error::ConfigError;
use super::layers::Layers;
use super::{Config, Tls};
use crate::server::tls;

/// The tables of settings, one a listener.
const SECTIONS: [&str; 2] = ["server.tls", "admin.tls"];

/// Whether a key means nothing, because its listener has no certificate.
pub(super) fn is_unused(layers: &Layers, key: &str) -> bool {
    SECTIONS.iter().any(|section| {
        let is_inside = key
            .strip_prefix(section)
            .is_some_and(|rest| rest.starts_with('.'));
        is_inside && layers.get(&format!("{section}.certificate")).is_none()
    })
}

/// A certificate and its key come together, and so do authorities and what to ask of
/// clients: a listener that is less safe than its operator meant must not start.
pub(super) fn is_complete(layers: &Layers) -> Result<(), ConfigError> {
    for section in SECTIONS {
        let key = |name: &str| format!("{section}.{name}");
        let has = |name: &str| layers.get(&key(name)).is_some();
        let asks = layers.text(&key("client_auth")) != Some("off");
        let missing = |name: &str, other: &str| {
            Err(ConfigError::Conflict {
                place: layers.name(&key(name)),
                reason: format!("it does nothing without {section}.{other}; set that as well"),
            })
        };
        match (has("certificate"), has("key"), has("client_ca")) {
            (true, false, _) => return missing("certificate", "key"),
            (false, true, _) => return missing("key", "certificate"),
            (false, _, true) => return missing("client_ca", "certificate"),
            (false, ..) if asks => return missing("client_auth", "certificate"),
            (true, _, false) if asks => return missing("client_auth", "client_ca"),
            (true, _, true) if !asks => {
                return Err(ConfigError::Conflict {
                    place: layers.name(&key("client_ca")),
                    reason: format!(
                        "it does nothing while {section}.client_auth is off; set that to \
                         optional or required"
                    ),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The files may change later; the first ones must be good.
pub(super) fn check(config: &Config, layers: &Layers) -> Result<(), ConfigError> {
    let listeners: [&Option<Tls>; 2] = [&config.server.tls, &config.admin.tls];
    for (section, tls) in SECTIONS.into_iter().zip(listeners) {
        let Some(tls) = tls else { continue };
        tls::check(section, tls).map_err(|error| ConfigError::Conflict {
            place: layers.name(&format!("{section}.{}", error.part)),
            reason: error.reason,
        })?;
    }
    Ok(())
}
