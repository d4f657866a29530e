//! Flags that can be said in both ways: `--allow-rollup` and `--no-allow-rollup`, the last one counts, and saying nothing is
//! a third answer. Declared with [`switches!`](crate::switches).

use clap::{Arg, ArgAction, ArgMatches, Command};

/// Declares a struct of such flags; every field is an `Option<bool>`.
#[macro_export]
macro_rules! switches {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $help:literal])+ $field:ident: $long:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $help])+ pub $field: Option<bool>,)*
        }

        impl clap::FromArgMatches for $name {
            fn from_arg_matches(matches: &clap::ArgMatches) -> std::result::Result<Self, clap::Error> {
                Ok(Self { $($field: $crate::switches::read(matches, $long),)* })
            }

            fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> std::result::Result<(), clap::Error> {
                *self = <Self as clap::FromArgMatches>::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl clap::Args for $name {
            fn augment_args(command: clap::Command) -> clap::Command {
                $(let command = $crate::switches::pair(command, $long, concat!($($help),+));)*
                command
            }

            fn augment_args_for_update(command: clap::Command) -> clap::Command {
                <Self as clap::Args>::augment_args(command)
            }
        }
    };
}

/// Adds `--long` and `--no-long`.
pub fn pair(command: Command, long: &'static str, help: &'static str) -> Command {
    let off = off(long);
    let on = Arg::new(long)
        .long(long)
        .help(format!("{} [--{off} for the opposite]", help.trim()))
        .action(ArgAction::SetTrue)
        .overrides_with(off.clone());
    let off = Arg::new(off.clone())
        .long(off)
        .hide(true)
        .action(ArgAction::SetTrue)
        .overrides_with(long);
    command.arg(on).arg(off)
}

/// What was said, if anything.
pub fn read(matches: &ArgMatches, long: &str) -> Option<bool> {
    let said = |name: &str| matches.get_flag(name);
    match (said(long), said(&off(long))) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

fn off(long: &str) -> String {
    format!("no-{long}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    switches! {
        /// For the test.
        Sample {
            /// Allow it
            allow: "allow",
        }
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sample: Sample,
    }

    #[test]
    fn a_switch_has_three_answers_and_the_last_word_counts() {
        let said = |flags: &[&str]| {
            let line = std::iter::once(&"x").chain(flags);
            Line::try_parse_from(line).unwrap().sample.allow
        };
        assert_eq!(said(&[]), None);
        assert_eq!(said(&["--allow"]), Some(true));
        assert_eq!(said(&["--no-allow"]), Some(false));
        assert_eq!(said(&["--allow", "--no-allow"]), Some(false));
        assert_eq!(said(&["--no-allow", "--allow"]), Some(true));
    }
}
