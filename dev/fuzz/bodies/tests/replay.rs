//! Every file of the corpus and every crash that was ever found, on any compiler.

use std::path::Path;

use nats_fuzz::TARGETS;

fn replay(folder: &str) -> usize {
    let mut files = 0;
    for (name, check) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(folder)
            .join(name);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("entry").path();
            let data = std::fs::read(&path).expect("file");
            println!("{}", path.display());
            check(&data);
            files += 1;
        }
    }
    files
}

#[test]
fn seeds_hold() {
    let files = replay("seeds");
    assert!(files >= TARGETS.len(), "each target has a seed");
}

#[test]
fn crashes_found_once_stay_fixed() {
    replay("regressions");
}
