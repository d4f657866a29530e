//! `nats-server`: flags, then options, then run, then the exit code.

use std::process::ExitCode;

use nats_server::Server;
use nats_server::options::Options;

fn main() -> ExitCode {
    let mut options = Options::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next()) {
            ("-p", Some(port)) => options.listen.port = port.parse().unwrap_or(0),
            ("-a", Some(host)) => options.listen.host = host,
            (other, _) => {
                eprintln!("nats-server: unknown argument {other}");
                return ExitCode::FAILURE;
            }
        }
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("nats-server: cannot start: {e}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match Server::builder().options(options).start().await {
            Ok(server) => {
                let _ = tokio::signal::ctrl_c().await;
                server.shutdown().await;
                ExitCode::SUCCESS
            }
            Err(e) => {
                eprintln!("nats-server: {e}");
                ExitCode::FAILURE
            }
        }
    })
}
