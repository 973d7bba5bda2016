//! Names for the parts of one flat parameter vector.

use gradwerk_math::{Purpose, Real, Stream};

use crate::init;

/// How an entry gets its first values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// The same number everywhere.
    Constant(f64),
    /// A random (semi-)orthogonal matrix times `gain` (Saxe, McClelland and Ganguli 2014).
    Orthogonal {
        /// Factor: every row or column, whichever are fewer, has this length.
        gain: f64,
    },
    /// Matrices side by side, each as with [`Init::Orthogonal`]: the gates of a recurrent layer.
    OrthogonalBlocks {
        /// Factor, as there.
        gain: f64,
        /// How many matrices of equal width.
        blocks: usize,
    },
    /// Independent normal numbers with mean 0.
    Normal {
        /// Their standard deviation.
        deviation: f64,
    },
    /// Uniform with variance `gain^2 / inputs` (LeCun et al. 1998; He et al. 2015 with gain sqrt 2).
    FanIn {
        /// Factor of the standard deviation `1 / sqrt(inputs)`.
        gain: f64,
    },
}

/// One named part of the parameter vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Path such as `policy.0.weight`.
    pub name: String,
    /// Row-major shape: `[inputs, outputs]` for weights, `[outputs]` for biases.
    pub shape: Vec<usize>,
    /// Index of the first number in the flat vector.
    pub offset: usize,
    /// First values.
    pub init: Init,
}

impl Entry {
    /// How many numbers the entry has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the entry has no numbers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its place in the flat vector.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// The entries of a flat parameter vector, in order and without gaps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    entries: Vec<Entry>,
}

impl Layout {
    /// Append an entry and return its offset.
    pub fn push(&mut self, name: impl Into<String>, shape: &[usize], init: Init) -> usize {
        let offset = self.len();
        self.entries.push(Entry { name: name.into(), shape: shape.to_vec(), offset, init });
        offset
    }

    /// Append all entries of another layout, each name after `prefix` and a dot.
    pub fn extend(&mut self, prefix: &str, other: &Self) {
        for entry in &other.entries {
            self.push(format!("{prefix}.{}", entry.name), &entry.shape, entry.init);
        }
    }

    /// How many numbers the flat vector has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.last().map_or(0, |e| e.range().end)
    }

    /// Whether there are no parameters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries in the order of their offsets.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.name == name)
    }

    /// The entry that holds the number at `index` of the flat vector (to name the place of a NaN).
    #[must_use]
    pub fn entry_at(&self, index: usize) -> Option<&Entry> {
        self.entries.iter().find(|e| e.range().contains(&index))
    }

    /// First parameters: entry `i` draws from the stream `(seed, Init, i, 0)`.
    ///
    /// # Panics
    /// If `theta` does not have [`Layout::len`] numbers.
    pub fn init<R: Real>(&self, seed: u64, theta: &mut [R]) {
        assert_eq!(theta.len(), self.len(), "length of theta");
        for (index, entry) in self.entries.iter().enumerate() {
            let mut stream = Stream::new(seed, Purpose::Init, index as u64, 0);
            init::fill(entry, &mut stream, &mut theta[entry.range()]);
        }
    }
}
