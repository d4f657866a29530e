//! The local time zone.
//!
//! The time library finds it by name, and lists the whole database of zones for that, some two hundred system calls and a hundred
//! kilobytes at every start. Nearly always one file says it all.

use std::path::Path;
use std::sync::OnceLock;

use jiff::tz::TimeZone;

/// What the system says local time is.
const LOCALTIME: &str = "/etc/localtime";
/// Where the zones are, each in a file of its name.
const ZONES: &str = "/usr/share/zoneinfo";

/// The zone of this process, found once: a change shows after a restart, as in the reference.
pub fn local() -> TimeZone {
    static LOCAL: OnceLock<TimeZone> = OnceLock::new();
    LOCAL
        .get_or_init(|| find(std::env::var("TZ").ok().as_deref(), Path::new(LOCALTIME)))
        .clone()
}

/// `tz` is the variable of that name: a zone, a file, or empty for UTC. Unset, the system decides.
fn find(tz: Option<&str>, localtime: &Path) -> TimeZone {
    let file = match tz.map(|tz| tz.trim_start_matches(':')) {
        None => localtime.to_owned(),
        Some("") => return TimeZone::UTC,
        // A path that begins at the root stays as it is.
        Some(name) => Path::new(ZONES).join(name),
    };
    match zone_in(&file) {
        Some(zone) => zone,
        // No such file: perhaps a rule (`CET-1CEST`), perhaps a system that keeps its zones elsewhere.
        None => TimeZone::system(),
    }
}

fn zone_in(file: &Path) -> Option<TimeZone> {
    let data = std::fs::read(file).ok()?;
    TimeZone::tzif("Local", &data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset_hours(zone: &TimeZone) -> i8 {
        let summer: jiff::Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        (zone.to_offset(summer).seconds() / 3600) as i8
    }

    #[test]
    fn the_variable_counts_then_the_system() {
        assert_eq!(find(Some(""), Path::new("/none")), TimeZone::UTC);
        let tokyo = Path::new(ZONES).join("Asia/Tokyo");
        if !tokyo.exists() {
            println!("SKIPPED: the local time zone: this system has no zones in {ZONES}");
            return;
        }
        let text = tokyo.display().to_string();
        for zone in [
            find(Some("Asia/Tokyo"), Path::new("/none")),
            find(Some(":Asia/Tokyo"), Path::new("/none")),
            find(Some(&text), Path::new("/none")),
            find(None, &tokyo),
        ] {
            assert_eq!(offset_hours(&zone), 9);
        }
        let berlin = find(Some("Europe/Berlin"), Path::new("/none"));
        assert_eq!(offset_hours(&berlin), 2);
    }
}
