//! Every coder of tokens: any bytes come back, damage is noticed, and lengths are those of theory and of an oracle.

use std::borrow::Cow;

use constriction::stream::Encode;
use constriction::stream::model::DefaultContiguousCategoricalEntropyModel as Categorical;
use constriction::stream::queue::DefaultRangeEncoder;
use constriction::stream::stack::DefaultAnsCoder;
use proptest::prelude::*;

use super::control::Control;
use super::neural;
use super::token_coder::{Prediction, TokenCoder, TokenDecoder, TokenEncoder};
use super::tests::{decode, encode, round_trip};
use super::{ChunkCodec, EncodeOptions, Level};
use crate::error::Error;
use crate::format::{CodecId, CoderId, Coding};
use crate::progress::Progress;

const TEXT: &[u8] = include_bytes!("../../FORMAT.md");

/// The smallest built-in model with a coder.
fn nano(coder: CoderId, threads: usize) -> ChunkCodec {
    let level = Level::new(4).unwrap();
    ChunkCodec::for_encoding(&EncodeOptions { level, coder, threads, ..Default::default() }).unwrap()
}

fn coder_of((coding, _): &(Coding, Vec<u8>)) -> Option<CoderId> {
    coding.coder().filter(|_| coding.codec() == CodecId::Neural)
}

#[test]
fn every_coder_gives_the_same_bytes_for_any_number_of_threads_and_takes_them_back() {
    for coder in CoderId::ALL {
        let chunks: Vec<&[u8]> = TEXT[..9000].chunks(2500).collect();
        let expected = round_trip(&nano(coder, 1), &nano(CoderId::Mix, 1), &chunks);
        assert!(expected.iter().all(|coded| coder_of(coded) == Some(coder)), "{}", coder.name());
        let again = round_trip(&nano(coder, 3), &nano(coder, 2), &chunks);
        assert!(again == expected, "{}", coder.name());
    }
}

/// One archive may have chunks of all coders, decoded side by side.
#[test]
fn chunks_of_all_coders_decode_side_by_side() {
    let all = CoderId::ALL.map(|coder| encode(&nano(coder, 1), &[&TEXT[..3000]], &Progress::default()).unwrap());
    let all: Vec<_> = all.into_iter().flatten().collect();
    let raws = decode(&nano(CoderId::Mix, 1), &all, &[3000; CoderId::ALL.len()]).unwrap();
    assert!(raws.into_iter().all(|raw| raw.unwrap() == TEXT[..3000]));
}

#[test]
fn a_coder_without_a_model_is_a_wrong_usage() {
    let level = Level::new(3).unwrap();
    for coder in CoderId::ALL {
        let made = ChunkCodec::for_encoding(&EncodeOptions { level, coder, ..Default::default() });
        assert_eq!(made.is_ok(), coder == CoderId::Mix);
        assert!(matches!(made, Ok(_) | Err(Error::Usage(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_bytes_come_back(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(0u8..4, 0..900),
            "[ -~\\n]{0,900}".prop_map(String::into_bytes),
            any::<String>().prop_map(String::into_bytes),
        ],
        cut in 1usize..400,
    ) {
        for coder in CoderId::ALL {
            let chunks: Vec<&[u8]> = bytes.chunks(cut).collect();
            round_trip(&nano(coder, 1), &nano(coder, 1), &chunks);
        }
    }

    /// Damaged bytes decode to something else or to nothing, but in bounded time and without a panic.
    #[test]
    fn damage_does_not_panic(
        at in any::<prop::sample::Index>(), with in 1u8.., cut in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        for coder in CoderId::ALL {
            let codec = nano(coder, 1);
            let coded = encode(&codec, &[&TEXT[..1500]], &Progress::default()).unwrap();
            let (coding, whole) = coded[0].clone();
            let at = at.index(whole.len());
            let mut damaged = whole.clone();
            damaged[at] ^= with;
            if cut { damaged.truncate(at) }
            let jobs = [(coding, damaged), (coding, noise.clone())];
            let raws = decode(&codec, &jobs, &[1500, 1500]).unwrap();
            for raw in raws {
                match raw {
                    Ok(raw) => prop_assert_eq!(raw.len(), 1500),
                    Err(error) => prop_assert!(matches!(error, Error::Corrupt(_)), "{error}"),
                }
            }
        }
    }
}

/// The cost of all tokens by their distributions, and by an oracle.
struct Ideal {
    bits: f64,
    /// The sum over tokens of what a Huffman code may cost more than the entropy.
    huffman_slack: f64,
    range: DefaultRangeEncoder,
    /// Tokens and their models, for rANS in reverse.
    tokens: Vec<(u32, Categorical)>,
}

/// Writes nothing, but adds up what others should need.
struct Observer(std::sync::Mutex<Option<Ideal>>);

impl TokenCoder for Observer {
    fn id(&self) -> CoderId {
        CoderId::Mix
    }

    fn bytes(&self, _: usize) -> u64 {
        0
    }

    fn encoder(&self, _: usize) -> Box<dyn TokenEncoder + '_> {
        let ideal = Ideal {
            bits: 0.0,
            huffman_slack: 0.0,
            range: DefaultRangeEncoder::new(),
            tokens: Vec::new(),
        };
        Box::new(Observing { ideal, to: &self.0 })
    }

    fn decoder<'a>(&'a self, _: Cow<'a, [u8]>, _: usize) -> Box<dyn TokenDecoder + 'a> {
        unreachable!("only coding is observed")
    }
}

struct Observing<'a> {
    ideal: Ideal,
    to: &'a std::sync::Mutex<Option<Ideal>>,
}

impl TokenEncoder for Observing<'_> {
    fn encode(&mut self, prediction: &Prediction<'_>, token: u32) {
        let total = prediction.frequencies.total() as f64;
        let each: Vec<f64> =
            prediction.frequencies.each().iter().map(|&f| f64::from(f) / total).collect();
        self.ideal.bits -= each[token as usize].log2();
        let most = each.iter().copied().fold(0.0, f64::max);
        // Gallager, "Variations on a theme by Huffman" (1978): p + 0.086 bits, or 1 bit where p is at least 1/2.
        self.ideal.huffman_slack += if most < 0.5 { most + 0.0861 } else { 1.0 };
        let model = Categorical::from_floating_point_probabilities_fast(&each, None).unwrap();
        self.ideal.range.encode_symbol(token as usize, &model).unwrap();
        self.ideal.tokens.push((token, model));
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        *self.to.lock().unwrap() = Some(self.ideal);
        Vec::new()
    }
}

#[test]
fn lengths_are_those_of_theory_and_of_an_oracle() {
    let codec = nano(CoderId::Mix, 1);
    let model = codec.model.as_ref().unwrap();
    let tokens = codec.tokens(&**model, TEXT).unwrap();
    let observer = Observer(std::sync::Mutex::default());
    let (progress, aborted) = (Progress::default(), Default::default());
    let control = Control::new(&progress, &aborted);
    neural::encode(model, &observer, codec.isa, &tokens, TEXT.len(), false, control).unwrap();
    let mut ideal = observer.0.into_inner().unwrap().unwrap();

    let length = |coder| {
        let coded = encode(&nano(coder, 1), &[TEXT], &Progress::default()).unwrap();
        assert_eq!(coder_of(&coded[0]), Some(coder));
        coded[0].1.len() as f64
    };
    let entropy = ideal.bits / 8.0;
    let (arith, rans) = (length(CoderId::Arith), length(CoderId::Rans));
    // The oracle's probabilities are rounded, too.
    let oracle = ideal.range.get_compressed().len() as f64 * 4.0;
    let mut ans = DefaultAnsCoder::new();
    for (token, model) in ideal.tokens.iter().rev() {
        ans.encode_symbol(*token as usize, model).unwrap();
    }
    let ans_oracle = ans.into_compressed().unwrap().len() as f64 * 4.0;
    for (ours, bound) in [(arith, oracle), (rans, ans_oracle), (arith, entropy), (rans, entropy)] {
        assert!((ours / bound - 1.0).abs() < 0.001, "{ours} bytes where {bound} are right");
    }
    let huffman = length(CoderId::Huffman);
    let tokens = tokens.len() as f64;
    assert!(huffman > entropy && huffman > tokens / 8.0, "{huffman}: {entropy}");
    // The bound is on the expected length, which the text keeps to as far as the model fits it: twice is plenty.
    assert!(huffman < entropy + 2.0 * ideal.huffman_slack / 8.0, "{huffman}: {entropy}");
    // Ranks forget all of the distribution but its order.
    for coder in [CoderId::RankAns, CoderId::RankBrotli, CoderId::RankZstd] {
        assert!(length(coder) > huffman, "{}", coder.name());
    }
}
