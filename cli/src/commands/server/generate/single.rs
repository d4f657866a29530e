//! One server whose users stand in its configuration: an application's and the system account's.

use std::path::Path;

use nats_client::context::Settings;

use super::Rendered;
use super::form::{Form, Question, quoted};
use super::parts::{self, Listen};
use super::target::File;
use crate::commands::server::passwd;
use crate::error::Result;

/// The system account's user.
const SYSTEM_USER: &str = "system";

pub fn render(form: &mut Form<'_>, target: &Path) -> Result<Rendered> {
    let name = parts::server_name(form)?;
    let listen = Listen::ask(form, "8222")?;
    let jetstream = parts::jetstream(form)?;
    let user = form.word(&Question {
        name: "user",
        text: "User of the applications",
        default: "app",
    })?;
    let password = form.password("password", "Its password, 10 characters or more")?;
    let system_password = form.password(
        "system_password",
        "Password of the user 'system' of the system account",
    )?;
    let streams = if jetstream.is_empty() {
        ""
    } else {
        "    jetstream: enabled\n"
    };
    let config = format!(
        "# A server with an application user and a system user\n\n\
         server_name: {}\n\n\
         {}{jetstream}\n\
         # The passwords themselves stand in the contexts beside this file\n\
         accounts {{\n  \
           APP {{\n{streams}    users: [ {{ user: {}, password: {} }} ]\n  }}\n  \
           SYS {{\n    users: [ {{ user: {}, password: {} }} ]\n  }}\n\
         }}\n\
         system_account: SYS\n",
        quoted(&name),
        listen.config(),
        quoted(&user),
        quoted(&passwd::hash(&password, passwd::COST)?),
        quoted(SYSTEM_USER),
        quoted(&passwd::hash(&system_password, passwd::COST)?),
    );
    let (app, system) = (target.join("app.json"), target.join("system.json"));
    let afterwards = format!(
        "Start the server, and use it with the contexts that were made:\n\n  \
         nats-server -c {}\n  \
         nats --context {} pub greet hello\n  \
         nats --context {} server list\n",
        target.join("server.conf").display(),
        absolute(&app),
        absolute(&system),
    );
    let about = |what: &str| format!("{what} of {name}");
    Ok(Rendered {
        files: vec![
            File::secret("server.conf", parts::checked(config)?),
            File::secret(
                "app.json",
                context(&about("applications"), &listen.url(), &user, &password)?,
            ),
            File::secret(
                "system.json",
                context(
                    &about("system account"),
                    &listen.url(),
                    SYSTEM_USER,
                    &system_password,
                )?,
            ),
        ],
        afterwards,
    })
}

/// A context's name is taken for a file when it is a path.
fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.display().to_string()
}

/// A context file.
pub fn context(description: &str, url: &str, user: &str, password: &str) -> Result<String> {
    let settings = Settings {
        description: description.to_owned(),
        url: url.to_owned(),
        user: user.to_owned(),
        password: password.to_owned(),
        ..Settings::default()
    };
    Ok(serde_json::to_string_pretty(&settings)? + "\n")
}
