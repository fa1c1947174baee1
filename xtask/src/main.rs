//! Everything that a person types: `cargo xtask COMMAND`.

mod bench;
mod cargo;
mod chromium;
mod client;
mod debian;
mod dev;
mod gateway;
mod plugin;
mod process;
mod progress;
mod python;
mod rules;
mod run;
mod schemathesis;
mod services;
mod test;
mod token;
mod toolchain;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::cargo::Workspace;
use crate::plugin::Profile;
use crate::services::Services;
use crate::toolchain::{Choice, Toolchain};

#[derive(Parser)]
#[command(name = "cargo xtask", about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Cmd,
    /// The compiler for the guests.
    #[arg(long, global = true, value_enum, default_value_t = Choice::Auto)]
    toolchain: Choice,
}

#[derive(Subcommand)]
enum Cmd {
    /// Build everything and serve the chat on http://127.0.0.1:3000, data in ./data.
    Run {
        /// Further arguments of `gateway serve`, after `--`.
        #[arg(last = true)]
        extra: Vec<String>,
    },
    /// As `run`, and whenever a source of the chat is saved, build it and take it over.
    Dev {
        /// Further arguments of `gateway serve`, after `--`.
        #[arg(last = true)]
        extra: Vec<String>,
    },
    /// Check everything: format, rules, lints, licences, and all tests on all databases.
    Test {
        /// Only the tests whose file or name has this in it, and no other check.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Build the gateway to target/release/gateway, the chat component, and the inspector of
    /// pictures.
    Build,
    /// Build one component to target/plugins/NAME.wasm.
    Plugin {
        /// The guest's package.
        #[arg(default_value = "chat")]
        name: String,
    },
    /// Measure the hosted service against the same code linked natively.
    Bench {
        /// Arguments of the measuring program, after `--`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Swap versions under load from another process, and prove that nothing is lost.
    SoakSwap {
        /// Arguments of the measuring program, such as `--swaps 100` or `--help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Let gateways, NATS and sockets end without a word under load, and prove that no event is
    /// lost.
    SoakEvents {
        /// How often something ends.
        #[arg(long, default_value_t = 100)]
        ends: u32,
    },
    /// Print a token that the gateway of `run` takes.
    Token {
        /// Whom the token is for.
        name: String,
        /// A claim more, or in place of a usual one, such as `tenantId='"acme"'`.
        #[arg(long = "claim", value_name = "KEY=JSON")]
        claims: Vec<String>,
    },
    /// Hold the answers of the finished gateway against the OpenAPI document.
    Schemathesis,
    /// Start throwaway databases, print what the tests are told of them and of the browser,
    /// and stop them on Ctrl-C.
    Services,
}

fn main() -> ExitCode {
    match command(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command(arguments: Arguments) -> Result<()> {
    process::handle_signals()?;
    let workspace = Workspace::load()?;
    let plugin = |name: &str| {
        let toolchain = Toolchain::find(&workspace, arguments.toolchain)?;
        plugin::build(&workspace, &toolchain, Profile::Fast, name)
    };
    match arguments.command {
        Cmd::Run { extra } => {
            plugin("chat")?;
            plugin("pictures")?;
            gateway::build(&workspace, &["gateway"])?;
            let pictures = workspace.plugin(Profile::Fast, "pictures");
            let pictures = pictures.display().to_string();
            let env = [
                ("GATEWAY_INSPECTOR_PICTURES_FILE", pictures.as_str()),
                ("GATEWAY_INSPECTOR_PICTURES_TYPES", "image/*"),
            ];
            run::serve(&workspace, Profile::Fast, &extra, &env, |_| {})
        }
        Cmd::Dev { extra } => {
            let toolchain = Toolchain::find(&workspace, arguments.toolchain)?;
            dev::serve(workspace, toolchain, &extra)
        }
        Cmd::Test { only } => test::run(&workspace, arguments.toolchain, only.as_deref()),
        Cmd::Build => {
            plugin("chat")?;
            plugin("pictures")?;
            gateway::build(&workspace, &["gateway"])
        }
        Cmd::Plugin { name } => plugin(&name),
        Cmd::Bench { arguments } => {
            plugin("chat")?;
            plugin("misfit")?;
            gateway::build(&workspace, &["gateway", "gateway-bench"])?;
            bench::run(&workspace, &arguments)
        }
        Cmd::SoakSwap { mut arguments } => {
            plugin("chat")?;
            plugin("misfit")?;
            gateway::build(&workspace, &["gateway", "gateway-bench"])?;
            arguments.insert(0, "soak-swap".to_owned());
            bench::run(&workspace, &arguments)
        }
        Cmd::SoakEvents { ends } => {
            plugin("misfit")?;
            test::soak_events(&workspace, ends)
        }
        Cmd::Token { name, claims } => token::print(&workspace, &name, &claims),
        Cmd::Schemathesis => schemathesis::run(&workspace),
        Cmd::Services => {
            let services = Services::start(&workspace)?;
            for (variable, url) in services.urls() {
                println!("export {variable}='{url}'");
            }
            println!(
                "export {}='{}'",
                chromium::CHROMIUM,
                chromium::find()?.display()
            );
            println!(
                "export {}='{}'",
                python::TUS,
                python::tus(&workspace)?.display()
            );
            eprintln!("Ctrl-C stops them.");
            loop {
                std::thread::park();
            }
        }
    }
}
