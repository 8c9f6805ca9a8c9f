//! A loaded model: packed matrices and plain vectors.

use crate::kernel::matrix::Matrix;
use crate::kernel::sparse::Columns;
use crate::vocab::Vocabulary;

/// The dimensions of an RWKV-7 model; heads are 64 wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Number of layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Inner width of the channel mix.
    pub inner: usize,
    /// Number of tokens.
    pub vocabulary: usize,
}

impl Shape {
    /// Heads per layer.
    pub fn heads(&self) -> usize {
        self.width / crate::kernel::wkv::HEAD
    }
}

/// Scale and shift of a normalisation.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A low-rank pair: `down` to the rank, `up` to the width, with a bias.
#[derive(Debug, Clone)]
pub(super) struct LowRank {
    pub down: Matrix,
    pub up: Matrix,
    pub bias: Vec<f32>,
}

/// One layer's time mix ("attention" in BlinkDL's names).
#[derive(Debug, Clone)]
pub(super) struct TimeMix {
    /// Token-shift weights for r, w, k, v, a, g.
    pub mix: [Vec<f32>; 6],
    pub receptance: Matrix,
    pub key: Matrix,
    pub value: Matrix,
    pub output: Matrix,
    pub decay: LowRank,
    pub rate: LowRank,
    /// Absent in layer 0, whose values the other layers mix in.
    pub residual: Option<LowRank>,
    /// The gate has no bias; its `bias` is empty.
    pub gate: LowRank,
    pub k_k: Vec<f32>,
    pub k_a: Vec<f32>,
    pub r_k: Vec<f32>,
    pub norm: Norm,
}

/// One layer's channel mix ("ffn").
#[derive(Debug, Clone)]
pub(super) struct ChannelMix {
    pub mix: Vec<f32>,
    pub key: Matrix,
    pub value: Columns,
}

/// One layer.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub time_norm: Norm,
    pub time: TimeMix,
    pub channel_norm: Norm,
    pub channel: ChannelMix,
}

/// Token embeddings, int8 with a scale per token.
#[derive(Debug, Clone)]
pub(super) struct Embedding {
    pub rows: Vec<i8>,
    pub scales: Vec<f32>,
}

/// A language model over a byte-ordered vocabulary. Tokens are named by their rank in it.
#[derive(Debug, Clone)]
pub struct Model {
    pub(super) shape: Shape,
    /// 1/width, rounded to binary32.
    pub(super) inverse_width: f32,
    pub(super) embedding: Embedding,
    pub(super) input_norm: Norm,
    pub(super) layers: Vec<Layer>,
    pub(super) output_norm: Norm,
    pub(super) unembedding: Matrix,
    pub(super) vocabulary: Vocabulary,
    pub(super) name: String,
    pub(super) sha256: [u8; 32],
    pub(super) prior: Option<Vec<u8>>,
}

impl Model {
    /// Its dimensions.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Its tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The name in the file's metadata; for people, never trusted.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the model file.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Bytes it takes in memory, about: the packed matrices are nearly all of it.
    pub fn bytes(&self) -> usize {
        let pair = |p: &LowRank| p.down.bytes() + p.up.bytes();
        let layers = self.layers.iter().map(|layer| {
            let time = &layer.time;
            let square = [&time.receptance, &time.key, &time.value, &time.output];
            square.iter().map(|m| m.bytes()).sum::<usize>()
                + [&time.decay, &time.rate, &time.gate].map(pair).iter().sum::<usize>()
                + time.residual.as_ref().map_or(0, pair)
                + layer.channel.key.bytes()
                + layer.channel.value.bytes()
        });
        layers.sum::<usize>()
            + self.embedding.rows.len()
            + self.unembedding.bytes()
            + self.vocabulary.bytes()
            + self.prior.as_ref().map_or(0, Vec::len)
    }

    /// The state that the mixer learned offline beside this model, if the file carries it.
    pub fn prior(&self) -> Option<&[u8]> {
        self.prior.as_deref()
    }
}
