//! The `nats` program: everything is in the library, so that tests and generators can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    nats_cli::main(std::env::args_os())
}
