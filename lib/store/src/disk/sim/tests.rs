//! The lying disk lies as it is told.

use super::*;

#[test]
fn what_was_not_synced_is_gone_after_a_power_loss() {
    let disk = SimDisk::new();
    let file = disk.create(Path::new("/a")).unwrap();
    file.write_at(b"one", 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    file.write_at(b"two", 3).unwrap();
    let after = disk.crash(Survives::Synced);
    assert_eq!(after.contents(Path::new("/a")).unwrap(), b"one");
    let killed = disk.crash(Survives::All);
    assert_eq!(killed.contents(Path::new("/a")).unwrap(), b"onetwo");
}

#[test]
fn a_name_needs_a_sync_of_its_directory() {
    let disk = SimDisk::new();
    let file = disk.create(Path::new("/a")).unwrap();
    file.write_at(b"one", 0).unwrap();
    file.sync().unwrap();
    assert!(disk.crash(Survives::Synced).files().is_empty());
}

#[test]
fn a_failed_sync_saves_nothing_later() {
    let disk = SimDisk::new();
    let file = disk.create(Path::new("/a")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    file.write_at(b"one", 0).unwrap();
    disk.add_trouble(Trouble {
        op: Op::Sync,
        path: String::new(),
        times: 1,
        kind: io::ErrorKind::Other,
    });
    assert!(file.sync().is_err());
    assert_eq!(
        disk.crash(Survives::Some { seed: 1 })
            .contents(Path::new("/a"))
            .unwrap_or_default()
            .iter()
            .filter(|byte| **byte != 0)
            .count(),
        0
    );
}

#[test]
fn a_crash_leaves_any_part_of_a_large_write() {
    let disk = SimDisk::new();
    let file = disk.create(Path::new("/a")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    file.write_at(&[7; 8192], 0).unwrap();
    let seen: BTreeSet<Vec<u8>> = (0..32)
        .map(|seed| {
            disk.crash(Survives::Some { seed })
                .contents(Path::new("/a"))
                .unwrap_or_default()
        })
        .collect();
    assert!(seen.len() > 4, "{} different outcomes", seen.len());
}
