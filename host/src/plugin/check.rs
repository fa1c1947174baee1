//! Whether a component fits the world. The world is read from the contract itself, so
//! that there is no second list of what the host offers.

use std::collections::{BTreeMap, BTreeSet};

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wit_parser::{PackageName, Resolve, SourceMap, WorldItem, WorldKey};

/// The files of `wit/`, packages before those that use them.
const PACKAGES: &[&[(&str, &str)]] = &[
    &[("deps/io.wit", include_str!("../../../wit/deps/io.wit"))],
    &[(
        "deps/clocks.wit",
        include_str!("../../../wit/deps/clocks.wit"),
    )],
    &[(
        "deps/random.wit",
        include_str!("../../../wit/deps/random.wit"),
    )],
    &[
        ("audit.wit", include_str!("../../../wit/audit.wit")),
        ("blob.wit", include_str!("../../../wit/blob.wit")),
        ("body.wit", include_str!("../../../wit/body.wit")),
        ("content.wit", include_str!("../../../wit/content.wit")),
        ("events.wit", include_str!("../../../wit/events.wit")),
        ("frames.wit", include_str!("../../../wit/frames.wit")),
        ("handler.wit", include_str!("../../../wit/handler.wit")),
        ("http.wit", include_str!("../../../wit/http.wit")),
        ("identity.wit", include_str!("../../../wit/identity.wit")),
        ("inspect.wit", include_str!("../../../wit/inspect.wit")),
        ("inspected.wit", include_str!("../../../wit/inspected.wit")),
        ("lifecycle.wit", include_str!("../../../wit/lifecycle.wit")),
        ("live.wit", include_str!("../../../wit/live.wit")),
        ("log.wit", include_str!("../../../wit/log.wit")),
        ("settings.wit", include_str!("../../../wit/settings.wit")),
        ("source.wit", include_str!("../../../wit/source.wit")),
        ("sql.wit", include_str!("../../../wit/sql.wit")),
        ("task.wit", include_str!("../../../wit/task.wit")),
        ("world.wit", include_str!("../../../wit/world.wit")),
    ],
];

/// The files of the contract, by their paths below `wit/`.
pub fn contract() -> impl Iterator<Item = (&'static str, &'static str)> {
    PACKAGES.iter().copied().flatten().copied()
}

/// Interfaces by their name and compatible version, each with its functions.
type Interfaces = BTreeMap<String, BTreeSet<String>>;

/// What a component may import and must export.
#[derive(Debug)]
pub(super) struct World {
    imports: Interfaces,
    exports: Interfaces,
}

impl World {
    /// The world `service` of `wit/`.
    pub(super) fn service() -> wasmtime::Result<Self> {
        Self::named("service")
    }

    /// The world `inspector` of `wit/`.
    pub(super) fn inspector() -> wasmtime::Result<Self> {
        Self::named("inspector")
    }

    fn named(name: &str) -> wasmtime::Result<Self> {
        let mut resolve = Resolve::default();
        let mut package = None;
        for files in PACKAGES {
            let mut sources = SourceMap::default();
            for (name, text) in *files {
                sources.push_str(name, *text);
            }
            let group = sources
                .parse()
                .map_err(|(_, error)| wasmtime::Error::msg(format!("{error:?}")))?;
            package = Some(resolve.push_group(group).map_err(wasmtime::Error::msg)?);
        }
        let package = package.ok_or_else(|| wasmtime::Error::msg("the contract is empty"))?;
        let world = resolve
            .select_world(&[package], Some(name))
            .map_err(wasmtime::Error::msg)?;
        let world = resolve
            .worlds
            .get(world)
            .ok_or_else(|| wasmtime::Error::msg("no such world"))?;
        Ok(Self {
            imports: interfaces(&resolve, world.imports.iter()),
            exports: interfaces(&resolve, world.exports.iter()),
        })
    }

    /// Everything that keeps `component` from being hosted, one line each; empty when it
    /// fits.
    pub(super) fn misfits(&self, engine: &wasmtime::Engine, component: &Component) -> Vec<String> {
        let kind = component.component_type();
        let mut misfits = Vec::new();
        for (name, item) in kind.imports(engine) {
            let functions = functions(engine, &item.ty);
            match self.imports.get(&compatible(name)) {
                None if functions.is_empty() => misfits.push(format!("imports {name}")),
                None => misfits.extend(functions.iter().map(|f| format!("imports {name}#{f}"))),
                Some(offered) => misfits.extend(
                    functions
                        .difference(offered)
                        .map(|f| format!("imports {name}#{f}")),
                ),
            }
        }
        let exported: Interfaces = kind
            .exports(engine)
            .map(|(name, item)| (compatible(name), functions(engine, &item.ty)))
            .collect();
        for (name, required) in &self.exports {
            let missing = match exported.get(name) {
                None => required.iter().collect::<Vec<_>>(),
                Some(functions) => required.difference(functions).collect(),
            };
            misfits.extend(
                missing
                    .into_iter()
                    .map(|f| format!("does not export {name}#{f}")),
            );
        }
        misfits
    }
}

fn interfaces<'a>(
    resolve: &Resolve,
    items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Interfaces {
    items
        .filter_map(|(_, item)| {
            let WorldItem::Interface { id, .. } = item else {
                return None;
            };
            let name = resolve.id_of(*id)?;
            let functions = &resolve.interfaces.get(*id)?.functions;
            Some((compatible(&name), functions.keys().cloned().collect()))
        })
        .collect()
}

/// The functions of an imported or exported interface. Anything else that a component
/// can import (a core module, a component, a bare function) has none, and no interface's
/// name either.
fn functions(engine: &wasmtime::Engine, item: &ComponentItem) -> BTreeSet<String> {
    let ComponentItem::ComponentInstance(instance) = item else {
        return BTreeSet::new();
    };
    instance
        .exports(engine)
        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The name with its version cut to the part that must be equal.
fn compatible(name: &str) -> String {
    let Some((interface, version)) = name.split_once('@') else {
        return name.to_owned();
    };
    match version.parse() {
        Ok(version) => format!(
            "{interface}@{}",
            PackageName::version_compat_track_string(&version)
        ),
        Err(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_the_contract() {
        let world = World::service().unwrap();
        assert!(world.imports["gateway:plugin/sql@0.1"].contains("query"));
        assert!(world.imports["wasi:random/random@0.2"].contains("get-random-bytes"));
        assert!(!world.imports.keys().any(|name| name.contains("filesystem")));
        assert_eq!(
            world.exports.keys().collect::<Vec<_>>(),
            [
                "gateway:plugin/handler@0.1",
                "gateway:plugin/lifecycle@0.1",
                "gateway:plugin/task@0.1"
            ]
        );
    }

    #[test]
    fn an_inspector_is_offered_its_content_and_the_log() {
        let world = World::inspector().unwrap();
        assert_eq!(
            world.imports.keys().collect::<Vec<_>>(),
            ["gateway:plugin/content@0.1", "gateway:plugin/log@0.1"]
        );
        assert_eq!(
            world.exports.keys().collect::<Vec<_>>(),
            ["gateway:plugin/inspect@0.1"]
        );
    }

    #[test]
    fn everything_that_is_offered_can_be_granted_and_nothing_else() {
        let world = World::service().unwrap();
        let imports: Vec<String> = world.imports.keys().cloned().collect();
        for one in crate::config::GRANTS {
            let (_, rest): (Vec<_>, Vec<_>) = imports.iter().partition(|import| {
                import.contains(&format!("/{one}@")) || import.contains(&format!(":{one}/"))
            });
            assert_ne!(rest.len(), imports.len(), "{one} is not offered");
        }
        // With all of them by name, nothing that is offered is missing.
        let all = crate::config::GRANTS
            .iter()
            .map(|one| toml::Value::from(*one));
        let all: crate::config::Grants = toml::Value::Array(all.collect()).try_into().unwrap();
        assert_eq!(all.missing(&imports), Vec::<String>::new());
    }

    #[test]
    fn versions_are_compared_by_their_compatible_part() {
        assert_eq!(compatible("wasi:io/poll@0.2.3"), "wasi:io/poll@0.2");
        assert_eq!(compatible("a:b/c@1.9.0"), "a:b/c@1");
        assert_eq!(compatible("plain"), "plain");
    }
}
