//! What a command line asks for.

use std::path::Path;

use nats_conf::Outside;

use super::flags::{self, Given, Mode, Named};
use super::setting::Problem;
use super::signal::{self, Signal, SignalError, Target};
use super::{CipherSuite, ConfigError, Curve, FeatureError, Loaded, Options};

/// What `nats-server` is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Run a server.
    Run(Box<Startup>),
    /// The configuration is in order: print this on standard error, exit 0.
    Valid(String),
    /// Send a signal with [`signal::send`], exit 0.
    Signal(Signal, Target),
    /// Print this on standard output, exit 0.
    Print(String),
    /// Print the version, exit 0.
    Version,
    /// The flags are wrong: print the error on standard error and the usage on standard output, and exit 0, as the reference does.
    Usage {
        /// What is wrong.
        error: String,
        /// The help text.
        usage: String,
    },
}

/// A server to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Startup {
    /// Its options: the flags over the file over the defaults.
    pub options: Options,
    /// What is odd about the file; to be printed on standard error.
    pub warnings: Vec<Problem>,
    /// The flags, which a reload applies again.
    pub flags: Flags,
}

/// The flags of a command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    given: Vec<Given>,
}

/// Why a command line cannot be followed: print `nats-server: <this>` on standard error and exit 1.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The settings cannot be used, alone or together with the flags; one per line.
    #[error("{}", join(.0))]
    Problems(Vec<Problem>),
    /// Features that this build does not have; one per line.
    #[error("{}", join(.0))]
    Unavailable(Vec<FeatureError>),
    /// The flags contradict each other.
    #[error("{0}")]
    Flags(String),
    /// A word that is no command.
    #[error("unrecognized command: {0:?}")]
    Word(String),
    /// `-t` without a file.
    #[error("must specify [-c, --config] option to check configuration file syntax")]
    NothingToTest,
    /// The signal makes no sense.
    #[error(transparent)]
    Signal(#[from] SignalError),
}

fn join<T: ToString>(lines: &[T]) -> String {
    lines
        .iter()
        .map(T::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Understands the arguments (without the program's name), reading the configuration file if one is named.
///
/// # Errors
/// See [`CommandError`]. Wrong flags are not errors but [`Command::Usage`].
pub fn parse_args(args: &[String], outside: &dyn Outside) -> Result<Command, CommandError> {
    let (given, words) = match flags::split(args) {
        Ok(parts) => parts,
        Err(error) => {
            return Ok(Command::Usage {
                error,
                usage: flags::help(),
            });
        }
    };
    let asked = |mode| flags::mode_given(&given, mode) == Some(true);
    let word = words.first().map(|word| word.to_lowercase());
    if asked(Mode::Version) {
        return Ok(Command::Version);
    }
    if asked(Mode::Help) {
        return Ok(Command::Print(flags::help()));
    }
    if asked(Mode::HelpTls) {
        return Ok(Command::Print(help_tls()));
    }
    match (word.as_deref(), words.first()) {
        (Some("version"), _) => return Ok(Command::Version),
        (Some("help"), _) => return Ok(Command::Print(flags::help())),
        (Some(_), Some(word)) => return Err(CommandError::Word(word.clone())),
        _ => {}
    }
    if let Some(text) = flags::named_given(&given, Named::Signal).filter(|text| !text.is_empty()) {
        let (signal, target) = signal::parse(text)?;
        return Ok(Command::Signal(signal, target));
    }
    let test = asked(Mode::Test);
    let flags = Flags { given };
    if test {
        return flags.test(outside).map(Command::Valid);
    }
    let Loaded { options, warnings } = flags.load(outside)?;
    Ok(Command::Run(Box::new(Startup {
        options,
        warnings,
        flags,
    })))
}

impl Flags {
    /// The configuration file that the flags name.
    pub fn config_file(&self) -> Option<&Path> {
        flags::named_given(&self.given, Named::Config)
            .filter(|file| !file.is_empty())
            .map(Path::new)
    }

    /// Reads the file again and applies the flags over it: for the start, and for a reload.
    ///
    /// # Errors
    /// The file is wrong, flags and file do not go together, or a feature is asked for that this build does not have.
    pub fn load(&self, outside: &dyn Outside) -> Result<Loaded, CommandError> {
        let Loaded {
            mut options,
            warnings,
        } = match self.config_file() {
            Some(file) => Options::from_file_outside(file, outside)?,
            None => Loaded {
                options: Options::default(),
                warnings: Vec::new(),
            },
        };
        flags::apply(&mut options, &self.given).map_err(CommandError::Flags)?;
        let mut problems = options.contradictions();
        problems.extend(options.obstacles());
        check(&options, problems)?;
        Ok(Loaded { options, warnings })
    }

    /// Checks the file. Warnings alone make it fail, as in the reference.
    fn test(&self, outside: &dyn Outside) -> Result<String, CommandError> {
        let file = self.config_file().ok_or(CommandError::NothingToTest)?;
        let Loaded { options, warnings } = Options::from_file_outside(file, outside)?;
        let mut problems = warnings;
        problems.extend(options.unreadable_files());
        check(&options, problems)?;
        let (file, digest) = (file.display(), &options.source.config_digest);
        Ok(format!(
            "nats-server: configuration file {file} is valid ({digest})"
        ))
    }
}

fn check(options: &Options, problems: Vec<Problem>) -> Result<(), CommandError> {
    if !problems.is_empty() {
        return Err(CommandError::Problems(problems));
    }
    let unavailable = options.unavailable();
    if unavailable.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Unavailable(unavailable))
    }
}

fn help_tls() -> String {
    let mut page = String::from(
        "TLS is configured in a tls block of the configuration file:\n\n    \
         tls {\n        cert_file: \"./server-cert.pem\"\n        key_file:  \"./server-key.pem\"\n        \
         ca_file:   \"./ca.pem\"\n        verify:    true\n    }\n\n\
         Cipher suites for `cipher_suites`:\n",
    );
    for suite in CipherSuite::ALL {
        let note = match (suite.insecure, suite.is_supported()) {
            (true, _) => "  (weak; needs allow_insecure_cipher_suites; not in this build)",
            (false, false) => "  (not in this build)",
            (false, true) => "",
        };
        page.push_str(&format!("    {}{note}\n", suite.name));
    }
    page.push_str("\nCurves for `curve_preferences`:\n");
    for (name, _) in Curve::ALL {
        page.push_str(&format!("    {name}\n"));
    }
    page.push_str("\nAll keys of the block: docs/configuration.md\n");
    page
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// One file, whatever its name.
    struct OneFile(&'static str);

    impl Outside for OneFile {
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Ok(self.0.as_bytes().to_vec())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    fn command(words: &[&str], file: &'static str) -> Result<Command, CommandError> {
        let args: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        parse_args(&args, &OneFile(file))
    }

    fn options(words: &[&str], file: &'static str) -> Options {
        match command(words, file).unwrap() {
            Command::Run(startup) => startup.options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let options = options(
            &["-c", "x.conf", "-p", "7", "-D=false"],
            "port: 5\ndebug: true\nhost: h\n",
        );
        assert_eq!((options.listen.port, options.logging.debug), (7, false));
        assert_eq!(
            (options.listen.host.as_str(), options.limits.ping_max),
            ("h", 2)
        );
        assert!(options.source.config_digest.starts_with("sha256:"));
    }

    #[test]
    fn a_reload_applies_the_flags_again() {
        let Command::Run(startup) = command(&["-c", "x.conf", "-p", "7"], "port: 5").unwrap()
        else {
            panic!()
        };
        let again = startup
            .flags
            .load(&OneFile("port: 6\nmax_payload: 5"))
            .unwrap()
            .options;
        assert_eq!((again.listen.port, again.limits.max_payload), (7, Some(5)));
    }

    #[test]
    fn version_and_help_come_before_anything_else() {
        for words in [
            &["-v"][..],
            &["version"],
            &["-c", "none", "--version"],
            &["-D", "VERSION"],
        ] {
            assert_eq!(
                command(words, "garbage [").unwrap(),
                Command::Version,
                "{words:?}"
            );
        }
        for words in [&["-h"][..], &["help"], &["--help_tls"]] {
            assert!(
                matches!(command(words, "").unwrap(), Command::Print(_)),
                "{words:?}"
            );
        }
        assert_eq!(
            command(&["foo"], "").unwrap_err().to_string(),
            "unrecognized command: \"foo\""
        );
    }

    #[test]
    fn an_unknown_flag_is_answered_with_the_usage() {
        let Command::Usage { error, usage } = command(&["-foo"], "").unwrap() else {
            panic!()
        };
        assert_eq!(error, "flag provided but not defined: -foo");
        assert!(usage.contains("--config"));
    }

    #[test]
    fn a_test_says_whether_the_file_is_valid_and_fails_on_warnings() {
        let Command::Valid(message) = command(&["-t", "-c", "x.conf"], "port: 4222\n").unwrap()
        else {
            panic!()
        };
        let digest = "sha256:797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e";
        assert_eq!(
            message,
            format!("nats-server: configuration file x.conf is valid ({digest})")
        );
        let warned = command(&["-t", "-c", "x.conf"], "ping_interval: 5")
            .unwrap_err()
            .to_string();
        assert_eq!(
            warned,
            "x.conf:1:1: invalid use of field \"ping_interval\": ping_interval should be converted to a duration"
        );
        assert!(
            matches!(command(&["-c", "x.conf"], "ping_interval: 5").unwrap(), Command::Run(startup) if startup.warnings.len() == 1)
        );
        assert!(matches!(
            command(&["-t"], ""),
            Err(CommandError::NothingToTest)
        ));
    }

    #[test]
    fn features_that_this_build_lacks_are_refused_by_name_and_place() {
        let error = command(&["-c", "x.conf"], "\n  profile: 1")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "x.conf:2:3: unknown field \"profile\"");
        let error = command(&["-c", "x.conf"], "\n  prof_port: 6060")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(
                "x.conf:2:3: \"prof_port\" is configured, but this build does not have "
            ),
            "{error}"
        );
        let error = command(&["-t", "-c", "x.conf"], "prof_port: 6060")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("x.conf:1:1: \"prof_port\""), "{error}");
        assert!(
            command(&["--profile", "6060"], "")
                .unwrap_err()
                .to_string()
                .starts_with("\"prof_port\"")
        );
    }

    #[test]
    fn certificates_are_looked_for_by_a_test_only() {
        let file = "tls { cert_file: /nonexistent/c.pem, key_file: /nonexistent/k.pem }";
        let error = command(&["-t", "-c", "x.conf"], file)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "x.conf:1:1: error parsing X509 certificate/key pair: open /nonexistent/c.pem: no such file or directory"
        );
        assert!(command(&["-c", "x.conf"], file).is_ok());
    }

    #[test]
    fn signals_are_understood_before_the_file_is_read() {
        let command = command(&["-c", "x.conf", "--signal", "reload=17"], "garbage [").unwrap();
        assert_eq!(
            command,
            Command::Signal(Signal::Reload, Target::Process(17))
        );
    }
}
