//! The log on a disk that runs full: a reserve for what makes room, and no more log than there is room for.
//!
//! The reserve is files of zeros. When the disk is full, a purge, a deletion or a checkpoint takes their place. From then on the log takes nothing
//! else until there is a reserve again: publishers would use up what the removals gave back, and the next removal could not be written.

use std::path::{Path, PathBuf};

use super::{GroupId, KIND_CHECKPOINTS, Log};
use crate::error::StoreError;

/// Room that is kept for what makes room, and some more for removals only, which are small and always give something back.
const RESERVES: [&str; 2] = ["reserve", "reserve.removals"];
/// The second one, in steps.
const FOR_REMOVALS_STEPS: u64 = 4;
const RESERVE_BYTES: u64 = 16 * 1024 * 1024;
const RESERVE_STEP: usize = 256 * 1024;
/// The reserve of a small disk: one part of so many that are free.
const RESERVE_SHARE: u64 = 8;
/// Less log than this is not worth a checkpoint of everybody, however little room there is.
const TIGHT_LOG_BYTES: u64 = 1024 * 1024;

/// What something that is staged is to the room on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It only takes some.
    #[default]
    None,
    /// With it the log can let older segments go, once everybody has done the same.
    LetGo,
    /// It removes something.
    Removal,
}

impl Need {
    /// The reserves that may be given up for it.
    pub fn reserves(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::LetGo => &RESERVES[..1],
            Self::Removal => &RESERVES,
        }
    }
}

impl Log {
    /// Sees to it that there is a reserve. To be called now and then, also while the disk is full: where the reserve had to be given up, the log
    /// takes everything again once there is room for another.
    ///
    /// # Errors
    /// The disk cannot say, or cannot keep it; the next call tries again.
    pub fn keep_reserve(&self) -> Result<(), StoreError> {
        let dir = self.writer.lock().dir().to_path_buf();
        let fail = |e: &std::io::Error| StoreError::io("reserving room in", &dir, e);
        let mut is_whole = true;
        for (name, most) in RESERVES.into_iter().zip([u64::MAX, FOR_REMOVALS_STEPS]) {
            let path = dir.join(name);
            if self.disk.exists(&path).map_err(|e| fail(&e))? {
                continue;
            }
            let free = self.disk.free_space(&dir).map_err(|e| fail(&e))?;
            let steps = (free / RESERVE_SHARE).min(RESERVE_BYTES) / RESERVE_STEP as u64;
            match steps.min(most) {
                0 => is_whole = false,
                steps => self.write_reserve(&path, steps).map_err(|e| fail(&e))?,
            }
        }
        if !is_whole {
            return Ok(());
        }
        let mut staging = self.staging.lock();
        if std::mem::take(&mut staging.reserve_is_lent) && staging.unwritten.is_none() {
            staging.fault = None;
        }
        Ok(())
    }

    fn write_reserve(&self, path: &Path, steps: u64) -> std::io::Result<()> {
        let file = self.disk.create(path)?;
        let zeros = vec![0; RESERVE_STEP];
        for step in 0..steps {
            let at = step.saturating_mul(RESERVE_STEP as u64);
            if let Err(error) = file.write_at(&zeros, at) {
                // Half a reserve is none.
                let _ = self.disk.remove(path);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives a reserve up; whether there was one.
    pub(super) fn give_up(&self, reserve: &str) -> bool {
        let path: PathBuf = self.writer.lock().dir().join(reserve);
        self.disk.remove(&path).is_ok()
    }

    /// On a full disk of which the log itself has a good part: the reserve may be used to let go of that. To be called now and then.
    pub fn make_room(&self) {
        let is_worth_it = self.writer.lock().bytes() > TIGHT_LOG_BYTES;
        let mut staging = self.staging.lock();
        if is_worth_it && staging.fault.as_ref().is_some_and(StoreError::may_pass) {
            staging.need = staging.need.max(Need::LetGo);
        }
    }

    /// The disk is full, or was and has no room for a reserve yet: whoever has something to give back should.
    pub fn wants_room(&self) -> bool {
        self.fault().is_some_and(|fault| fault.may_pass())
    }

    /// Whether the log takes room that is missing: the disk is full, or has less left than the log holds.
    pub(super) fn is_tight(&self) -> bool {
        let (held, dir) = {
            let writer = self.writer.lock();
            (writer.bytes(), writer.dir().to_path_buf())
        };
        if held <= TIGHT_LOG_BYTES {
            return false;
        }
        // A disk that cannot say is not known to be tight.
        self.wants_room() || self.disk.free_space(&dir).is_ok_and(|free| free < held)
    }

    /// Begins another segment when room is missing and the one that is written has a good part of it: an open segment never goes.
    pub(super) fn leave_for_room(&self) -> Result<(), StoreError> {
        if !self.is_tight() || !self.writer.lock().give_up_large_segment(TIGHT_LOG_BYTES) {
            return Ok(());
        }
        self.begin_segment()
    }

    /// Begins another segment with a checkpoint of no group.
    pub(super) fn begin_segment(&self) -> Result<(), StoreError> {
        let end = self.stage_for(Need::LetGo, GroupId::LOG, KIND_CHECKPOINTS, &[])?;
        self.commit(end)?;
        Ok(())
    }
}
