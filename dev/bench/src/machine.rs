//! The machine that the figures come from: what it is, and how busy others keep it.

use std::fs;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process::{Cpu, cpu_of};

/// Printed with every result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub cores: usize,
    pub cpu_model: String,
    pub kernel: String,
    pub memory_bytes: u64,
}

impl Machine {
    pub fn this() -> Result<Machine> {
        let cpus = fs::read_to_string("/proc/cpuinfo")?;
        let memory = fs::read_to_string("/proc/meminfo")?;
        let names = rustix::system::uname();
        Ok(Machine {
            cores: std::thread::available_parallelism()?.get(),
            cpu_model: cpu_model(&cpus).unwrap_or("unknown").to_owned(),
            kernel: format!(
                "{} {}",
                names.sysname().to_string_lossy(),
                names.release().to_string_lossy()
            ),
            memory_bytes: memory_kilobytes(&memory).unwrap_or(0) * 1024,
        })
    }
}

/// CPU time spent so far: by the whole machine and by the generator.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    busy_seconds: f64,
    idle_seconds: f64,
    own: Cpu,
}

impl Usage {
    pub fn now() -> Result<Usage> {
        let text = fs::read_to_string("/proc/stat")?;
        let (busy, idle) = machine_ticks(&text).context("unexpected form of /proc/stat")?;
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        Ok(Usage {
            busy_seconds: busy as f64 / per_second,
            idle_seconds: idle as f64 / per_second,
            own: cpu_of("self")?,
        })
    }

    /// CPU seconds of the generator since `before`.
    pub fn own_since(&self, before: &Usage) -> f64 {
        self.own.user_seconds + self.own.system_seconds
            - before.own.user_seconds
            - before.own.system_seconds
    }

    /// Which share of the machine neither we nor the server used since `before`, but somebody else
    /// (other processes, or the host that steals time). Rough: it is a difference of tick counts.
    pub fn others_since(&self, before: &Usage, server_seconds: f64) -> f64 {
        let busy = self.busy_seconds - before.busy_seconds;
        let all = busy + self.idle_seconds - before.idle_seconds;
        let own = self.own_since(before);
        if all <= 0.0 {
            return 0.0;
        }
        ((busy - own - server_seconds) / all).clamp(0.0, 1.0)
    }
}

/// Busy (with stolen time) and idle ticks of all cores.
fn machine_ticks(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    // user nice system idle iowait irq softirq steal; guest times are already in user and nice.
    let idle = fields.get(3)? + fields.get(4)?;
    let all: u64 = fields.iter().take(8).sum();
    Some((all - idle, idle))
}

fn cpu_model(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

fn memory_kilobytes(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_busy_and_waiting_for_disks_is_idle() {
        let text = "cpu  10 1 5 100 7 2 3 4 99 99\ncpu0 1 1 1\n";
        assert_eq!(machine_ticks(text), Some((25, 107)));
        assert_eq!(machine_ticks("intr 1"), None);
    }

    #[test]
    fn what_server_and_generator_used_is_nobody_elses_load() {
        let at = |busy, idle, own| Usage {
            busy_seconds: busy,
            idle_seconds: idle,
            own: Cpu {
                user_seconds: own,
                system_seconds: 0.0,
            },
        };
        let others = at(8.0, 2.0, 3.0).others_since(&at(0.0, 0.0, 0.0), 4.0);
        assert!((others - 0.1).abs() < 1e-9, "{others}");
        assert_eq!(at(1.0, 0.0, 1.0).others_since(&at(1.0, 0.0, 1.0), 0.0), 0.0);
    }

    #[test]
    fn this_machine_can_be_described() {
        let machine = Machine::this().expect("/proc");
        assert!(machine.cores > 0 && machine.memory_bytes > 0);
        assert!(machine.kernel.starts_with("Linux"), "{}", machine.kernel);
    }
}
