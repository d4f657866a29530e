//! `nats server passwd`.

use crate::error::{CliError, Result};
use crate::globals::Globals;
use nats_term::prompt::{Prompt, Terminal};

/// Cost of a hash when nobody says another: a tenth of a second.
pub const COST: u32 = 11;
/// Shortest password that is hashed, in bytes.
const LENGTH_MIN: usize = 10;
/// bcrypt reads no further; a longer password would be cut off silently.
const LENGTH_MAX: usize = 72;
/// Characters of a generated password.
const GENERATED: usize = 22;
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@#_-%^&()";

/// Hash a password for the server's configuration
#[derive(Debug, clap::Args)]
#[command(
    visible_aliases = ["mkpasswd", "pass", "password"],
    after_help = "Examples:\n  \
        nats server passwd\n  \
        nats server passwd --generate\n  \
        PASSWORD=… nats server passwd"
)]
pub struct Args {
    /// The password; asked for when not given
    #[arg(short, long, env = "PASSWORD", hide_env_values = true)]
    pass: Option<String>,

    /// Cost of the hash; each step doubles the work
    #[arg(short, long, default_value_t = COST, value_parser = clap::value_parser!(u32).range(4..=31))]
    cost: u32,

    /// Make a password and hash it
    #[arg(short, long)]
    generate: bool,
}

pub async fn run(_globals: &Globals, args: Args) -> Result {
    let given = args.pass.filter(|password| !password.is_empty());
    let password = match given {
        Some(password) => password,
        None if args.generate => {
            let password = generated()?;
            outln!("Generated password: {password}")?;
            password
        }
        None => asked(&mut Terminal)?,
    };
    let hash = hash(&password, args.cost)?;
    if args.generate {
        outln!("       bcrypt hash: {hash}")
    } else {
        outln!("{hash}")
    }
}

/// The hash of a password, as it stands in a configuration.
pub fn hash(password: &str, cost: u32) -> Result<String> {
    check(password)?;
    let hash = bcrypt::hash_with_result(password, cost)
        .map_err(|e| CliError::new(format!("error producing bcrypt hash: {e}")))?;
    // The variant that every nats-server recognises.
    Ok(hash.format_for_version(bcrypt::Version::TwoA))
}

/// A password that can be hashed and is not guessed at once.
pub fn check(password: &str) -> Result {
    if password.len() < LENGTH_MIN {
        return Err(CliError::new(format!(
            "password should be at least {LENGTH_MIN} characters long"
        ))
        .next_step("or let one be made: nats server passwd --generate"));
    }
    if password.len() > LENGTH_MAX {
        return Err(CliError::new(format!(
            "password is longer than the {LENGTH_MAX} bytes that bcrypt reads"
        ))
        .next_step("choose a shorter one"));
    }
    Ok(())
}

fn asked(prompt: &mut impl Prompt) -> Result<String> {
    let password = prompt.secret("Enter password", "--pass, PASSWORD or --generate")?;
    let again = prompt.secret("Re-enter password", "--pass, PASSWORD or --generate")?;
    if password != again {
        return Err(CliError::new(
            "entered and re-entered passwords do not match",
        ));
    }
    Ok(password)
}

fn generated() -> Result<String> {
    // Bytes above the last whole multiple of the alphabet would make its beginning likelier.
    let fair = u8::MAX as usize / ALPHABET.len() * ALPHABET.len();
    let mut password = String::with_capacity(GENERATED);
    let mut bytes = [0; 64];
    while password.len() < GENERATED {
        getrandom::fill(&mut bytes).map_err(|e| {
            CliError::new(format!("the operating system gives no random bytes: {e}"))
        })?;
        let fair_bytes = bytes.iter().filter(|byte| usize::from(**byte) < fair);
        let letters =
            fair_bytes.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        password.extend(letters.take(GENERATED - password.len()));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nats_term::prompt::Scripted;

    #[test]
    fn a_hash_is_of_the_variant_that_servers_know_and_verifies() {
        let hash = hash("a long password", 4).unwrap();
        assert!(hash.starts_with("$2a$04$"), "{hash}");
        assert!(bcrypt::verify("a long password", &hash).unwrap());
    }

    #[test]
    fn passwords_that_are_too_short_or_cut_off_are_refused() {
        assert!(hash("123456789", 4).is_err());
        assert!(hash(&"x".repeat(73), 4).is_err());
        assert!(hash(&"x".repeat(72), 4).is_ok());
    }

    #[test]
    fn generated_passwords_are_long_and_differ() {
        let (a, b) = (generated().unwrap(), generated().unwrap());
        assert_eq!(a.len(), GENERATED);
        assert_ne!(a, b);
        assert!(a.bytes().all(|byte| ALPHABET.contains(&byte)), "{a}");
    }

    #[test]
    fn a_typed_password_is_asked_twice() {
        assert_eq!(asked(&mut Scripted::new(["same", "same"])).unwrap(), "same");
        assert!(asked(&mut Scripted::new(["one", "other"])).is_err());
    }
}
