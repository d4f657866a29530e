//! The command tree.

use clap::{ArgAction, Parser, Subcommand};

use crate::ops::generate::{self, config, diagram, profile};
use crate::ops::{
    account, authcallout, backup, describe, expirations, export, import, init, keys, mapping,
    operator, rename, repair, revocations, select, signing_key, user, validate,
};
use crate::places::Directories;
use crate::remote::{pull, push};

use super::tool;

/// Creates NATS operators, accounts and users, and manages what they may do
#[derive(Debug, Parser)]
#[command(
    name = "nsc",
    version,
    max_term_width = 120,
    disable_version_flag = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        nsc init --name demo                              operator, account, user and credentials in one step\n  \
        nsc add operator OPS --sys                        an operator with a system account\n  \
        nsc add account ORDERS                            an account\n  \
        nsc add user till --allow-pub 'orders.>'          a user of the chosen account, and its credentials\n  \
        nsc generate config --nats-resolver               what a server needs to trust the operator\n  \
        nsc push --all                                    hand the accounts to the servers\n\n\
        Every command shows its flags and an example with --help."
)]
pub struct App {
    /// Show the version
    #[arg(short, long, action = ArgAction::Version)]
    pub version: (),
    #[command(flatten)]
    pub directories: Directories,
    /// Key to sign with: a role (where applicable), a public key whose seed is in the keystore, a seed, or a file with one
    #[arg(
        short = 'K',
        long,
        global = true,
        value_name = "KEY",
        help_heading = "Global Options"
    )]
    pub private_key: Option<String>,
    /// A program that signs with keys that it keeps: exec:CMD ('CMD list' prints public keys, 'CMD sign KEY' signs its input; it has
    /// 60 s, or what NSC_SIGNER_TIMEOUT says)
    #[arg(
        long,
        global = true,
        env = "NSC_SIGNER",
        hide_env_values = true,
        value_name = "exec:CMD",
        help_heading = "Global Options"
    )]
    pub signer: Option<String>,
    /// Ask for what is not given
    #[arg(short, long, global = true, help_heading = "Global Options")]
    pub interactive: bool,
    /// Print a JSON document instead of tables and lines
    #[arg(short = 'J', long, global = true, help_heading = "Global Options")]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Command {
    /// Add operators, accounts, users, exports, imports, mappings, signing keys
    #[command(subcommand, visible_alias = "create")]
    Add(Add),
    /// Bring the store and the servers to the state that a file describes
    #[command(after_help = "Example:\n  nsc apply -f desired.yaml --push")]
    Apply(crate::desired::Request),
    /// Write an operator with its accounts, users and keys to a file
    #[command(after_help = "Examples:\n  \
        nsc backup OPS.backup\n  \
        nsc backup OPS.sealed --key backup.nk              sealed for the owner of a curve key")]
    Backup(backup::Backup),
    /// Print what a shell needs to complete commands and names
    #[command(after_help = "Example:\n  nsc completion bash >> ~/.bashrc")]
    Completion(Completion),
    /// Delete accounts, users, exports, imports, mappings, signing keys
    #[command(subcommand)]
    Delete(Delete),
    /// Describe operators, accounts, users, and tokens in files
    Describe(DescribeArgs),
    /// Edit operators, accounts, users, exports, signing keys, authorization services
    #[command(subcommand)]
    Edit(Edit),
    /// Show and set which store, operator and account are meant
    #[command(after_help = "Example:\n  nsc env -o OPS -a ORDERS")]
    Env(select::Env),
    /// Report what expires
    #[command(after_help = "Example:\n  nsc expirations --within 2w --skip")]
    Expirations(expirations::Expirations),
    /// Export keys, and tokens of operators and accounts
    #[command(subcommand)]
    Export(Export),
    /// Rebuild stores and keystore from loose files
    #[command(
        hide = true,
        after_help = "Example:\n  nsc fix --in backup,old --out rebuilt --creds"
    )]
    Fix(repair::Fix),
    /// Generate activation tokens, server configurations, credentials, keys, profiles, contexts, diagrams
    #[command(subcommand)]
    Generate(Generate),
    /// Import operators, accounts, users and keys
    #[command(subcommand)]
    Import(Import),
    /// Make an operator, an account, a user and credentials in one step
    #[command(after_help = "Example:\n  nsc init --name demo")]
    Init(init::Init),
    /// Manage the keystore
    #[command(subcommand)]
    Keys(Keys),
    /// List operators, accounts, users, keys
    #[command(subcommand)]
    List(List),
    #[command(hide = true)]
    Load(Elsewhere),
    /// Take accounts of another store under this operator
    #[command(
        hide = true,
        after_help = "Example:\n  nsc migrate --operator-dir backup/stores/OPS"
    )]
    Migrate(repair::Migrate),
    /// Show what apply would change, in the store and on the servers
    #[command(
        after_help = "Example:\n  nsc plan -f desired.yaml --live; echo $?   # 0: nothing to do, 2: changes pending, 1: error"
    )]
    Plan(crate::desired::Request),
    /// Publish a message: nsc tool pub
    #[command(
        hide = true,
        after_help = "Example:\n  nsc tool pub -u till orders.new 'two coffees'"
    )]
    Pub(tool::Alone<tool::Send>),
    /// Take accounts from the servers
    #[command(after_help = "Example:\n  nsc pull --all")]
    Pull(pull::Pull),
    /// Hand accounts to the servers
    #[command(after_help = "Examples:\n  \
        nsc push --all\n  \
        nsc push -a ORDERS -u nats://localhost:4222\n  \
        nsc push --diff                     what servers have and the store does not, and the other way round\n  \
        nsc push --prune                    delete from servers what is not in the store")]
    Push(push::Push),
    /// Give an operator another key
    #[command(subcommand)]
    Reissue(Reissue),
    /// Rename an account
    #[command(subcommand, hide = true)]
    Rename(Rename),
    /// Answer requests with what they hold: nsc tool reply
    #[command(
        hide = true,
        after_help = "Example:\n  nsc tool reply -u service 'prices.*'"
    )]
    Reply(tool::Alone<tool::Answer>),
    /// Send a request and show the answer: nsc tool req
    #[command(
        hide = true,
        after_help = "Example:\n  nsc tool req -u till prices.eur ''"
    )]
    Req(tool::Alone<tool::Send>),
    /// Make an operator again from a file that backup wrote
    #[command(after_help = "Examples:\n  \
        nsc restore OPS.backup\n  \
        nsc restore OPS.sealed --key backup.nk --name COPY")]
    Restore(backup::Restore),
    /// Manage revocations of users and of activation tokens
    #[command(subcommand, visible_alias = "revocation")]
    Revocations(Revocations),
    /// Measure how long it takes to the server and back: nsc tool rtt
    #[command(hide = true, after_help = "Example:\n  nsc tool rtt -u till")]
    Rtt(tool::Alone<tool::Connect>),
    /// Choose the operator or account that is meant
    #[command(subcommand)]
    Select(Select),
    /// Show the messages of a subject: nsc tool sub
    #[command(
        hide = true,
        after_help = "Example:\n  nsc tool sub -u till 'orders.>'"
    )]
    Sub(tool::Alone<tool::Receive>),
    /// Try out users: publish, subscribe, request, reply, rtt
    #[command(alias = "tools")]
    Tool(tool::Args),
    #[command(hide = true)]
    Update(Elsewhere),
    /// Write tokens of version 1 as version 2
    #[command(hide = true, after_help = "Example:\n  nsc upgrade-jwt")]
    UpgradeJwt,
    /// Validate an operator, accounts and users
    #[command(after_help = "Example:\n  nsc validate --all-accounts")]
    Validate(validate::Validate),
}

/// A command of the reference that is not part of this build.
#[derive(Debug, clap::Args)]
pub struct Elsewhere {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub rest: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum Add {
    /// Add an account
    #[command(after_help = "Example:\n  nsc add account ORDERS --expiry 1y")]
    Account(account::Add),
    /// Add an export
    #[command(after_help = "Examples:\n  \
        nsc add export --subject 'orders.>'\n  \
        nsc add export --service --subject 'prices.*' --private --response-type Stream")]
    Export(export::Add),
    /// Add an import
    #[command(after_help = "Examples:\n  \
        nsc add import --src-account ORDERS --remote-subject 'orders.>' --local-subject 'all.orders.>'\n  \
        nsc add import --token activation.jwt")]
    Import(import::Add),
    /// Add or change a mapping of subjects
    #[command(after_help = "Example:\n  nsc add mapping --from orders --to orders.v2 --weight 20")]
    Mapping(mapping::Add),
    /// Add or import an operator
    #[command(after_help = "Examples:\n  \
        nsc add operator OPS --sys --generate-signing-key\n  \
        nsc add operator --url operator.jwt")]
    Operator(operator::Add),
    /// Add a signing key with a role: what its users may do
    #[command(
        after_help = "Example:\n  nsc add signing-key service --allow-sub 'rpc.{{name()}}.>' --allow-pub-response\n  \
        nsc add user worker -K service"
    )]
    SigningKey(signing_key::Edit),
    /// Add a user
    #[command(after_help = "Examples:\n  \
        nsc add user till --allow-pub 'orders.>' --allow-sub '_INBOX.>'\n  \
        nsc add user worker -K service                 with what the role allows")]
    User(user::Add),
}

#[derive(Debug, Subcommand)]
pub enum Delete {
    /// Delete an account and its users
    #[command(after_help = "Example:\n  nsc delete account ORDERS --rm-nkey --rm-creds")]
    Account(account::Delete),
    /// Delete an export
    #[command(after_help = "Example:\n  nsc delete export --subject 'orders.>'")]
    Export(export::Delete),
    /// Delete an import
    #[command(after_help = "Example:\n  nsc delete import --subject 'orders.>'")]
    Import(import::Delete),
    /// Delete a mapping or one of its destinations
    #[command(after_help = "Example:\n  nsc delete mapping --from orders --to orders.v2")]
    Mapping(mapping::Delete),
    /// Take a signing key from an account
    #[command(after_help = "Example:\n  nsc delete signing-key service --resign -K other-role")]
    SigningKey(signing_key::Delete),
    /// Delete and revoke users
    #[command(after_help = "Example:\n  nsc delete user till --rm-nkey --rm-creds")]
    User(user::Delete),
}

/// Something that is named.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Named {
    /// Name, when it is not the chosen one
    #[arg(value_name = "NAME")]
    pub positional: Option<String>,
    /// Name, when it is not the chosen one
    #[arg(short, long, conflicts_with = "positional")]
    pub name: Option<String>,
}

impl Named {
    pub fn name(&self) -> Option<&str> {
        self.positional.as_deref().or(self.name.as_deref())
    }
}

/// What is described, and how it is shown.
#[derive(Debug, clap::Args)]
pub struct DescribeArgs {
    #[command(flatten)]
    pub form: describe::Form,
    #[command(subcommand)]
    pub what: Describe,
}

#[derive(Debug, Subcommand)]
pub enum Describe {
    /// Describe an account
    #[command(after_help = "Examples:\n  \
        nsc describe account ORDERS\n  \
        nsc describe account ORDERS --field nats.limits.conn")]
    Account(Named),
    /// Describe a token in a file
    #[command(after_help = "Example:\n  nsc describe jwt --file user.creds")]
    Jwt(DescribeJwt),
    /// Describe an operator
    #[command(after_help = "Example:\n  nsc describe operator --json")]
    Operator(Named),
    /// Describe a user
    #[command(after_help = "Example:\n  nsc describe user till -a ORDERS")]
    User(DescribeUser),
}

#[derive(Debug, clap::Args)]
pub struct DescribeJwt {
    /// File or URL with a token
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "interactive"
    )]
    pub file: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct DescribeUser {
    #[command(flatten)]
    pub named: Named,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Edit {
    /// Edit an account
    #[command(after_help = "Examples:\n  \
        nsc edit account ORDERS --conns 100 --js-disk-storage 10GiB --js-mem-storage 0\n  \
        nsc edit account ORDERS --rm-sk service --resign")]
    Account(account::Edit),
    /// Edit an account's authorization service
    #[command(
        after_help = "Example:\n  nsc edit authcallout --auth-user service --allowed-account '*' --curve generate"
    )]
    Authcallout(authcallout::Edit),
    /// Edit an export
    #[command(
        after_help = "Example:\n  nsc edit export --subject 'prices.*' --latency lat.prices --sampling 10"
    )]
    Export(export::Edit),
    /// Edit an operator
    #[command(after_help = "Examples:\n  \
        nsc edit operator --account-jwt-server-url nats://localhost:4222\n  \
        nsc edit operator --sk generate --require-signing-keys --resign")]
    Operator(operator::Edit),
    /// Edit a signing key's role, or give it one
    #[command(
        after_help = "Example:\n  nsc edit signing-key service --allow-sub 'rpc.>' --rm 'old.>'"
    )]
    SigningKey(signing_key::Edit),
    /// Edit a user
    #[command(after_help = "Example:\n  nsc edit user till --allow-sub 'news.>' --payload 64KiB")]
    User(user::Edit),
}

#[derive(Debug, Subcommand)]
pub enum Export {
    /// Write the token of an account, for whoever signs or serves it
    #[command(after_help = "Example:\n  nsc export account ORDERS -o ORDERS.jwt")]
    Account(ExportToken),
    /// Copy keys out of the keystore
    #[command(after_help = "Example:\n  nsc export keys --all --dir backup")]
    Keys(keys::Export),
    /// Write the token of the operator, for those whose accounts it will sign
    #[command(after_help = "Example:\n  nsc export operator -o operator.jwt")]
    Operator(ExportToken),
}

/// Whose token goes where.
#[derive(Debug, clap::Args)]
pub struct ExportToken {
    /// Name, when it is not the chosen one
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Where to write; -- is standard output
    #[arg(short, long, default_value = "--", value_name = "FILE")]
    pub output_file: String,
}

#[derive(Debug, Subcommand)]
pub enum Generate {
    /// Generate an activation token for a private export
    #[command(
        after_help = "Example:\n  nsc generate activation -a ORDERS --subject 'prices.eur' --target-account BILLING -o activation.jwt"
    )]
    Activation(import::Activate),
    /// Generate a server configuration
    #[command(after_help = "Examples:\n  \
        nsc generate config --mem-resolver --config-file server.conf\n  \
        nsc generate config --nats-resolver > resolver.conf")]
    Config(config::Config),
    /// Generate a context for the nats command line
    #[command(after_help = "Example:\n  nsc generate context --context till -a ORDERS -u till")]
    Context(profile::Context),
    /// Generate credentials of a user
    #[command(after_help = "Example:\n  nsc generate creds -a ORDERS -n till > till.creds")]
    Creds(generate::Creds),
    /// Generate a diagram as PlantUML text
    #[command(subcommand)]
    Diagram(Diagram),
    /// Generate keys
    #[command(after_help = "Example:\n  nsc generate nkey --user")]
    Nkey(generate::Nkey),
    /// Generate what tools need to know about a user
    #[command(after_help = "Example:\n  nsc generate profile 'nsc://OPS/ORDERS/till?names&keys'")]
    Profile(Profile),
}

#[derive(Debug, Subcommand)]
pub enum Diagram {
    /// Accounts, exports and imports
    #[command(after_help = "Example:\n  nsc generate diagram component > accounts.puml")]
    Component(diagram::Component),
    /// Operator, accounts, keys and users
    #[command(
        after_help = "Example:\n  nsc generate diagram object --users --show-keys > objects.puml"
    )]
    Object(diagram::Object),
}

#[derive(Debug, clap::Args)]
pub struct Profile {
    /// nsc://operator/account/user?names&keys&seeds
    #[arg(value_name = "URL")]
    pub url: String,
    /// Where to write; -- is standard output
    #[arg(short, long, default_value = "--", value_name = "FILE")]
    pub output_file: String,
}

#[derive(Debug, Subcommand)]
pub enum Import {
    /// Import an account
    #[command(after_help = "Example:\n  nsc import account --file ORDERS.jwt")]
    Account(repair::ImportAccount),
    /// Import keys
    #[command(after_help = "Example:\n  nsc import keys --dir backup --recurse")]
    Keys(keys::Import),
    /// Import an operator, and keys of it
    #[command(after_help = "Example:\n  nsc import operator --file operator.jwt --key signing.nk")]
    Operator(ImportOperator),
    /// Import a user
    #[command(after_help = "Example:\n  nsc import user --file till.creds")]
    User(repair::ImportUser),
}

/// An operator's token and keys.
#[derive(Debug, clap::Args)]
pub struct ImportOperator {
    /// The operator's token: a file, a URL, or the name of a known operator
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "interactive"
    )]
    pub file: Option<String>,
    /// Name of the operator in the store, when it is not its own
    #[arg(short, long)]
    pub name: Option<String>,
    /// Keys of the operator: seeds or files - comma separated, or several times
    #[arg(short, long, value_delimiter = ',', value_name = "KEY")]
    pub key: Vec<String>,
    /// Replace an operator of that name
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Bring keys and credentials to where they lie now
    #[command(after_help = "Example:\n  nsc keys migrate")]
    Migrate,
}

#[derive(Debug, Subcommand)]
pub enum List {
    /// List the accounts
    #[command(alias = "account", after_help = "Example:\n  nsc list accounts --json")]
    Accounts(ListOf),
    /// List keys
    #[command(alias = "key", after_help = "Example:\n  nsc list keys --all")]
    Keys(keys::List),
    /// List the operators
    #[command(alias = "operator", after_help = "Example:\n  nsc list operators")]
    Operators,
    /// List the users of an account
    #[command(alias = "user", after_help = "Example:\n  nsc list users -a ORDERS")]
    Users(ListUsers),
}

/// Of which operator.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ListOf {
    /// Name of the operator, when it is not the chosen one
    #[arg(short, long, value_name = "NAME")]
    pub operator: Option<String>,
}

/// Of which account.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ListUsers {
    #[command(flatten)]
    pub of: ListOf,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Reissue {
    /// Give an operator another key, and sign its accounts with it
    #[command(after_help = "Example:\n  nsc reissue operator --convert-to-signing-key")]
    Operator(operator::Reissue),
}

#[derive(Debug, Subcommand)]
pub enum Rename {
    /// Rename an account
    #[command(after_help = "Example:\n  nsc rename account ORDERS SALES --OK")]
    Account(rename::Rename),
}

#[derive(Debug, Subcommand)]
pub enum Revocations {
    /// Revoke a user
    #[command(
        alias = "add_user",
        after_help = "Examples:\n  \
        nsc revocations add-user till -a ORDERS\n  \
        nsc revocations add-user --user-public-key '*'"
    )]
    AddUser(revocations::AddUser),
    /// Take the revocation of a user back
    #[command(
        alias = "delete_user",
        after_help = "Example:\n  nsc revocations delete-user till"
    )]
    DeleteUser(revocations::Who),
    /// List revoked users
    #[command(
        alias = "list_users",
        after_help = "Example:\n  nsc revocations list-users -a ORDERS"
    )]
    ListUsers(revocations::ListUsers),
    /// Revoke activation tokens of an account
    #[command(
        alias = "add_activation",
        after_help = "Example:\n  nsc revocations add-activation --service --subject 'prices.*' -t BILLING"
    )]
    AddActivation(revocations::Activation),
    /// Take the revocation of activation tokens back
    #[command(
        alias = "delete_activation",
        after_help = "Example:\n  nsc revocations delete-activation --service --subject 'prices.*' -t BILLING"
    )]
    DeleteActivation(revocations::Activation),
    /// List revoked activations
    #[command(
        alias = "list_activations",
        after_help = "Example:\n  nsc revocations list-activations --service --subject 'prices.*'"
    )]
    ListActivations(revocations::Activations),
}

#[derive(Debug, Subcommand)]
pub enum Select {
    /// Choose an account
    #[command(after_help = "Example:\n  nsc select account ORDERS")]
    Account { name: String },
    /// Choose an operator
    #[command(after_help = "Example:\n  nsc select operator OPS")]
    Operator { name: String },
}

#[derive(Debug, clap::Args)]
pub struct Completion {
    /// The shell
    #[arg(value_parser = nats_term::completion::SHELLS)]
    pub shell: String,
}
