//! The gateway's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::cli::main()
}
