//! Which plugin answers below which path.

use std::sync::Arc;

use crate::deployment::Service;

/// The plugins by mount point, the longest first.
#[derive(Debug, Default)]
pub struct Mounts(Vec<(String, Arc<Service>)>);

impl Mounts {
    /// Mounts each plugin where its configuration says.
    pub fn new(plugins: impl IntoIterator<Item = Arc<Service>>) -> Self {
        let mut mounts: Vec<_> = plugins
            .into_iter()
            .map(|plugin| {
                (
                    plugin.config().mount.trim_end_matches('/').to_owned(),
                    plugin,
                )
            })
            .collect();
        mounts.sort_by_key(|(mount, _)| std::cmp::Reverse(mount.len()));
        Self(mounts)
    }

    /// The plugin that answers `path`, and the path below its mount.
    #[must_use]
    pub fn find<'a, 'p>(&'a self, path: &'p str) -> Option<(&'a Service, &'p str)> {
        self.0
            .iter()
            .find_map(|(mount, plugin)| Some((&**plugin, below(path, mount)?)))
    }
}

/// The part of `path` below `mount`, which begins with `/`; none when it is elsewhere.
fn below<'p>(path: &'p str, mount: &str) -> Option<&'p str> {
    match path.strip_prefix(mount)? {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn a_mount_ends_at_a_slash() {
        assert_eq!(below("/messages", ""), Some("/messages"));
        assert_eq!(below("/talk/messages", "/talk"), Some("/messages"));
        assert_eq!(below("/talk", "/talk"), Some("/"));
        assert_eq!(below("/talks", "/talk"), None);
        assert_eq!(below("/", "/talk"), None);
        assert_eq!(below("*", ""), None);
    }
}
