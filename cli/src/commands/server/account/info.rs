//! `nats server account info`.

use std::time::Duration;

use nats_api::monitor::accountz::{AccountExport, AccountImport, AccountInfo, MapDest};
use nats_api::monitor::{Accountz, AccountzOptions};
use nats_api::system::EventFilter;
use nats_api::time::Timestamp;

use super::super::ask::{self, Whom};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Columns, format};

/// Show everything about one account
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "i",
    after_help = "Examples:\n  \
        nats server account info APP\n  \
        nats server account info APP --json"
)]
pub struct Args {
    /// Name of the account; its public key where accounts come from tokens
    account: String,

    /// Ask the server with this name
    #[arg(long, value_name = "NAME")]
    host: Option<String>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let options = AccountzOptions {
        account: args.account.clone(),
    };
    let whom = Whom {
        filter: EventFilter {
            exact_match: args.host.is_some(),
            server_name: args.host.unwrap_or_default(),
            ..EventFilter::default()
        },
        expected: Some(1),
    };
    let pages = ask::pages::<Accountz>(globals, &client, "ACCOUNTZ", &options, &whom).await?;
    let found = pages.into_iter().find_map(|(_, page)| page.account_detail);
    let info = found.ok_or_else(|| {
        CliError::new("no account information received")
            .next_step("see which accounts there are: nats server report accounts")
    })?;
    if args.json {
        return output::json(&info);
    }
    out!("{}", view(&info, globals.scheme()).render())
}

fn view(info: &AccountInfo, scheme: Scheme) -> Columns {
    let heading = format!("Account information for account {}", info.account_name);
    let mut columns = Columns::new(heading, scheme);
    columns.section("Details");
    columns.row("Complete", info.complete);
    columns.row("Expired", info.expired);
    columns.row("System Account", info.is_system);
    columns.row("Updated", moment(info.update_time));
    columns.row("JetStream", info.jetstream_enabled);
    columns.row_unless_empty("Issuer", &info.issuer_key);
    columns.row_unless_empty("Tag", &info.name_tag);
    columns.row_unless_empty("Tags", &info.tags.join(", "));
    if !info.mappings.is_empty() {
        columns.section("Mappings");
        for (subject, destinations) in &info.mappings {
            mapping(&mut columns, subject, destinations);
        }
    }
    if !info.imports.is_empty() {
        columns.section("Imports");
        info.imports.iter().for_each(|i| import(&mut columns, i));
    }
    if !info.exports.is_empty() {
        columns.section("Exports");
        info.exports.iter().for_each(|e| export(&mut columns, e));
    }
    if !info.responses.is_empty() {
        columns.section("Responses");
        info.responses
            .values()
            .for_each(|i| import(&mut columns, i));
    }
    if !info.revoked_user.is_empty() {
        columns.section("Revoked Users");
        for (user, at) in &info.revoked_user {
            columns.row(user, moment(*at));
        }
    }
    columns
}

fn moment(at: Timestamp) -> String {
    if at.is_never() {
        return "never".to_owned();
    }
    let time = jiff::Timestamp::from(at);
    let ago = jiff::Timestamp::now().duration_since(time);
    let ago = Duration::try_from(ago).unwrap_or_default();
    format!("{} ({} ago)", format::time(time), format::duration(ago))
}

fn mapping(columns: &mut Columns, subject: &str, destinations: &[MapDest]) {
    columns.indent(2);
    columns.text(subject);
    columns.indent(4);
    for destination in destinations {
        let mut text = destination.subject.clone();
        if !destination.cluster.is_empty() {
            text += &format!(" in cluster {}", destination.cluster);
        }
        if destination.weight != 100 {
            text += &format!(" with weight {}", destination.weight);
        }
        columns.row("Destination", text);
    }
    columns.indent(0);
    columns.text("");
}

fn import(columns: &mut Columns, import: &AccountImport) {
    let (subject, account) = (&import.subject, &import.account);
    let text = match import.local_subject.as_str() {
        "" => format!("{subject} from account {account}"),
        local if local == subject => format!("{subject} from account {account}"),
        local => format!("{local} from subject {subject} in account {account}"),
    };
    columns.row_unless_empty("Name", &import.name);
    columns.row("Subject", text);
    columns.row("Type", import.import_type.as_str());
    columns.row("Sharing", import.share);
    columns.row("Tracking", import.tracking);
    columns.row_if(import.invalid, "Invalid", true);
    columns.text("");
}

/// Accounts that are listed of one export; `--json` has them all.
const ACCOUNTS_SHOWN_MAX: usize = 20;

fn export(columns: &mut Columns, export: &AccountExport) {
    columns.row_unless_empty("Name", &export.name);
    columns.row("Subject", export.subject.as_str());
    columns.row("Type", export.export_type.as_str());
    columns.row("Tokens Required", export.token_req);
    columns.row_unless_empty("Response Type", &export.response_type);
    let threshold = Duration::from_nanos(export.response_threshold.0.unsigned_abs());
    columns.row_if(!threshold.is_zero(), "Response Threshold", threshold);
    columns.row_unless_empty("Description", &export.description);
    columns.row_unless_empty("Info URL", &export.info_url);
    let position = i64::from(export.account_token_position);
    columns.row_if(position > 0, "Account Token Pos", position);
    few(columns, "Accounts", export.approved_accounts.iter());
    few(columns, "Revocations", export.revocations.keys());
    columns.text("");
}

fn few<'a>(columns: &mut Columns, label: &str, values: impl ExactSizeIterator<Item = &'a String>) {
    let count = values.len();
    let mut shown: Vec<String> = values.take(ACCOUNTS_SHOWN_MAX).cloned().collect();
    if count > shown.len() {
        shown.push(format!("and {} more: --json", count - shown.len()));
    }
    columns.rows(label, shown);
}
