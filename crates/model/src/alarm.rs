//! Alarms: why a node takes nothing from publishers for a while.

/// Why a node takes nothing from publishers for a while.
///
/// Source: RabbitMQ, "Memory and Disk Alarms"; `Store` and `Pressure` are what its flow control and
/// its crash on a failed write are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The node uses more memory than it should.
    Memory,
    /// The disk has less room than it should.
    Disk,
    /// The store takes no more writes until the node is restarted.
    Store,
    /// More waits for the disk than it should. Soon over, so nobody is told.
    Pressure,
}

/// The alarms in effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlarmSet(u8);

impl Alarm {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Disk, Self::Memory, Self::Store, Self::Pressure];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl AlarmSet {
    /// None.
    pub const NONE: Self = Self(0);

    /// A bit for each alarm.
    const ALL_BITS: u8 = (1 << Alarm::ALL.len()) - 1;

    /// As [`Self::bits`] gave it.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL_BITS)
    }

    /// As a number, to be kept in an atomic.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether that one is among them.
    pub fn has(self, alarm: Alarm) -> bool {
        self.0 & alarm.bit() != 0
    }

    /// And that one.
    #[must_use]
    pub fn with(self, alarm: Alarm) -> Self {
        Self(self.0 | alarm.bit())
    }

    /// But not that one.
    #[must_use]
    pub fn without(self, alarm: Alarm) -> Self {
        Self(self.0 & !alarm.bit())
    }

    /// Those that peers and operators are told of: all but pressure.
    #[must_use]
    pub fn announced(self) -> Self {
        self.without(Alarm::Pressure)
    }

    /// Each of them, in the order in which they are told.
    pub fn iter(self) -> impl Iterator<Item = Alarm> {
        Alarm::ALL.into_iter().filter(move |alarm| self.has(*alarm))
    }
}

impl FromIterator<Alarm> for AlarmSet {
    fn from_iter<T: IntoIterator<Item = Alarm>>(alarms: T) -> Self {
        alarms.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_added_and_not_removed() {
        let both = AlarmSet::NONE.with(Alarm::Memory).with(Alarm::Pressure);
        assert_eq!(both.iter().collect::<Vec<_>>(), [Alarm::Memory, Alarm::Pressure]);
        assert!(!both.has(Alarm::Disk) && !both.has(Alarm::Store));
        assert_eq!(both.announced(), AlarmSet::NONE.with(Alarm::Memory));
        assert!(both.without(Alarm::Memory).announced().is_empty());
        assert_eq!(AlarmSet::from_bits(both.bits()), both);
        assert_eq!(AlarmSet::from_bits(0xf0), AlarmSet::NONE);
    }
}
