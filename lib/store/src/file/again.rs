//! After a failed write or sync nobody knows what the blocks hold: the stream is opened again, as after a crash, while the server goes on.
//!
//! Everything that the last durable document does not name comes from the log, into new blocks; the old files are left alone until a checkpoint
//! says that nobody needs them. So no sync is ever tried a second time on the same bytes. While the disk goes on failing, the attempts become
//! rarer.

use std::sync::Arc;

use super::recover::Recovering;
use super::stream::FileStream;
use crate::error::StoreError;
use crate::state::Limits;

/// Calls between two attempts, at most; the upkeep calls once a second.
const PATIENCE_MAX: u32 = 64;

impl FileStream {
    /// Opens the stream again if it has to be, and it is time.
    pub(super) fn open_again_if_failed(&mut self) -> Result<(), StoreError> {
        let openings = {
            let mut upkeep = self.upkeep.lock();
            let Some(failed) = upkeep.failed.clone() else {
                return Ok(());
            };
            if self.is_filling {
                return Err(failed);
            }
            if upkeep.patience > 0 {
                upkeep.patience = upkeep.patience.saturating_sub(1);
                drop(upkeep);
                self.around.log.want_checkpoint(self.group);
                return Err(failed);
            }
            let openings = upkeep.openings.saturating_add(1);
            upkeep.openings = openings;
            upkeep.patience = 1_u32
                .checked_shl(openings)
                .unwrap_or(PATIENCE_MAX)
                .min(PATIENCE_MAX);
            openings
        };
        self.open_again(openings).inspect_err(|_| {
            self.around.log.want_checkpoint(self.group);
        })
    }

    fn open_again(&mut self, openings: u32) -> Result<(), StoreError> {
        let log = Arc::clone(&self.around.log);
        log.commit(self.staged)?;
        // What was read through files that failed may be what they should hold, and not what they hold.
        for block in &self.blocks.all {
            self.around.cache.drop_file(self.group, block.number);
        }
        let mut back = Recovering::open(
            self.around.clone(),
            self.dir.clone(),
            self.group,
            self.settings.clone(),
            Limits::default(),
        )?;
        back.avoid_blocks_before(self.next_block);
        let mut failed = None;
        log.replay(&mut |entry| {
            if entry.group == self.group
                && failed.is_none()
                && let Err(error) = back.replay(&entry)
            {
                failed = Some(error);
            }
        })?;
        if let Some(error) = failed.or_else(|| back.trouble().cloned()) {
            return Err(error);
        }
        let (mut fresh, _) = back.finish();
        self.check_same(&fresh)?;
        fresh.limits = self.limits;
        fresh.home.clone_from(&self.home);
        if let Some(damage) = self.damage.take() {
            fresh.damage = Some(damage);
        }
        {
            let mut upkeep = fresh.upkeep.lock();
            upkeep.openings = openings;
            upkeep.patience = self.upkeep.lock().patience;
        }
        fresh.changed = true;
        *self = fresh;
        Ok(())
    }

    /// What came back must be what was in memory, or the stream stays as it is, frozen.
    fn check_same(&self, fresh: &Self) -> Result<(), StoreError> {
        let figures = |stream: &Self| {
            let contents = &stream.contents;
            (
                contents.messages,
                contents.bytes,
                contents.first,
                contents.last,
                contents.lost.count(),
            )
        };
        let (was, is) = (figures(self), figures(fresh));
        match was == is {
            true => Ok(()),
            false => Err(StoreError::Frozen(Arc::from(format!(
                "its files hold {} messages up to {}, it has {} up to {}",
                is.0, is.3, was.0, was.3
            )))),
        }
    }
}
