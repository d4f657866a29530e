//! `nats service list`.

use nats_api::micro::Info;

use super::discovery;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::{self, Table};

/// List services, or the instances of one
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ls",
    alias = "l",
    after_help = "Examples:\n  \
        nats service list\n  \
        nats service list demo --json"
)]
pub struct Args {
    /// Name of a service
    #[arg(value_name = "NAME")]
    service: Option<String>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let infos = discovery::infos(globals, &client, args.service.as_deref(), None, false).await?;
    if args.json {
        return output::json(&infos);
    }
    if infos.is_empty() {
        return outln!("No results received");
    }
    let title = args.service.map_or("All Services".to_owned(), |name| {
        format!("{name} Service Instances")
    });
    outln!("{}", table(title, &infos, globals).render())
}

/// What is as in the row above is left out.
fn table(title: String, infos: &[Info], globals: &Globals) -> Table {
    let mut table =
        Table::new(title, globals.scheme()).header(["Name", "Version", "ID", "Description"]);
    let mut above: Option<&Info> = None;
    for info in infos {
        let unless_repeated = |text: &str, of: fn(&Info) -> &str| {
            let repeated = above.is_some_and(|above| of(above) == text);
            if repeated {
                String::new()
            } else {
                text.to_owned()
            }
        };
        table.row([
            unless_repeated(&info.name, |info| &info.name),
            unless_repeated(&info.version, |info| &info.version),
            info.id.clone(),
            unless_repeated(&info.description, |info| &info.description),
        ]);
        above = Some(info);
    }
    table
}
