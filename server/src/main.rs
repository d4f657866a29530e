//! `nats-server`: flags, then options, then run, then the exit code.

use std::process::ExitCode;

use nats_conf::System;
use nats_server::options::{self, Command, CommandError, Startup};
use nats_server::server::{self, VERSION};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match options::parse_args(&args, &System) {
        Ok(Command::Run(startup)) => run(*startup),
        Ok(Command::Valid(text)) => {
            eprintln!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Command::Print(text)) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Command::Version) => {
            println!("nats-server: v{VERSION} ({})", server::build_label());
            ExitCode::SUCCESS
        }
        Ok(Command::Usage { error, usage }) => {
            // The reference ends with 0 here, and scripts have come to know it.
            eprintln!("{error}");
            println!("{usage}");
            ExitCode::SUCCESS
        }
        Ok(Command::Signal(signal, target)) => match options::signal::send(signal, &target) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => fail(&CommandError::from(e)),
        },
        Err(e) => fail(&e),
    }
}

fn run(startup: Startup) -> ExitCode {
    let Startup {
        options,
        warnings,
        flags,
    } = startup;
    for warning in &warnings {
        eprintln!("{warning}");
    }
    let log = match nats_server::log::install(&options.logging) {
        Ok(log) => log,
        Err(e) => return fail(&e),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => return fail(&e),
    };
    let read_again = move || {
        let loaded = flags.load(&System).map_err(|e| e.to_string())?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        Ok(loaded.options)
    };
    match runtime.block_on(server::run(options, Box::new(read_again), log)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tracing::error!(target: nats_server::log::FATAL, "{e}");
            ExitCode::FAILURE
        }
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("nats-server: {error}");
    ExitCode::FAILURE
}
