//! Memory that goes back to the system: pages of the program that only its start needed, and what a burst left in the heap.
//!
//! For every page of code that is touched, Linux maps the sixteen around it. A start touches a little of nearly everything
//! (options, keys, TLS, the runtime), so that two thirds of the program count as resident in a server that waits for clients.
//! Unmapping them once brings that back to what the running server uses, which comes back by itself, at a microsecond for each
//! sixteen pages. Figures: `docs/benchmarks.md`.

/// Unmaps the pages of code and constants, the program's and those of its libraries. What is needed again is mapped again when it is
/// touched.
#[cfg(target_os = "linux")]
pub fn give_back_code() {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for (start, end) in maps.lines().filter_map(never_written) {
        // SAFETY: the range is a private mapping of a file that was never written to: each page in it holds what the file holds,
        // and one that is touched after this call is read from there again. Code is never written, for the linker refuses
        // relocations in it and the ones of the system's libraries are built likewise. Of the data only the part that begins the
        // file is meant: what relocations are written to (and is protected afterwards) lies in later parts.
        #[expect(unsafe_code)]
        unsafe {
            libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub fn give_back_code() {}

/// Gives free pages within the heap back: the allocator by itself gives back only what lies at its end. Takes milliseconds with a large heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_heap() {
    // SAFETY: the function takes the allocator's own locks and touches nothing that is allocated.
    #[expect(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_heap() {}

/// Begin and end of a mapping that holds code, or the begin of a file, which is where programs and libraries keep their constants.
#[cfg(target_os = "linux")]
fn never_written(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split_ascii_whitespace();
    let (range, rights, offset) = (words.next()?, words.next()?, words.next()?);
    words.nth(2).filter(|path| path.starts_with('/'))?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    let meant = match rights {
        "r-xp" => true,
        "r--p" => number(offset)? == 0,
        _ => false,
    };
    let (start, end) = range.split_once('-')?;
    let (start, end) = (number(start)?, number(end)?);
    (meant && start < end).then_some((start, end))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_code_and_constants_that_nobody_writes_are_meant() {
        let meant = Some((0x1000, 0x3000));
        let table = [
            (
                "1000-3000 r-xp 00250000 fe:00 77   /usr/bin/nats-server",
                meant,
            ),
            (
                "1000-3000 r--p 00000000 fe:00 77   /usr/bin/nats-server",
                meant,
            ),
            (
                "1000-3000 r-xp 00026000 fe:00 78   /usr/lib/libc.so.6",
                meant,
            ),
            // Written to by relocations, then protected.
            (
                "1000-3000 r--p 00250000 fe:00 77   /usr/bin/nats-server",
                None,
            ),
            (
                "1000-3000 rw-p 00250000 fe:00 77   /usr/bin/nats-server",
                None,
            ),
            ("1000-3000 r-xs 00000000 fe:00 77   /var/shared", None),
            ("1000-3000 r-xp 00000000 00:00 0    [vdso]", None),
            ("1000-3000 r-xp 00000000 00:00 0", None),
            (
                "3000-1000 r-xp 00000000 fe:00 77   /usr/bin/nats-server",
                None,
            ),
            ("nonsense", None),
        ];
        for (line, expected) in table {
            assert_eq!(never_written(line), expected, "{line}");
        }
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        give_back_code();
        let freed = vec![vec![1_u8; 4096]; 256];
        let kept: Vec<Vec<u8>> = freed.iter().step_by(2).cloned().collect();
        drop(freed);
        give_back_heap();
        assert!(kept.iter().all(|page| page.iter().all(|byte| *byte == 1)));
        give_back_code();
    }
}
