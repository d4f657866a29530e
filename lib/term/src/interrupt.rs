//! Signals that end a program, held back while something has to be tidied up first.
//!
//! While a [`Held`] lives, its signals wait; whoever holds them looks now and then ([`Held::came`]), tidies up, and lets the program end as
//! it would have ended ([`Held::obey`]). At all other times they do what they always do, from the first use on: a program that is told to
//! ignore them is not asked again. Locks: none; what came are flags.

/// Which signals wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signals {
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-C, and the request to end that a supervisor sends.
    All,
}

#[cfg(unix)]
pub use unix::{Held, handled_elsewhere};

#[cfg(unix)]
mod unix {
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, OnceLock};

    use signal_hook::consts::{SIGINT, SIGTERM};

    use super::Signals;

    /// One signal.
    struct Caught {
        signal: c_int,
        /// Nobody holds it: it does what it always does.
        idle: Arc<AtomicBool>,
        came: Arc<AtomicBool>,
        holders: AtomicUsize,
    }

    static INTERRUPT: OnceLock<Option<Caught>> = OnceLock::new();
    static TERMINATE: OnceLock<Option<Caught>> = OnceLock::new();
    /// Somebody else does what has to be done when they come.
    static ELSEWHERE: AtomicBool = AtomicBool::new(false);

    impl Caught {
        fn new(signal: c_int) -> Option<Self> {
            let caught = Self {
                signal,
                idle: Arc::new(AtomicBool::new(false)),
                came: Arc::new(AtomicBool::new(false)),
                holders: AtomicUsize::new(0),
            };
            let (idle, came) = (Arc::clone(&caught.idle), Arc::clone(&caught.came));
            signal_hook::flag::register_conditional_default(signal, idle).ok()?;
            signal_hook::flag::register(signal, came).ok()?;
            Some(caught)
        }

        fn settle(&self) {
            let idle = self.holders.load(Ordering::SeqCst) == 0;
            let idle = idle && !ELSEWHERE.load(Ordering::SeqCst);
            self.idle.store(idle, Ordering::SeqCst);
        }
    }

    /// From now on whoever calls looks after these signals.
    pub fn handled_elsewhere() {
        ELSEWHERE.store(true, Ordering::SeqCst);
        for caught in [&INTERRUPT, &TERMINATE] {
            if let Some(Some(caught)) = caught.get() {
                caught.settle();
            }
        }
    }

    /// Signals wait while this lives.
    pub struct Held(Vec<&'static Caught>);

    impl Held {
        pub fn begin(signals: Signals) -> Self {
            let mut held = Vec::new();
            held.extend(INTERRUPT.get_or_init(|| Caught::new(SIGINT)));
            if signals == Signals::All {
                held.extend(TERMINATE.get_or_init(|| Caught::new(SIGTERM)));
            }
            for caught in &held {
                caught.holders.fetch_add(1, Ordering::SeqCst);
                caught.settle();
            }
            Self(held)
        }

        /// Whether one of them came.
        pub fn came(&self) -> bool {
            let mut held = self.0.iter();
            held.any(|caught| caught.came.load(Ordering::SeqCst))
        }

        /// Ends the program by the signal that came, if one did. Where that does not end it, nothing happened.
        pub fn obey(&self) {
            for caught in &self.0 {
                if caught.came.swap(false, Ordering::SeqCst) {
                    // It returns where the system does not let go of the program; then whoever called goes on.
                    let _ = signal_hook::low_level::emulate_default_handler(caught.signal);
                }
            }
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            for caught in &self.0 {
                caught.holders.fetch_sub(1, Ordering::SeqCst);
                caught.settle();
            }
        }
    }
}

/// Where there are no such signals.
#[cfg(not(unix))]
pub struct Held;

#[cfg(not(unix))]
#[expect(clippy::unused_self)]
impl Held {
    pub fn begin(_: Signals) -> Self {
        Self
    }

    pub fn came(&self) -> bool {
        false
    }

    pub fn obey(&self) {}
}

#[cfg(not(unix))]
pub fn handled_elsewhere() {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_signal_waits_while_somebody_holds_it() {
        let held = Held::begin(Signals::All);
        let inner = Held::begin(Signals::Interrupt);
        assert!(!held.came());
        signal_hook::low_level::raise(signal_hook::consts::SIGTERM).expect("raised");
        assert!(held.came() && !inner.came());
        drop(inner);
        assert!(held.came());
        // Nobody obeys: the test goes on.
        drop(held);
    }
}
