//! How much of the machine this process uses.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A look at the process. CPU use is measured between looks that are at least this far apart.
const CPU_WINDOW_MIN: Duration = Duration::from_secs(1);

/// Memory and CPU of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    pub resident_bytes: u64,
    /// Of one core, with one digit behind the point: two busy cores are 200.
    pub cpu_percent: f64,
    /// Cores that the process may use.
    pub cores: i32,
}

/// Measures this process. Nothing runs in the background: each look compares with an earlier one.
#[derive(Debug)]
pub struct Process {
    cores: i32,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    cpu_at_start: Duration,
    percent: f64,
}

impl Process {
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        Self {
            cores: i32::try_from(cores).unwrap_or(i32::MAX),
            window: Mutex::new(Window {
                since: Instant::now(),
                cpu_at_start: cpu_time().unwrap_or_default(),
                percent: 0.0,
            }),
        }
    }

    pub fn usage(&self) -> Usage {
        Usage {
            resident_bytes: resident_bytes().unwrap_or(0),
            cpu_percent: self.window.lock().look(),
            cores: self.cores,
        }
    }
}

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}

impl Window {
    fn look(&mut self) -> f64 {
        let elapsed = self.since.elapsed();
        if elapsed >= CPU_WINDOW_MIN
            && let Some(cpu) = cpu_time()
        {
            let used = cpu.saturating_sub(self.cpu_at_start);
            self.percent = (used.as_secs_f64() / elapsed.as_secs_f64() * 1000.0).round() / 10.0;
            self.since = Instant::now();
            self.cpu_at_start = cpu;
        }
        self.percent
    }
}

/// User and system time of the process so far.
#[cfg(target_os = "linux")]
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let ticks = cpu_ticks(&stat)?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// Fields 14 and 15 of `/proc/<pid>/stat`. The second field, the name, may hold anything but ends with the last `)`.
#[cfg(target_os = "linux")]
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

#[cfg(target_os = "linux")]
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn resource_usage() -> Option<libc::rusage> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: getrusage writes one `rusage` to the pointer, which is valid for that; on success all of it is written, and the
    // zeroed bytes are a valid value before, too.
    #[expect(unsafe_code)]
    unsafe {
        (libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) == 0).then(|| usage.assume_init())
    }
}

#[cfg(not(target_os = "linux"))]
fn cpu_time() -> Option<Duration> {
    let usage = resource_usage()?;
    let time = |t: libc::timeval| {
        let seconds = Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or(0));
        seconds.saturating_add(Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or(0)))
    };
    Some(time(usage.ru_utime).saturating_add(time(usage.ru_stime)))
}

/// The largest size so far: these systems do not tell the present one without more privileges. macOS counts bytes, the
/// others kibibytes.
#[cfg(not(target_os = "linux"))]
fn resident_bytes() -> Option<u64> {
    let max = u64::try_from(resource_usage()?.ru_maxrss).ok()?;
    let unit = if cfg!(any(target_os = "macos", target_os = "ios")) {
        1
    } else {
        1024
    };
    max.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_cores() {
        let usage = Process::new().usage();
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
        assert!(usage.cores >= 1);
        assert_eq!(usage.cpu_percent, 0.0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_name_with_brackets_does_not_confuse_the_reader() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("7 (x"), None);
        assert_eq!(cpu_ticks("7 (x) S"), None);
    }
}
