//! The form of a line.

use std::fmt::Write as _;

use super::zone;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    Info,
    Debug,
    Warning,
    Error,
    Fatal,
    Trace,
}

impl Label {
    pub fn text(self) -> &'static str {
        match self {
            Self::Info => "INF",
            Self::Debug => "DBG",
            Self::Warning => "WRN",
            Self::Error => "ERR",
            Self::Fatal => "FTL",
            Self::Trace => "TRC",
        }
    }

    fn colour(self) -> u8 {
        match self {
            Self::Info => 32,
            Self::Debug => 36,
            Self::Warning | Self::Trace => 33,
            Self::Error | Self::Fatal => 31,
        }
    }
}

/// How lines look.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub time: bool,
    pub utc: bool,
    pub pid: u32,
    pub colour: bool,
}

impl Style {
    pub fn line(&self, label: Label, text: &str) -> String {
        let mut out = format!("[{}] ", self.pid);
        if self.time {
            let zone = if self.utc {
                jiff::tz::TimeZone::UTC
            } else {
                zone::local()
            };
            let now = jiff::Timestamp::now().to_zoned(zone);
            let _ = write!(out, "{} ", now.strftime("%Y/%m/%d %H:%M:%S.%6f"));
        }
        let _ = match self.colour {
            true => writeln!(
                out,
                "[\x1b[{}m{}\x1b[0m] {text}",
                label.colour(),
                label.text()
            ),
            false => writeln!(out, "[{}] {text}", label.text()),
        };
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_pid_time_label_and_text() {
        let mut style = Style {
            time: true,
            utc: true,
            pid: 7,
            colour: false,
        };
        let line = style.line(Label::Warning, "hot");
        let fields: Vec<_> = line.split(' ').collect();
        assert_eq!((fields[0], fields[3], fields[4]), ("[7]", "[WRN]", "hot\n"));
        assert_eq!(
            (fields[1].len(), fields[2].len()),
            ("2006/01/02".len(), "15:04:05.000000".len())
        );
        style.time = false;
        assert_eq!(style.line(Label::Info, "x"), "[7] [INF] x\n");
        style.colour = true;
        assert_eq!(
            style.line(Label::Error, "x"),
            "[7] [\x1b[31mERR\x1b[0m] x\n"
        );
    }
}
