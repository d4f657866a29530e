//! `--interactive`: asks for what was not given. A command that needs nothing more is run as it is.
//!
//! What lives here: [`ask`], which fills in a command; [`Asker`], who knows how each kind of thing is asked for. One file per verb.
//! Who may call: [`run`](super::run) and tests. What never happens here: claims are changed, or files written. Locks: none.

mod add;
mod asker;
mod edit;
mod remove;
mod revoke;

use nats_jwt::validate::account_server_url;
use nats_term::prompt::Prompt;

use super::tool;
use super::tree::{Add, Command, Delete, Describe, Edit, Generate, Import, Revocations};
use crate::error::Result;
use crate::ops::{signing_key, user};
use crate::workspace::Workspace;
use asker::Asker;

/// Fills in a command.
///
/// # Errors
/// When nobody answers, or an answer makes no sense.
pub fn ask(command: &mut Command, workspace: &mut Workspace, prompt: &mut dyn Prompt) -> Result {
    let ask = &mut Asker { workspace, prompt };
    match command {
        Command::Add(what) => add(what, ask),
        Command::Edit(what) => edit(what, ask),
        Command::Delete(what) => delete(what, ask),
        Command::Revocations(what) => revocations(what, ask),
        Command::Describe(args) => describe(&mut args.what, ask),
        Command::Generate(what) => generate(what, ask),
        Command::Init(request) => add::init(request, ask),
        Command::Import(what) => import(what, ask),
        Command::Migrate(request) => add::migrate(request, ask),
        Command::Pull(request) => {
            let operator = ask.workspace.config.operator.clone();
            if request.account.is_none() && !request.all {
                let question = format!("pull operator {operator:?} and all accounts");
                request.all = ask.confirm(&question, true, "--all or --account")?;
            }
            match request.all {
                true => Ok(()),
                false => ask.account(&mut request.account).map(drop),
            }
        }
        Command::Push(request) => {
            let other = request.diff || request.prune || request.account_removal.is_some();
            if !request.all && !other {
                ask.account(&mut request.account)?;
            }
            let known = ask.workspace.operator()?.nats.account_server_url;
            let question = "Account Server URL or nats-resolver enabled nats-server URL";
            let slot = &mut request.account_jwt_server_url;
            let flag = "--account-jwt-server-url";
            let check = |answer: &str| account_server_url(answer.trim());
            ask.valid(slot, question, &known, flag, &check)
        }
        Command::Tool(args) => who_connects(args.tool.target_mut(), ask),
        Command::Pub(alone) | Command::Req(alone) => who_connects(&mut alone.what.connect, ask),
        Command::Sub(alone) => who_connects(&mut alone.what.connect, ask),
        Command::Reply(alone) => who_connects(&mut alone.what.receive.connect, ask),
        Command::Rtt(alone) => who_connects(&mut alone.what, ask),
        Command::Validate(request) => {
            if request.account.is_none() && !request.all_accounts && request.file.is_none() {
                ask.account(&mut request.account)?;
            }
            Ok(())
        }
        // What they need is required, or nothing is left to ask.
        _ => Ok(()),
    }
}

/// What shall become of the users whose signing key is removed, where that was not said and somebody can be asked.
///
/// # Errors
/// When nobody answers.
pub fn ask_about_orphans(
    command: &mut Command,
    workspace: &mut Workspace,
    prompt: &mut dyn Prompt,
) -> Result {
    let (account, keys, resign, keep) = match command {
        Command::Delete(Delete::SigningKey(request)) => (
            request.account.as_deref(),
            std::slice::from_ref(&request.key),
            &mut request.resign,
            &mut request.keep_users,
        ),
        Command::Edit(Edit::Account(request)) => (
            request.positional.as_deref().or(request.name.as_deref()),
            request.rm_sk.as_slice(),
            &mut request.resign,
            &mut request.keep_users,
        ),
        _ => return Ok(()),
    };
    if *resign || *keep {
        return Ok(());
    }
    // What is wrong with these names says the command itself.
    let Ok(account) = workspace.account_name(account) else {
        return Ok(());
    };
    let Ok(claims) = workspace.account(&account) else {
        return Ok(());
    };
    let mut users = Vec::new();
    for key in keys {
        let role = claims.nats.signing_keys.role(key);
        let key = role.map_or(key.as_str(), |scope| scope.key.as_str());
        users.extend(signing_key::issued(workspace, &account, key)?);
    }
    if !users.is_empty() {
        let question = format!(
            "sign again with another key what it signed: {}",
            user::some_of(&users)
        );
        *resign = prompt.confirm(&question, false, "--resign or --keep-users")?;
        *keep = !*resign;
    }
    Ok(())
}

/// The user as whom a tool connects.
fn who_connects(connect: &mut tool::Connect, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut connect.account)?;
    ask.user(&account, &mut connect.user, "--user").map(drop)
}

fn add(what: &mut Add, ask: &mut Asker<'_>) -> Result {
    match what {
        Add::Operator(request) => add::operator(request, ask),
        Add::Account(request) => add::account(request, ask),
        Add::User(request) => add::user(request, ask),
        Add::Export(request) => add::export(request, ask),
        Add::Import(request) => add::import(request, ask),
        Add::Mapping(request) => add::mapping(request, ask),
        Add::SigningKey(request) => add::signing_key(request, ask),
    }
}

fn edit(what: &mut Edit, ask: &mut Asker<'_>) -> Result {
    match what {
        Edit::Account(request) => edit::account(request, ask),
        Edit::Authcallout(request) => edit::authcallout(request, ask),
        Edit::Export(request) => edit::export(request, ask),
        Edit::Operator(request) => edit::operator(request, ask),
        Edit::SigningKey(request) => edit::signing_key(request, ask),
        Edit::User(request) => edit::user(request, ask),
    }
}

fn delete(what: &mut Delete, ask: &mut Asker<'_>) -> Result {
    match what {
        Delete::Account(request) => remove::account(request, ask),
        Delete::Export(request) => remove::export(request, ask),
        Delete::Import(request) => remove::import(request, ask),
        Delete::Mapping(request) => remove::mapping(request, ask),
        Delete::SigningKey(request) => remove::signing_key(request, ask),
        Delete::User(request) => remove::user(request, ask),
    }
}

fn revocations(what: &mut Revocations, ask: &mut Asker<'_>) -> Result {
    match what {
        Revocations::AddUser(request) => revoke::add_user(request, ask),
        Revocations::DeleteUser(request) => revoke::delete_user(request, ask),
        Revocations::ListUsers(request) => ask.account(&mut request.account).map(drop),
        Revocations::AddActivation(request) => revoke::activation(request, true, ask),
        Revocations::DeleteActivation(request) => revoke::activation(request, false, ask),
        Revocations::ListActivations(request) => revoke::export(request, ask).map(drop),
    }
}

fn describe(what: &mut Describe, ask: &mut Asker<'_>) -> Result {
    match what {
        Describe::Operator(_) => Ok(()),
        Describe::Account(named) => {
            let mut name = named.positional.take().or(named.name.take());
            ask.account(&mut name)?;
            named.name = name;
            Ok(())
        }
        Describe::User(request) => {
            let account = ask.account(&mut request.account)?;
            let mut name = request
                .named
                .positional
                .take()
                .or(request.named.name.take());
            ask.user(&account, &mut name, "--name")?;
            request.named.name = name;
            Ok(())
        }
        Describe::Jwt(request) => ask.source(&mut request.file, "token file or url", "--file"),
    }
}

fn generate(what: &mut Generate, ask: &mut Asker<'_>) -> Result {
    match what {
        Generate::Activation(request) => revoke::activate(request, ask),
        Generate::Context(request) => {
            let account = ask.account(&mut request.account)?;
            ask.user(&account, &mut request.user, "--user").map(drop)
        }
        Generate::Creds(request) => {
            let account = ask.account(&mut request.account)?;
            ask.user(&account, &mut request.name, "--name").map(drop)
        }
        _ => Ok(()),
    }
}

fn import(what: &mut Import, ask: &mut Asker<'_>) -> Result {
    match what {
        Import::Account(request) => {
            let question = "file with the account's token";
            ask.file(&mut request.file, question, "--file")
        }
        Import::User(request) => {
            let question = "file with the user's token or credentials";
            ask.file(&mut request.file, question, "--file")
        }
        Import::Operator(request) => {
            let question = "path or url for operator jwt";
            ask.text(&mut request.file, question, "", "--file")
        }
        Import::Keys(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;
    use nats_term::prompt::Scripted;

    use super::super::tree::App;
    use super::*;
    use crate::ops::{account, export, import, mapping, operator};
    use crate::places::{Directories, Surroundings};

    /// A store with what questions are about: accounts A (chosen) and B, a user, a role, an export, an import, a mapping.
    fn prepared(home: &std::path::Path) -> Workspace {
        let around = Surroundings::below(home);
        let mut w = Workspace::open(&Directories::default(), around, 1_800_000_000).expect("open");
        let add = operator::Add {
            name: Some("O".into()),
            sys: true,
            ..operator::Add::default()
        };
        operator::add(&mut w, &add, None).expect("an operator");
        for name in ["B", "A"] {
            let add = account::Add {
                name: Some(name.into()),
                ..account::Add::default()
            };
            account::add(&mut w, &add).expect("an account");
        }
        let add = user::Add {
            name: Some("u".into()),
            ..user::Add::default()
        };
        user::add(&mut w, &add).expect("a user");
        let add = export::Add {
            subject: Some("s.*".into()),
            service: true,
            private: Some(true),
            ..export::Add::default()
        };
        export::add(&mut w, &add).expect("an export");
        let add = import::Add {
            account: Some("B".into()),
            src_account: Some("A".into()),
            remote_subject: Some("s.x".into()),
            service: true,
            ..import::Add::default()
        };
        import::add(&mut w, &add, None).expect("an import");
        let add = mapping::Add {
            from: "from".into(),
            to: "to".into(),
            weight: 50,
            ..mapping::Add::default()
        };
        mapping::add(&mut w, &add).expect("a mapping");
        let add = signing_key::Edit {
            role: Some("role".into()),
            ..signing_key::Edit::default()
        };
        signing_key::add(&mut w, &add).expect("a role");
        w
    }

    /// The command that a line and answers come to, and what was asked.
    fn asked(line: &str, answers: &[&str]) -> (Result<Command>, Vec<String>) {
        let home = tempfile::tempdir().expect("a directory");
        let mut workspace = prepared(home.path());
        let words = nats_term::examples::words(&format!("nsc {line} -i"));
        let matches = super::super::command()
            .try_get_matches_from(words)
            .expect("a command");
        let app = App::from_arg_matches(&matches).expect("a command");
        let mut command = app.command;
        workspace.signing.key = app.private_key;
        let mut prompt = Scripted::new(answers.iter().copied());
        let result = ask(&mut command, &mut workspace, &mut prompt);
        (result.map(|()| command), prompt.asked)
    }

    #[test]
    fn nothing_is_asked_that_was_given() {
        for line in [
            "list accounts",
            "env",
            "validate -a A",
            "describe user -a A -n u",
            "delete export -a A --subject s.* -K x",
            "revocations delete-user -a A u",
            "generate creds -a A -n u",
            "import user --file x",
            "migrate --operator-dir x",
        ] {
            let (result, asked) = asked(line, &[]);
            assert!(result.is_ok(), "{line}: {result:?}");
            assert_eq!(asked, Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn every_verb_asks_its_questions_in_their_order() {
        // The line, the answers (an empty one takes what is offered), and words of each question.
        let table: &[(&str, &[&str], &[&str])] = &[
            (
                "add account -K O",
                &["C", "", "", ""],
                &[
                    "account name",
                    "generate an account nkey",
                    "valid from",
                    "valid until",
                ],
            ),
            (
                "add user -a A -K role",
                &["v", "", "", ""],
                &[
                    "user name",
                    "generate an user nkey",
                    "valid from",
                    "valid until",
                ],
            ),
            (
                "add mapping -a A -K x",
                &["f", "t", "20"],
                &["from subject", "to subject", "weight"],
            ),
            ("delete mapping -a A", &[], &[]),
            (
                "delete account A",
                &["y", "y", "y"],
                &["nkeys", "creds files", "cannot be undone"],
            ),
            (
                "revocations add-activation -a A",
                &["y", "B", "0"],
                &["is service", "account: name", "created before"],
            ),
            (
                "generate activation -a A -K x",
                &["", "B", "", ""],
                &["subject", "may import", "valid from", "valid until"],
            ),
            ("describe jwt", &["Cargo.toml"], &["token file"]),
            (
                "import account",
                &["nowhere", "Cargo.toml"],
                &["account's token", "account's token"],
            ),
            ("push -a A", &["http://x"], &["Account Server URL"]),
            ("pull", &["y"], &["pull operator"]),
        ];
        for (line, answers, questions) in table {
            let (result, asked) = asked(line, answers);
            assert!(result.is_ok(), "{line}: {result:?}");
            assert_eq!(asked.len(), questions.len(), "{line}: {asked:?}");
            for (asked, words) in asked.iter().zip(*questions) {
                assert!(
                    asked.contains(words),
                    "{line}: {asked:?} is not about {words:?}"
                );
            }
        }
    }

    #[test]
    fn a_mistake_is_asked_again_where_it_is_made() {
        let (result, asked) = asked(
            "add account -K O",
            &["", "A", "a/b", "C", "", "yesterday", "1d", "", ""],
        );
        let Ok(Command::Add(Add::Account(request))) = result else {
            panic!("{asked:?} {result:?}");
        };
        assert_eq!(request.name.as_deref(), Some("C"));
        assert_eq!(request.times.start.as_deref(), Some("1d"));
        let times = |what: &str| asked.iter().filter(|q| q.contains(what)).count();
        assert_eq!((times("account name"), times("valid from")), (4, 2));
        let answers = [
            "service", "", "a..b", "s.>", "", "y", "y", "0", "101", "", "x y", "lat", "", "", "",
        ];
        let (result, asked) = asked_of_export(&answers);
        let Ok(Command::Add(Add::Export(request))) = result else {
            panic!("{asked:?} {result:?}");
        };
        assert_eq!(request.subject.as_deref(), Some("s.>"));
        assert_eq!(request.sampling.as_deref(), Some("header"));
        assert_eq!(request.latency.as_deref(), Some("lat"));
    }

    fn asked_of_export(answers: &[&str]) -> (Result<Command>, Vec<String>) {
        asked("add export -a A -K x", answers)
    }

    #[test]
    fn what_stands_is_offered_and_left_alone() {
        let answers = [
            "n", "", "", "", "", "", "", "", "n", "", "", "", "", "", "n",
        ];
        let (result, asked) = asked("edit account A -K x", &answers);
        let Ok(Command::Edit(Edit::Account(request))) = result else {
            panic!("{asked:?} {result:?}");
        };
        assert!(request.is_empty(), "{request:?}");
    }

    #[test]
    fn a_limit_that_is_typed_is_changed() {
        let answers = [
            "n", "7", "", "", "", "", "1KiB", "", "n", "", "", "", "", "", "n",
        ];
        let (result, asked) = asked("edit account A -K x", &answers);
        let Ok(Command::Edit(Edit::Account(request))) = result else {
            panic!("{asked:?} {result:?}");
        };
        assert_eq!(request.limits.conns, Some(7));
        assert_eq!(request.limits.payload, Some(1024));
        assert_eq!(request.limits.data, None);
    }
}
