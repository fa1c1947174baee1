//! Which components are hosted, and what the others are told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use gateway::config::{Optimize, Plugin};
use gateway::plugin::{Engine, LoadError, Loaded};
use gateway_tests::server::component;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// An engine with room for a component within the default limits.
fn engine(folder: &Path) -> Engine {
    let settings = Plugin::with_defaults("unused.wasm".into()).unwrap();
    Engine::new([&settings], Optimize::Speed, &folder.join("cache")).unwrap()
}

/// Compiles a component whose world is `wit`, and lists what keeps it from being hosted.
fn misfits(wit: &str) -> Vec<String> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let bytes = ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.wasm");
    std::fs::write(&file, bytes).unwrap();
    let engine = engine(folder.path());
    Loaded::from_file(&engine, &file)
        .unwrap()
        .misfits(&engine)
        .unwrap()
}

#[test]
fn every_missing_import_and_export_is_named() {
    let misfits = misfits(
        "package test:test;
         interface sockets { connect: func(to: string); listen: func(); }
         world greedy { import sockets; import bare: func(); }",
    );
    assert_eq!(
        misfits,
        [
            "imports test:test/sockets#connect",
            "imports test:test/sockets#listen",
            "imports bare",
            "does not export gateway:plugin/handler@0.1#handle",
            "does not export gateway:plugin/lifecycle@0.1#migrations",
            "does not export gateway:plugin/lifecycle@0.1#smoke",
            "does not export gateway:plugin/task@0.1#step",
            "does not export gateway:plugin/task@0.1#tasks",
        ]
    );
}

#[test]
fn a_function_that_an_offered_interface_lacks_is_named() {
    let misfits = misfits(
        "package gateway:plugin@0.1.0;
         interface identity { claims: func() -> option<string>; impersonate: func(who: string); }
         world newer { import identity; }",
    );
    assert_eq!(
        misfits[0],
        "imports gateway:plugin/identity@0.1.0#impersonate"
    );
}

#[test]
fn the_chat_component_fits() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let chat = Loaded::from_file(&engine, &component("chat")).unwrap();
    assert_eq!(chat.misfits(&engine).unwrap(), Vec::<String>::new());
    assert_eq!(chat.facts().name.as_deref(), Some("chat"));
    assert!(chat.facts().version.is_some());
}

#[test]
fn what_is_no_component_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    for bytes in [b"".as_slice(), b"hello", b"\0asm\x01\0\0\0"] {
        let file = folder.path().join("rubbish.wasm");
        std::fs::write(&file, bytes).unwrap();
        let error = Loaded::from_file(&engine, &file).unwrap_err();
        assert!(matches!(error, LoadError::Invalid { .. }), "{error}");
        assert!(error.to_string().contains("rubbish.wasm"), "{error}");
    }
}
