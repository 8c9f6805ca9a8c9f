//! Numbers in the order in which they are coded: their most significant byte first, and greater numbers by greater
//! bytes.

use crate::mixer::records::{Layout, Segment, Sign};

/// Puts the numbers of all segments in order.
#[cfg(feature = "encode")]
pub(super) fn put(bytes: &mut [u8], segments: &[Segment]) {
    each(bytes, segments, |number, little, sign| {
        if little {
            number.reverse();
        }
        match sign {
            Sign::Unsigned => {}
            Sign::Signed => number[0] ^= 0x80,
            // Greater magnitudes are lesser numbers where the sign is set.
            Sign::Magnitude if number[0] < 0x80 => number[0] |= 0x80,
            Sign::Magnitude => number.iter_mut().for_each(|byte| *byte = !*byte),
        }
    });
}

/// Undoes [`put`].
pub(super) fn take(bytes: &mut [u8], segments: &[Segment]) {
    each(bytes, segments, |number, little, sign| {
        match sign {
            Sign::Unsigned => {}
            Sign::Signed => number[0] ^= 0x80,
            Sign::Magnitude if number[0] >= 0x80 => number[0] &= 0x7f,
            Sign::Magnitude => number.iter_mut().for_each(|byte| *byte = !*byte),
        }
        if little {
            number.reverse();
        }
    });
}

fn each(mut bytes: &mut [u8], segments: &[Segment], mut change: impl FnMut(&mut [u8], bool, Sign)) {
    for segment in segments {
        let (these, rest) = bytes.split_at_mut(segment.len);
        bytes = rest;
        if let Layout::Numbers { width, little, sign, .. } = segment.layout {
            these.chunks_exact_mut(width.into()).for_each(|number| change(number, little, sign));
        }
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn greater_numbers_are_greater_bytes() {
        let numbers = [f32::MIN, -7.5, -1e-30, -0.0, 0.0, 1e-30, 0.5, 7.0, f32::MAX];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let layout =
            Layout::Numbers { width: 4, little: true, sign: Sign::Magnitude, channels: 1, row: 0 };
        put(&mut bytes, &[Segment { len: 36, layout }]);
        assert!(bytes.as_chunks::<4>().0.is_sorted());
        let mut bytes: Vec<u8> = [i16::MIN, -2, -1, 0, 1, i16::MAX].iter().flat_map(|x| x.to_be_bytes()).collect();
        let layout =
            Layout::Numbers { width: 2, little: false, sign: Sign::Signed, channels: 1, row: 0 };
        put(&mut bytes, &[Segment { len: 12, layout }]);
        assert!(bytes.as_chunks::<2>().0.is_sorted());
    }

    proptest! {
        #[test]
        fn what_was_put_in_order_comes_back(
            raw in proptest::collection::vec(any::<u8>(), 0..200),
            width in 1u8..=8,
            little in any::<bool>(),
            sign in 0usize..3,
        ) {
            let sign = [Sign::Unsigned, Sign::Signed, Sign::Magnitude][sign];
            let len = raw.len() / usize::from(width) * usize::from(width);
            let layout = Layout::Numbers { width, little, sign, channels: 1, row: 0 };
            let segments =
                [Segment { len, layout }, Segment { len: raw.len() - len, layout: Layout::PLAIN }];
            let mut bytes = raw.clone();
            put(&mut bytes, &segments);
            take(&mut bytes, &segments);
            prop_assert_eq!(bytes, raw);
        }
    }
}
