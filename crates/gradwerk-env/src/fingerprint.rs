//! Fingerprints of what decides how episodes run: a snapshot of one environment must not be
//! loaded into another.

/// Fowler, Noll and Vo's hash 1a of what was put in.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    /// Put in bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Put in a number of things.
    pub fn count(&mut self, n: usize) {
        self.bytes(&(n as u64).to_le_bytes());
    }

    /// Put in a real number.
    pub fn number(&mut self, x: f64) {
        self.bytes(&x.to_bits().to_le_bytes());
    }

    /// 52 bits, which a real number in double precision holds exactly.
    #[must_use]
    pub fn finish(self) -> u64 {
        self.0 >> 12
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value that Fowler, Noll and Vo give for `foobar`.
    #[test]
    fn the_published_value() {
        let mut hash = Fingerprint::default();
        hash.bytes(b"foobar");
        assert_eq!(hash.finish(), 0x8594_4171_f739_67e8 >> 12);
    }
}
