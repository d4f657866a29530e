//! `nats-server`: flags, then options, then run, then the exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use nats_server::options::Options;

fn main() -> ExitCode {
    let mut config: Option<PathBuf> = None;
    let mut changes: Vec<Box<dyn Fn(&mut Options) + Send + Sync>> = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-D" => changes.push(Box::new(|o| o.logging.debug = true)),
            "-p" | "-a" | "-c" | "--ports_file_dir" => {
                let Some(v) = args.next() else {
                    return fail("missing value");
                };
                match arg.as_str() {
                    "-p" => changes.push(Box::new(move |o| o.listen.port = v.parse().unwrap_or(0))),
                    "-a" => changes.push(Box::new(move |o| o.listen.host = v.clone())),
                    "-c" => config = Some(v.into()),
                    _ => changes.push(Box::new(move |o| o.ports_file_dir = Some(v.clone().into()))),
                }
            }
            other => return fail(&format!("unknown argument {other}")),
        }
    }
    let read = move || {
        let mut options = match &config {
            Some(path) => Options::from_file(path).map_err(|e| e.to_string())?.options,
            None => Options::default(),
        };
        changes.iter().for_each(|c| c(&mut options));
        if let Some(missing) = options.unavailable().first() {
            return Err(missing.to_string());
        }
        Ok(options)
    };
    let options = match read() {
        Ok(options) => options,
        Err(e) => return fail(&e),
    };
    let log = match nats_server::log::install(&options.logging) {
        Ok(log) => log,
        Err(e) => return fail(&e.to_string()),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => return fail(&e.to_string()),
    };
    match runtime.block_on(nats_server::server::run(options, Box::new(read), log)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tracing::error!(target: "fatal", "{e}");
            ExitCode::FAILURE
        }
    }
}

fn fail(text: &str) -> ExitCode {
    eprintln!("nats-server: {text}");
    ExitCode::FAILURE
}
