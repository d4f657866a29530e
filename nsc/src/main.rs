//! The `nsc` program: everything is in the library, so that tests and other programs can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    nats_nsc::commands::main(std::env::args_os())
}
