//! Progress bars, drawn on standard error and only when it is a terminal.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tokio::io::{AsyncRead, ReadBuf};

use crate::output::{self, format};

/// A bar that counts messages; invisible without a terminal, so that callers need not care.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: ProgressBar,
}

/// Several bars under each other.
#[derive(Debug, Clone)]
pub struct ProgressGroup {
    bars: MultiProgress,
    visible: bool,
}

impl Progress {
    /// A bar for `total` messages; nothing is drawn when `wanted` is false or standard error is no terminal.
    pub fn of_messages(total: u64, wanted: bool) -> Self {
        ProgressGroup::new(wanted).bar("", total)
    }

    /// A bar for `total` bytes.
    pub fn of_bytes(total: u64, wanted: bool) -> Self {
        let progress = Self::of_messages(total, wanted);
        let form =
            "{percent:>3}% {wide_bar} {binary_bytes}/{binary_total_bytes} [{binary_bytes_per_sec}]";
        if let Ok(style) = ProgressStyle::with_template(form) {
            progress.bar.set_style(style);
        }
        progress
    }

    pub fn add(&self, messages: u64) {
        self.bar.inc(messages);
    }

    pub fn set(&self, messages: u64) {
        self.bar.set_position(messages);
    }

    pub fn is_visible(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Leaves the bar on the screen as it is.
    pub fn finish(&self) {
        self.bar.abandon();
    }
}

impl ProgressGroup {
    pub fn new(wanted: bool) -> Self {
        let visible = wanted && output::stderr_is_terminal();
        let target = if visible {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            bars: MultiProgress::with_draw_target(target),
            visible,
        }
    }

    /// A bar with a name in front. A total of 0 means that the end is not known.
    pub fn bar(&self, name: &str, total: u64) -> Progress {
        let bar = if self.visible {
            self.bars.add(ProgressBar::new(total))
        } else {
            ProgressBar::hidden()
        };
        let name = if name.is_empty() {
            String::new()
        } else {
            format!("{name} ")
        };
        let form = if total == 0 {
            format!("{name}{{spinner}} {{human_pos}} [{{rate}}]")
        } else {
            format!("{name}{{percent:>3}}% {{wide_bar}} {{human_pos}}/{{human_len}} [{{rate}}]")
        };
        // The form is ours; should it not parse, the plain bar is as good.
        let style =
            ProgressStyle::with_template(&form).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(
            style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
                // Nobody to tell when a bar cannot be drawn.
                let _ = write!(out, "{}/s", format::count(state.per_sec() as u64));
            }),
        );
        if self.visible {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Progress { bar }
    }
}

/// A reader that moves a bar.
pub struct Counted<R> {
    reader: R,
    bar: Progress,
}

impl<R> Counted<R> {
    pub fn new(reader: R, bar: Progress) -> Self {
        Self { reader, bar }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Counted<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.reader).poll_read(context, buffer);
        self.bar.add((buffer.filled().len() - before) as u64);
        result
    }
}
