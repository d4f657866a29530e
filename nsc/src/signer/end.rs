//! The end of a signer: it, and everything that it began, also when nsc itself is told to end while the signer works.
//!
//! Without a terminal the signer has a process group of its own, which is ended. At a terminal it is in that of nsc, or it could not ask
//! for a PIN; there its descendants are looked for. Who calls: [`Program::run`](super::Program). Locks: none.

use std::process::Child;

/// Ends the program and what it began. One that has ended already cannot be ended.
pub fn end(child: &mut Child) {
    #[cfg(unix)]
    unix::end_all(child.id());
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether somebody may be asked for a PIN: a program in a group of its own could not read from the terminal.
pub fn on_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdin())
}

#[cfg(unix)]
mod unix {
    use std::collections::BTreeSet;

    use rustix::process::{Pid, Signal, kill_process, kill_process_group};

    /// How often the descendants are looked for again, before those that still make new ones are left alone.
    const ROUNDS_MAX: usize = 8;

    /// Ends a process, its descendants, and the group that has its number, if there is one.
    pub fn end_all(root: u32) {
        let mut found = BTreeSet::from([root]);
        each(&found, Signal::STOP);
        for _ in 0..ROUNDS_MAX {
            // Those that stand still begin nothing more.
            let new: BTreeSet<u32> = below(&found).difference(&found).copied().collect();
            if new.is_empty() {
                break;
            }
            each(&new, Signal::STOP);
            found.extend(new);
        }
        each(&found, Signal::KILL);
        if let Some(group) = pid(root) {
            // No such group, at a terminal.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn each(processes: &BTreeSet<u32>, signal: Signal) {
        for process in processes.iter().filter_map(|process| pid(*process)) {
            // One that is gone needs nothing.
            let _ = kill_process(process, signal);
        }
    }

    fn pid(number: u32) -> Option<Pid> {
        Pid::from_raw(i32::try_from(number).ok()?)
    }

    /// The processes whose parents are among `roots`, and those below them.
    fn below(roots: &BTreeSet<u32>) -> BTreeSet<u32> {
        let all = processes();
        let mut found = roots.clone();
        loop {
            let before = found.len();
            let children = all.iter().filter(|(_, parent)| found.contains(parent));
            let children: Vec<u32> = children.map(|(process, _)| *process).collect();
            found.extend(children);
            if found.len() == before {
                return found;
            }
        }
    }

    /// All processes with their parents.
    #[cfg(target_os = "linux")]
    fn processes() -> Vec<(u32, u32)> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let process = entry.file_name().to_str()?.parse().ok()?;
                let line = std::fs::read_to_string(entry.path().join("stat")).ok()?;
                // The name in parentheses may hold anything.
                let (_, rest) = line.rsplit_once(')')?;
                Some((process, rest.split_whitespace().nth(1)?.parse().ok()?))
            })
            .collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn processes() -> Vec<(u32, u32)> {
        let output = std::process::Command::new("ps")
            .args(["-A", "-o", "pid=", "-o", "ppid="])
            .output();
        let text = output.map(|output| output.stdout).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
            })
            .collect()
    }
}
