//! Memory that goes back to the system: pages of the program that only its start needed, and what a burst left in the heap.
//!
//! For every page of code that is touched, Linux maps the sixteen around it. A start touches a little of nearly everything
//! (options, keys, TLS, the runtime), so that two thirds of the program count as resident in a server that waits for clients.
//! Unmapping them once brings that back to what the running server uses, which comes back by itself, at a microsecond for each
//! sixteen pages. Figures: `docs/benchmarks.md`.

/// Unmaps the pages of the program's code. What is needed again is mapped again when it is touched.
#[cfg(target_os = "linux")]
pub fn give_back_code() {
    let (Ok(program), Ok(maps)) = (
        std::fs::read_link("/proc/self/exe"),
        std::fs::read_to_string("/proc/self/maps"),
    ) else {
        return;
    };
    let program = program.to_string_lossy();
    for (start, end) in maps.lines().filter_map(|line| code_of(line, &program)) {
        // SAFETY: the range is a mapping of this program's file, private and not writable. The linker refuses relocations in
        // code, so that no page in it was ever written: each holds what the file holds, and a page that is touched after this
        // call is read from there again.
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

/// Begin and end of a mapping that is code of `program`.
#[cfg(target_os = "linux")]
fn code_of(line: &str, program: &str) -> Option<(usize, usize)> {
    let (range, rest) = line.split_once(' ')?;
    if !rest.starts_with("r-xp ") || !rest.ends_with(program) {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    let (start, end) = (number(start)?, number(end)?);
    (start < end).then_some((start, end))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_the_program_is_meant() {
        let program = "/usr/bin/nats-server";
        let table = [
            (
                "1000-3000 r-xp 00250000 fe:00 77   /usr/bin/nats-server",
                Some((0x1000, 0x3000)),
            ),
            (
                "1000-3000 r--p 00250000 fe:00 77   /usr/bin/nats-server",
                None,
            ),
            (
                "1000-3000 rw-p 00250000 fe:00 77   /usr/bin/nats-server",
                None,
            ),
            (
                "1000-3000 r-xp 00026000 fe:00 78   /usr/lib/libc.so.6",
                None,
            ),
            ("1000-3000 r-xp 00000000 00:00 0    [vdso]", None),
            (
                "3000-1000 r-xp 00000000 fe:00 77   /usr/bin/nats-server",
                None,
            ),
            ("nonsense", None),
        ];
        for (line, expected) in table {
            assert_eq!(code_of(line, program), expected, "{line}");
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
