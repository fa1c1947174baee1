//! The host's half of `wit/`: generated types and traits, and nothing else.
//!
//! Capabilities implement the traits and use the generated records as their own
//! types, so that nothing is converted between the guest and a driver.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "service",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:random": wasmtime_wasi::p2::bindings::random,
        "gateway:plugin/sql.transaction": crate::capability::sql::Transaction,
        "gateway:plugin/body.incoming-body": crate::capability::body::IncomingBody,
        "gateway:plugin/body.form": crate::capability::body::Form,
        "gateway:plugin/download.download": crate::capability::blob::Download,
        "gateway:plugin/live.subscription": crate::capability::events::Subscription,
    },
});

pub use self::exports::gateway::plugin::{lifecycle, task};
pub use self::gateway::plugin::{
    audit, blob, body, download, events, http, identity, live, log, settings, source, sql,
};

/// What a service may export beside its world: where reports on content go.
mod reporting {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "inspected-service",
        exports: { default: async },
    });
}

/// What a service may export beside its world: where the frames of clients go.
mod framing {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "framed-service",
        exports: { default: async },
    });
}

/// The world of those that look into content.
mod looking {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "inspector",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "gateway:plugin/log": super::gateway::plugin::log,
        },
    });
}

pub use self::framing::exports::gateway::plugin::frames;
pub use self::looking::exports::gateway::plugin::inspect;
pub use self::looking::gateway::plugin::content;
pub use self::looking::{Inspector, InspectorPre};
pub use self::reporting::exports::gateway::plugin::inspected;
