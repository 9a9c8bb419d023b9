//! Amounts of memory, CPU and disk, and how they are shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// So much of each resource that placement goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Amounts {
    /// Memory in bytes.
    pub memory: u64,
    /// CPU in thousandths of a core.
    pub cpu: u64,
    /// Disk in bytes.
    pub disk: u64,
}

impl Amounts {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            memory: self.memory.saturating_add(other.memory),
            cpu: self.cpu.saturating_add(other.cpu),
            disk: self.disk.saturating_add(other.disk),
        }
    }

    /// What is left without `other`; nothing where there is less than that.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            memory: self.memory.saturating_sub(other.memory),
            cpu: self.cpu.saturating_sub(other.cpu),
            disk: self.disk.saturating_sub(other.disk),
        }
    }

    /// Whether there is at least `other` of everything.
    #[must_use]
    pub fn cover(self, other: Self) -> bool {
        self.memory >= other.memory && self.cpu >= other.cpu && self.disk >= other.disk
    }
}

/// A number of bytes as people read it: `512 MiB`, `1.5 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            ("TiB", 1 << 40),
            ("GiB", 1 << 30),
            ("MiB", 1 << 20),
            ("KiB", 1 << 10),
        ];
        match units.iter().find(|(_, factor)| self.0 >= *factor) {
            Some((unit, factor)) => {
                // Rounded down: what is free must not look like more than there is.
                let whole = self.0 / factor;
                let hundredths = u128::from(self.0 % factor) * 100 / u128::from(*factor);
                write_decimal(f, whole, hundredths, 2)?;
                write!(f, " {unit}")
            }
            None => write!(f, "{} B", self.0),
        }
    }
}

/// Thousandths of a core as people read them: `0.25 cores`, `1 core`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cores(pub u64);

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0 / 1000, u128::from(self.0 % 1000), 3)?;
        f.write_str(if self.0 == 1000 { " core" } else { " cores" })
    }
}

/// `whole` and `parts` of ten to the power of `digits`, without zeros at the end.
fn write_decimal(
    f: &mut fmt::Formatter<'_>,
    whole: u64,
    parts: u128,
    digits: usize,
) -> fmt::Result {
    write!(f, "{whole}")?;
    if parts > 0 {
        let decimals = format!("{parts:0digits$}");
        write!(f, ".{}", decimals.trim_end_matches('0'))?;
    }
    Ok(())
}
