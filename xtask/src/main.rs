//! Everything that a person types: `cargo xtask COMMAND`.

mod cargo;
mod debian;
mod plugin;
mod process;
mod progress;
mod toolchain;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::cargo::Workspace;
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
    /// Build one component to target/plugins/NAME.wasm.
    Plugin {
        /// The guest's package.
        #[arg(default_value = "chat")]
        name: String,
    },
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
    match arguments.command {
        Cmd::Plugin { name } => {
            let toolchain = Toolchain::find(&workspace, arguments.toolchain)?;
            plugin::build(&workspace, &toolchain, &name)?;
        }
    }
    Ok(())
}
