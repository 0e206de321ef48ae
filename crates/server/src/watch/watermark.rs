//! The limits as configured, and what they come to on this machine.

/// `vm_memory_high_watermark`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MemoryLimit {
    /// A share of the memory that the node may have.
    Relative(f64),
    /// In bytes.
    Absolute(u64),
}

/// `disk_free_limit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum DiskLimit {
    /// A multiple of the memory that the node may have.
    Relative(f64),
    /// In bytes.
    Absolute(u64),
}

/// What the limits come to on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermarks {
    /// More memory used than this is an alarm.
    pub(crate) memory_bytes: u64,
    /// Less of the disk free than this is an alarm.
    pub(crate) disk_free_bytes: u64,
}

impl Watermarks {
    /// Of a machine where the node may have so much memory.
    pub(crate) fn new(memory: MemoryLimit, disk: DiskLimit, total_memory_bytes: u64) -> Self {
        let share = |factor: f64| (factor * total_memory_bytes as f64) as u64;
        Self {
            memory_bytes: match memory {
                MemoryLimit::Relative(factor) => share(factor),
                MemoryLimit::Absolute(bytes) => bytes,
            },
            disk_free_bytes: match disk {
                DiskLimit::Relative(factor) => share(factor),
                DiskLimit::Absolute(bytes) => bytes,
            },
        }
    }

    /// What the messages of durable queues may take in memory together, in bytes. Source: RabbitMQ,
    /// `vm_memory_high_watermark_paging_ratio` of 0.5.
    pub(crate) fn paging_bytes(self) -> u64 {
        self.memory_bytes / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_limits_are_shares_of_the_memory_and_absolute_ones_stand() {
        let total = 10_000_000_000;
        let relative = Watermarks::new(MemoryLimit::Relative(0.6), DiskLimit::Relative(1.5), total);
        assert_eq!(relative.memory_bytes, 6_000_000_000);
        assert_eq!(relative.disk_free_bytes, 15_000_000_000);
        let absolute = Watermarks::new(MemoryLimit::Absolute(1), DiskLimit::Absolute(2), total);
        assert_eq!(absolute, Watermarks { memory_bytes: 1, disk_free_bytes: 2 });
    }
}
