//! How the rows of a gradient are cut: into shares of chunks, into tiles that are computed at
//! once, and, for networks with memory, into sequences.
//!
//! Where the cuts lie depends on the rows alone, never on the number of threads.

use gradwerk_nn::TILE;

/// Most chunks a gradient is split into, and so most threads that can share one.
pub(super) const MAX_CHUNKS: usize = 16;
/// Fewest rows that are worth a chunk of their own.
pub(super) const CHUNK_ROWS: usize = 2 * TILE;
/// Most sequences of a tile, and fewest that are worth a chunk of their own.
const SEQUENCES: usize = TILE / 4;

/// The rule by which rows are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cutting {
    /// Environments N: row `k + n` follows row `k`.
    pub n: usize,
    /// Longest sequence; none without memory, where rows are independent.
    pub segment: Option<usize>,
}

impl Cutting {
    /// Most rows of a tile.
    pub fn tile_rows(segment: Option<usize>) -> usize {
        segment.map_or(TILE, |segment| SEQUENCES * segment)
    }

    /// Most chunks for so many rows, whatever the sequences.
    pub fn most_chunks(segment: Option<usize>, rows: usize) -> usize {
        chunks(rows, segment.map_or(CHUNK_ROWS, |_| SEQUENCES))
    }

    /// Most rows of a share of so many.
    pub fn longest_share(segment: Option<usize>, rows: usize) -> usize {
        if segment.is_some() {
            return rows;
        }
        // A share has at most the average number of tiles and one, and there are smaller batches
        // whose chunks have up to three.
        (rows.div_ceil(TILE) / Self::most_chunks(None, rows) + 2) * TILE
    }

    /// Into how many chunks a gradient over `rows` is split.
    pub fn chunk_count(self, rows: &[u32]) -> usize {
        match self.segment {
            None => Self::most_chunks(None, rows.len()),
            Some(_) => chunks(self.sequences(rows).count(), SEQUENCES),
        }
    }

    /// The rows of chunk `i` of `count`: contiguous; whole tiles but for the last chunk, or whole
    /// sequences.
    pub fn share(self, rows: &[u32], i: usize, count: usize) -> &[u32] {
        if self.segment.is_some() {
            let all = self.sequences(rows).count();
            let end = |i: usize| self.sequences(rows).take(i * all / count).map(<[u32]>::len).sum();
            let (start, end): (usize, usize) = (end(i), end(i + 1));
            return &rows[start..end];
        }
        let tiles = rows.len().div_ceil(TILE);
        let end = |i: usize| (i * tiles / count * TILE).min(rows.len());
        &rows[end(i)..end(i + 1)]
    }

    /// Contiguous pieces that are computed at once.
    pub fn tiles(self, rows: &[u32]) -> impl Iterator<Item = &[u32]> {
        let mut rest = rows;
        std::iter::from_fn(move || {
            let len = match self.segment {
                None => rest.len().min(TILE),
                Some(_) => self.sequences(rest).take(SEQUENCES).map(<[u32]>::len).sum(),
            };
            let (tile, later) = rest.split_at(len);
            rest = later;
            (len > 0).then_some(tile)
        })
    }

    /// What one environment lived through without a gap, at most a segment long each.
    pub fn sequences(self, rows: &[u32]) -> impl Iterator<Item = &[u32]> {
        let (step, longest) = (self.n as u32, self.segment.unwrap_or(1));
        let mut rest = rows;
        std::iter::from_fn(move || {
            let goes_on = |pair: &&[u32]| pair[1] == pair[0] + step;
            let len = rest.windows(2).take(longest - 1).take_while(goes_on).count() + 1;
            let (sequence, later) = rest.split_at_checked(len)?;
            rest = later;
            Some(sequence)
        })
    }
}

fn chunks(parts: usize, least: usize) -> usize {
    parts.div_ceil(least).clamp(1, MAX_CHUNKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of 3 environments over 5 steps, environment by environment, without step 2 of the
    /// second.
    fn rows() -> Vec<u32> {
        (0..3).flat_map(|i| (0..5).map(move |t| t * 3 + i)).filter(|row| *row != 7).collect()
    }

    #[test]
    fn sequences_end_at_gaps_at_other_environments_and_at_the_segment() {
        let cutting = Cutting { n: 3, segment: Some(3) };
        let rows = rows();
        let found: Vec<&[u32]> = cutting.sequences(&rows).collect();
        let expected: [&[u32]; 6] =
            [&[0, 3, 6], &[9, 12], &[1, 4], &[10, 13], &[2, 5, 8], &[11, 14]];
        assert_eq!(found, expected);
        assert_eq!(cutting.sequences(&[]).count(), 0);
    }

    #[test]
    fn shares_and_tiles_are_whole_sequences_and_leave_nothing_out() {
        let n = 100;
        let rows: Vec<u32> = (0..n).flat_map(|i| (0..10).map(move |t| t * n + i)).collect();
        for segment in [Some(1), Some(4), Some(16), None] {
            let cutting = Cutting { n: n as usize, segment };
            let count = cutting.chunk_count(&rows);
            assert!(count > 1 && count <= Cutting::most_chunks(segment, rows.len()), "{segment:?}");
            let shares: Vec<&[u32]> = (0..count).map(|i| cutting.share(&rows, i, count)).collect();
            assert_eq!(shares.concat(), rows, "{segment:?}");
            for share in shares {
                let tiles: Vec<&[u32]> = cutting.tiles(share).collect();
                assert_eq!(tiles.concat(), share, "{segment:?}");
                let most = Cutting::tile_rows(segment);
                assert!(tiles.iter().all(|tile| tile.len() <= most), "{segment:?}");
                let sequences = |rows| cutting.sequences(rows).count();
                let parts: usize = tiles.iter().map(|tile| sequences(tile)).sum();
                assert_eq!(parts, sequences(share), "{segment:?}");
            }
        }
    }
}
