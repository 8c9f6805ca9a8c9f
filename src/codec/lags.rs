//! The distances at which bytes or numbers are alike: records, and rows.
//!
//! All of it is integer arithmetic on the bytes, the same on every machine.

/// Places that are compared with those before them.
const PLACES: usize = 512;

/// `count` numbers from `from` to `to`, evenly spread.
fn spread(from: usize, to: usize, count: usize) -> impl Iterator<Item = usize> {
    let span = to.saturating_sub(from);
    let count = count.min(span);
    (0..count).map(move |i| from + i * span / count)
}

/// Up to two distances, of the bytes at which many others are alike; 0 where there is none.
pub(super) fn records(bytes: &[u8], most: usize) -> (usize, usize) {
    let most = most.min(bytes.len() / 4);
    // A byte that is like the one before it, or zero, is alike at most distances.
    let telling = |&at: &usize| bytes[at] != bytes[at - 1] && bytes[at] != 0;
    let places: Vec<usize> = spread(most + 1, bytes.len(), 4 * PLACES).filter(telling).take(2 * PLACES).collect();
    if most < 2 || places.len() < 64 {
        return (0, 0);
    }
    let alike = |lag: usize| places.iter().filter(|&&at| bytes[at] == bytes[at - lag]).count();
    let counts: Vec<usize> = (0..=most).map(|lag| if lag < 2 { 0 } else { alike(lag) }).collect();
    let mut sorted = counts[2..].to_vec();
    sorted.sort_unstable();
    let floor = sorted[sorted.len() / 2] + places.len() / 16;
    let best = |skip: &dyn Fn(usize) -> bool| {
        let lags = || (2..=most).filter(|&lag| !skip(lag));
        let most = lags().map(|lag| counts[lag]).max().unwrap_or(0);
        // The least of those that are about as good: others are its multiples.
        lags().find(|&lag| counts[lag] > floor && counts[lag] * 4 >= most * 3).unwrap_or(0)
    };
    let first = best(&|_| false);
    if first == 0 {
        return (0, 0);
    }
    let second = best(&|lag| lag == first || lag == 2 * first || counts[lag] * 20 < counts[first] * 21);
    (first, second)
}

/// The distance of the number above, where numbers are in rows; 0 where they are not. It is a multiple of `channels`.
pub(super) fn row(numbers: &[u64], channels: usize, most: usize) -> usize {
    let most = most.min(numbers.len() / 3);
    let least = 4 * channels + 4;
    if most < 2 * least {
        return 0;
    }
    let places: Vec<usize> = spread(most, numbers.len(), PLACES).collect();
    // Twice the bits that the differences have.
    let cost = |lag: usize| -> u64 {
        let bits = |&at: &usize| {
            let off = u128::from(numbers[at].abs_diff(numbers[at - lag]));
            u64::from((off * off + 1).ilog2())
        };
        places.iter().map(bits).sum()
    };
    let lags = || (least..=most).filter(|lag| lag.is_multiple_of(channels));
    let mut costs: Vec<(u64, usize)> = lags().map(|lag| (cost(lag), lag)).collect();
    let mut sorted: Vec<u64> = costs.iter().map(|&(cost, _)| cost).collect();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    // Numbers near by in the same row are alike, too: a row is longer than that.
    let far = costs.iter().position(|&(cost, _)| cost >= median).unwrap_or(0);
    costs.drain(..far);
    let best = costs.iter().map(|&(cost, _)| cost).min().unwrap_or(median);
    // A row saves at least an eighth of a bit for each number against other distances.
    if best + PLACES as u64 / 4 > median {
        return 0;
    }
    // The first that is about as good, and the best beside it: others are its multiples.
    let near = best + (median - best) / 4;
    let first = costs.iter().position(|&(cost, _)| cost <= near).unwrap_or(0);
    let around = &costs[first..(first + 16).min(costs.len())];
    around.iter().min().map_or(0, |&(_, lag)| lag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_records_are_found() {
        let picture: Vec<u64> =
            (0..200u64 * 300).map(|i| (i % 300) * (i % 300) % 251 + i / 300).collect();
        assert_eq!(row(&picture, 1, 4000), 300);
        let table: Vec<u8> = (0..1000u32)
            .flat_map(|i| [7, 0, (i.wrapping_mul(2_654_435_761) >> 13) as u8, 77, 9, 13, 200])
            .collect();
        assert_eq!(records(&table, 4096).0, 7);
    }

    #[test]
    fn few_or_equal_bytes_have_none() {
        for bytes in [&[][..], &[1], &[1; 100], &[0; 100_000]] {
            assert_eq!(records(bytes, 4096), (0, 0));
        }
        assert_eq!(row(&[], 1, 100), 0);
        assert_eq!(row(&[5; 10_000], 3, 1000), 0);
    }
}
