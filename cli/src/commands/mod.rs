//! One command is one file: an `Args` struct (its doc comment is the help, with an example at its end) and one
//! `run(globals, args)` function. Groups of commands are folders whose `mod.rs` holds nothing but their registry.
//!
//! A new command is a file, a `mod` line and a line in its registry below.

/// Declares the commands of a group: `Variant(module)` stands for `module::Args` and `module::run`.
#[macro_export]
macro_rules! registry {
    ($(#[$meta:meta])* $name:ident { $($(#[$attribute:meta])* $variant:ident($($module:ident)::+),)* }) => {
        $(#[$meta])*
        #[derive(Debug, clap::Subcommand)]
        // Made once in the life of the program.
        #[allow(clippy::large_enum_variant)]
        pub enum $name {
            $($(#[$attribute])* $variant($($module)::+::Args),)*
        }

        impl $name {
            /// Runs the chosen command.
            pub async fn run(self, globals: &$crate::globals::Globals) -> $crate::error::Result {
                match self {
                    // Boxed: every command's future would otherwise be as large as the largest one.
                    $(Self::$variant(args) => Box::pin($($module)::+::run(globals, args)).await,)*
                }
            }
        }
    };
}

// Below the macro: what is declared above it cannot use it.
mod account;
pub(crate) mod auth;
mod bench;
mod cheat;
mod consumer;
mod context;
mod counter;
mod errors;
mod events;
mod kv;
mod latency;
mod object;
mod plugins;
mod publish;
mod reply;
pub mod request;
mod rtt;
mod schema;
mod server;
mod service;
mod stream;
mod subscribe;
mod trace;
mod up;

registry! {
    /// All commands, in the order of `nats --help`.
    Root {
        Account(account),
        Auth(auth),
        Bench(bench),
        Cheat(cheat),
        Consumer(consumer),
        Context(context),
        Counter(counter),
        Errors(errors),
        Events(events),
        Kv(kv),
        Latency(latency),
        Object(object),
        Plugins(plugins),
        Publish(publish),
        Reply(reply),
        Request(request),
        Rtt(rtt),
        Schema(schema),
        Server(server),
        Service(service),
        Stream(stream),
        Subscribe(subscribe),
        Trace(trace),
        Up(up),
    }
}

/// Bytes for people; what a server reports as less than nothing is nothing.
pub(crate) fn size(bytes: i64) -> String {
    crate::output::format::bytes(u64::try_from(bytes).unwrap_or(0))
}
