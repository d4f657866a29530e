//! Records of a few bytes, addressed by 31 bits.

/// Bytes in a unit: what an address counts.
const UNIT: usize = 4;

/// The largest number of units: the highest bit of a reference tells leaves from nodes.
const UNITS_MAX: usize = (1 << 31) - 1;

/// Sizes up to this have a list of free records each.
const CLASSES: usize = 512;

/// End of a list of free records.
const END: u32 = u32::MAX;

/// Records of changing sizes in one block of memory. The owner knows how long each of its records is.
#[derive(Debug, Clone, Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    /// By size in units: the first free record, which holds the address of the next.
    free: Vec<u32>,
    /// Free records too large for a class: units and address.
    large: Vec<(usize, u32)>,
    free_units: usize,
}

/// The arena has no room for another record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArenaFull;

fn units(len: usize) -> usize {
    len.div_ceil(UNIT).max(1)
}

impl Arena {
    /// Everything from the record at `at` on; the record knows its own end.
    #[inline]
    pub(super) fn at(&self, at: u32) -> &[u8] {
        &self.bytes[at as usize * UNIT..]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, at: u32) -> &mut [u8] {
        &mut self.bytes[at as usize * UNIT..]
    }

    /// Stores the parts in a row.
    pub(super) fn add(&mut self, parts: &[&[u8]]) -> Result<u32, ArenaFull> {
        let len = parts.iter().map(|part| part.len()).sum();
        let at = self.take(units(len))?;
        let mut place = self.at_mut(at);
        for part in parts {
            let (here, rest) = place.split_at_mut(part.len());
            here.copy_from_slice(part);
            place = rest;
        }
        Ok(at)
    }

    /// Gives back the record of `len` bytes at `at`.
    pub(super) fn remove(&mut self, at: u32, len: usize) {
        let units = units(len);
        self.free_units += units;
        if units >= CLASSES {
            self.large.push((units, at));
            return;
        }
        if self.free.len() <= units {
            self.free.resize(units + 1, END);
        }
        let next = std::mem::replace(&mut self.free[units], at);
        self.at_mut(at)[..UNIT].copy_from_slice(&next.to_le_bytes());
    }

    fn take(&mut self, units: usize) -> Result<u32, ArenaFull> {
        if let Some(&at) = self.free.get(units)
            && at != END
        {
            let next = self.at(at);
            self.free[units] = u32::from_le_bytes([next[0], next[1], next[2], next[3]]);
            self.free_units -= units;
            return Ok(at);
        }
        if units >= CLASSES
            && let Some(i) = self.large.iter().position(|&(size, _)| size == units)
        {
            self.free_units -= units;
            return Ok(self.large.swap_remove(i).1);
        }
        let at = self.bytes.len() / UNIT;
        if at + units > UNITS_MAX {
            return Err(ArenaFull);
        }
        self.bytes.resize((at + units) * UNIT, 0);
        u32::try_from(at).map_err(|_| ArenaFull)
    }

    /// Bytes in use and bytes that are free to be used again.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let free = self.free_units * UNIT;
        (self.bytes.len() - free, free)
    }
}
