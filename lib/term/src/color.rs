//! Colours: only on a terminal, never with `NO_COLOR`, and chosen by the context's `color_scheme` or `--colors`.

use std::io::{IsTerminal, stdout};

/// The table styles that `--colors` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Scheme {
    Blue,
    Cyan,
    Double,
    Green,
    Magenta,
    Red,
    #[default]
    Rounded,
    Yellow,
}

impl Scheme {
    /// The scheme of that name; unknown names in context files mean the default.
    pub fn from_name(name: &str) -> Option<Self> {
        <Self as clap::ValueEnum>::from_str(name, true).ok()
    }

    /// The name as users and context files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Cyan => "cyan",
            Self::Double => "double",
            Self::Green => "green",
            Self::Magenta => "magenta",
            Self::Red => "red",
            Self::Rounded => "rounded",
            Self::Yellow => "yellow",
        }
    }

    /// The ANSI foreground code of this scheme, when it is a colour.
    pub fn ansi(self) -> Option<u8> {
        match self {
            Self::Red => Some(31),
            Self::Green => Some(32),
            Self::Yellow => Some(33),
            Self::Blue => Some(34),
            Self::Magenta => Some(35),
            Self::Cyan => Some(36),
            Self::Double | Self::Rounded => None,
        }
    }
}

/// True when standard output may carry colour.
pub fn enabled() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// `text` in the scheme's colour, or as it is when colour is off.
pub fn paint(scheme: Scheme, text: &str) -> String {
    match scheme.ansi() {
        Some(code) if enabled() => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        _ => text.to_owned(),
    }
}
