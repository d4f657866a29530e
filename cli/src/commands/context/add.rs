//! `nats context add`.

use nats_client::context::{Context, Store};

use super::show;
use crate::error::Result;
use crate::globals::Globals;

/// Create or change a context
///
/// The settings come from the global flags. Changing a context keeps the settings that are not given; a new one can begin
/// as a copy of another with --context.
///
/// --creds, --nkey, --jwt and --seed take a path, or say where the secret is: file://PATH, env://VARIABLE,
/// op://VAULT/ITEM/FIELD (1Password) or nsc://OPERATOR/ACCOUNT/USER. --embed stores the secrets in the context itself.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "save",
    alias = "create",
    after_help = "Examples:\n  \
        nats context add dev -s nats://localhost:4222 --select\n  \
        nats context add prod -s tls://a.example,tls://b.example --creds ~/prod.creds --description 'Production'\n  \
        nats context add prod --colors red"
)]
pub struct Args {
    /// Name of the context
    name: String,

    #[command(flatten)]
    pub save: SaveArgs,
}

/// The flags of commands that save a context.
#[derive(Debug, clap::Args)]
pub struct SaveArgs {
    /// What the context is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// Select the context
    #[arg(long)]
    select: bool,

    /// Store the secrets in the context itself instead of the paths to them
    #[arg(long)]
    embed: bool,

    /// The user in the store of nsc; what --creds is for now
    #[arg(long, value_name = "nsc://OPERATOR/ACCOUNT/USER", hide = true)]
    nsc: Option<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = Store::open_default()?;
    let base = match (store.exists(&args.name), &globals.args.context) {
        (true, _) => store.load(&args.name)?,
        (false, Some(base)) => globals.context_named(&store, base)?,
        (false, None) => Context::new(&args.name),
    };
    save(globals, &store, base, &args.name, &args.save).await
}

/// Saves `base` with the settings of the flags under `name`.
pub async fn save(
    globals: &Globals,
    store: &Store,
    base: Context,
    name: &str,
    args: &SaveArgs,
) -> Result {
    let mut given = globals.args.clone();
    if let Some(user) = &args.nsc {
        let bare = user.trim_start_matches("nsc://");
        given.creds = Some(format!("nsc://{bare}"));
    }
    let mut context = given.override_settings(base);
    name.clone_into(&mut context.name);
    context.path = None;
    if let Some(description) = &args.description {
        context.settings.description.clone_from(description);
    }
    if args.embed {
        Store::embed_credentials(&mut context)?;
    }
    store.save(&mut context)?;
    if args.select {
        store.select(name)?;
    }
    show::show(globals, &context, false).await.map(|_| ())
}
