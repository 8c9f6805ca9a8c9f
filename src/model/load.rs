//! Reading a model from a safetensors file. Nothing in the file is trusted.
//!
//! Accepted are BlinkDL's RWKV-7 tensor names in F16, BF16 or F32 (matrices are then quantised
//! here), and llz's own int8 files, whose matrices are I8 with a F32 `NAME.scale` per output row.

#[cfg(feature = "fs")]
use std::{fs, io::Read, path::Path};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::error::{Error, Result};
use crate::kernel::matrix::{MAX_COLS, Matrix};
use crate::kernel::scalar::{recip, round_to_i32};
use crate::kernel::sparse::Columns;
use crate::kernel::wkv::HEAD;
use crate::vocab::{MAX_TOKENS, Vocabulary};

use super::weights::{ChannelMix, Embedding, Layer, LowRank, Model, Norm, Shape, TimeMix};

/// Most layers, and most width, a model may have.
const MAX_LAYERS: usize = 256;
const MAX_WIDTH: usize = 8192;

/// A model's tensors, with the checks every access needs.
struct Tensors<'a> {
    inner: SafeTensors<'a>,
}

/// An int8 matrix before packing: row-major, one scale per row.
struct Int8 {
    weights: Vec<i8>,
    scales: Vec<f32>,
}

fn bad(name: &str, why: impl std::fmt::Display) -> Error {
    Error::Model(format!("tensor {name:?} {why}"))
}

impl<'a> Tensors<'a> {
    fn view(&self, name: &str) -> Result<TensorView<'_>> {
        self.inner.tensor(name).map_err(|_| bad(name, "is missing"))
    }

    fn has(&self, name: &str) -> bool {
        self.inner.tensor(name).is_ok()
    }

    /// The two dimensions of a matrix.
    fn dims(&self, name: &str) -> Result<(usize, usize)> {
        match *self.view(name)?.shape() {
            [rows, cols] => Ok((rows, cols)),
            ref other => Err(bad(name, format!("has shape {other:?}, not two dimensions"))),
        }
    }

    /// Any float tensor as binary32, all finite.
    fn floats(&self, name: &str) -> Result<Vec<f32>> {
        let view = self.view(name)?;
        let data = view.data();
        let two = data.as_chunks::<2>().0;
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => two.iter().map(|b| half_to_f32(u16::from_le_bytes(*b))).collect(),
            Dtype::BF16 => two
                .iter()
                .map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16))
                .collect(),
            other => return Err(bad(name, format!("has type {other:?}, not a float"))),
        };
        match values.iter().position(|v| !v.is_finite()) {
            Some(at) => Err(bad(name, format!("has a value that is not finite at {at}"))),
            None => Ok(values),
        }
    }

    /// A vector of exactly `len` values, whatever its shape.
    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>> {
        let values = self.floats(name)?;
        if values.len() != len {
            return Err(bad(name, format!("has {} values, not {len}", values.len())));
        }
        Ok(values)
    }

    fn norm(&self, prefix: &str, len: usize) -> Result<Norm> {
        Ok(Norm {
            weight: self.vector(&format!("{prefix}.weight"), len)?,
            bias: self.vector(&format!("{prefix}.bias"), len)?,
        })
    }

    /// A matrix in int8, `rows × cols`; a float matrix that is stored as `cols × rows` is turned.
    fn int8(&self, name: &str, rows: usize, cols: usize) -> Result<Int8> {
        let dims = self.dims(name)?;
        if self.view(name)?.dtype() == Dtype::I8 {
            if dims != (rows, cols) {
                return Err(bad(name, format!("has shape {dims:?}, not {:?}", (rows, cols))));
            }
            let weights: Vec<i8> = self.view(name)?.data().iter().map(|&b| b as i8).collect();
            if weights.contains(&i8::MIN) {
                return Err(bad(name, "has a weight of -128"));
            }
            let scales = self.vector(&format!("{name}.scale"), rows)?;
            return Ok(Int8 { weights, scales });
        }
        let values = self.floats(name)?;
        let values = if dims == (rows, cols) {
            values
        } else if dims == (cols, rows) {
            (0..rows * cols).map(|i| values[(i % cols) * rows + i / cols]).collect()
        } else {
            return Err(bad(name, format!("has shape {dims:?}, not {:?}", (rows, cols))));
        };
        Ok(quantise(&values, cols))
    }

    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix> {
        let Int8 { weights, scales } = self.int8(name, rows, cols)?;
        Ok(Matrix::pack(cols, &weights, &scales, None))
    }

    /// A low-rank pair `NAME1` (to the rank) and `NAME2` (to the width).
    fn low_rank(&self, prefix: &str, width: usize, inner: usize, bias: bool) -> Result<LowRank> {
        let (down, up) = (format!("{prefix}1"), format!("{prefix}2"));
        let (a, b) = self.dims(&down)?;
        let rank = if b == width { a } else { b };
        if rank == 0 || rank > inner {
            return Err(bad(&down, format!("has rank {rank}")));
        }
        let bias = if bias { self.vector(&format!("{prefix}0"), width)? } else { Vec::new() };
        Ok(LowRank {
            down: self.matrix(&down, rank, width)?,
            up: self.matrix(&up, width, rank)?,
            bias,
        })
    }

    fn layer(&self, index: usize, shape: &Shape) -> Result<Layer> {
        let Shape { width, inner, .. } = *shape;
        let block = format!("blocks.{index}");
        let att = |name: &str| format!("{block}.att.{name}");
        let square = |name: &str| self.matrix(&att(&format!("{name}.weight")), width, width);
        let vector = |name: &str| self.vector(&att(name), width);
        let ffn = |name: &str| format!("{block}.ffn.{name}");
        let value = self.int8(&ffn("value.weight"), width, inner)?;
        let mut mix = [const { Vec::new() }; 6];
        for (mix, letter) in mix.iter_mut().zip(["r", "w", "k", "v", "a", "g"]) {
            *mix = vector(&format!("x_{letter}"))?;
        }
        let residual = match index {
            0 => None,
            _ => Some(self.low_rank(&att("v"), width, inner, true)?),
        };
        Ok(Layer {
            time_norm: self.norm(&format!("{block}.ln1"), width)?,
            time: TimeMix {
                mix,
                receptance: square("receptance")?,
                key: square("key")?,
                value: square("value")?,
                output: square("output")?,
                decay: self.low_rank(&att("w"), width, inner, true)?,
                rate: self.low_rank(&att("a"), width, inner, true)?,
                residual,
                gate: self.low_rank(&att("g"), width, inner, false)?,
                k_k: vector("k_k")?,
                k_a: vector("k_a")?,
                r_k: vector("r_k")?,
                norm: self.norm(&att("ln_x"), width)?,
            },
            channel_norm: self.norm(&format!("{block}.ln2"), width)?,
            channel: ChannelMix {
                mix: self.vector(&ffn("x_k"), width)?,
                key: self.matrix(&ffn("key.weight"), inner, width)?,
                value: Columns::pack(inner, &value.weights, &value.scales),
            },
        })
    }
}

/// The bytes of a model file of at most `limit` bytes.
#[cfg(feature = "fs")]
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let failed = |error| Error::io(path, error);
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(Error::Limit {
            what: format!("the model file {}", path.display()),
            limit,
            bound: crate::limits::Bound::Memory,
        });
    }
    Ok(bytes)
}

impl Model {
    /// Reads a model from the bytes of a safetensors file whose SHA-256 is `sha256`, and the tokenizer in its
    /// metadata as JSON.
    ///
    /// # Errors
    /// [`Error::Model`] naming the tensor that is missing, misshapen or not finite, or what is
    /// wrong with the tokenizer in the metadata.
    pub fn from_safetensors(bytes: &[u8], sha256: [u8; 32]) -> Result<(Self, String)> {
        let malformed = |e| Error::Model(format!("not a usable safetensors file: {e}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
        let tensors = Tensors { inner: SafeTensors::deserialize(bytes).map_err(malformed)? };
        let metadata = header.metadata().clone().unwrap_or_default();
        let json = metadata
            .get("tokenizer")
            .ok_or_else(|| Error::Model("the metadata has no \"tokenizer\"".into()))?;
        let (vocabulary, ranks) = Vocabulary::from_tokenizer_json(json).map_err(Error::Model)?;

        let shape = shape(&tensors)?;
        if vocabulary.len() != shape.vocabulary {
            return Err(bad(
                "emb.weight",
                format!("has {} rows, but the tokenizer {} tokens", shape.vocabulary, ranks.len()),
            ));
        }
        // The file's token ids become ranks here, once.
        let mut order = vec![0u32; ranks.len()];
        for (id, &rank) in ranks.iter().enumerate() {
            order[rank as usize] = id as u32;
        }
        let width = shape.width;
        let emb = tensors.int8("emb.weight", shape.vocabulary, width)?;
        let embedding = Embedding {
            rows: order
                .iter()
                .flat_map(|&id| emb.weights[id as usize * width..][..width].iter().copied())
                .collect(),
            scales: order.iter().map(|&id| emb.scales[id as usize]).collect(),
        };
        let unembedding = tensors.int8("head.weight", shape.vocabulary, width)?;
        let layers =
            (0..shape.layers).map(|i| tensors.layer(i, &shape)).collect::<Result<Vec<_>>>()?;
        let prior = match tensors.view("llz.prior") {
            Ok(view) if view.dtype() == Dtype::U8 => Some(view.data().to_vec()),
            Ok(_) => return Err(bad("llz.prior", "is not of type U8")),
            Err(_) => None,
        };
        let model = Model {
            shape,
            inverse_width: recip(width as f32),
            embedding,
            input_norm: tensors.norm("blocks.0.ln0", width)?,
            layers,
            output_norm: tensors.norm("ln_out", width)?,
            unembedding: Matrix::pack(width, &unembedding.weights, &unembedding.scales, Some(&order)),
            vocabulary,
            name: metadata.get("name").cloned().unwrap_or_else(|| "unnamed".into()),
            sha256,
            prior,
        };
        Ok((model, json.clone()))
    }
}

/// The dimensions, read off the tensors and checked.
fn shape(tensors: &Tensors<'_>) -> Result<Shape> {
    let (vocabulary, width) = tensors.dims("emb.weight")?;
    if width == 0 || width > MAX_WIDTH || !width.is_multiple_of(HEAD) {
        return Err(bad("emb.weight", format!("has width {width}, not a multiple of {HEAD}")));
    }
    if !(256..=MAX_TOKENS).contains(&vocabulary) {
        return Err(bad("emb.weight", format!("has {vocabulary} rows")));
    }
    let key = "blocks.0.ffn.key.weight";
    let (a, b) = tensors.dims(key)?;
    let inner = if b == width { a } else { b };
    if inner < width || inner > MAX_COLS {
        return Err(bad(key, format!("has inner width {inner}")));
    }
    let layers =
        (0..=MAX_LAYERS).take_while(|i| tensors.has(&format!("blocks.{i}.ln1.weight"))).count();
    if layers == 0 || layers > MAX_LAYERS {
        return Err(bad("blocks.N.ln1.weight", format!("gives {layers} layers")));
    }
    Ok(Shape { layers, width, inner, vocabulary })
}

/// Float rows to int8 by the profile's rule: `s = max|w| · (1/127)`, `q = round(w · recip(s))`.
fn quantise(values: &[f32], cols: usize) -> Int8 {
    let mut int8 = Int8 { weights: Vec::with_capacity(values.len()), scales: Vec::new() };
    for row in values.chunks_exact(cols) {
        let max = row.iter().fold(0.0f32, |m, v| if v.abs() > m { v.abs() } else { m });
        if max < 1e-30 {
            int8.weights.extend(std::iter::repeat_n(0, cols));
            int8.scales.push(0.0);
            continue;
        }
        let scale = max * (1.0 / 127.0);
        let inverse = recip(scale);
        int8.weights.extend(row.iter().map(|v| round_to_i32(v * inverse).clamp(-127, 127) as i8));
        int8.scales.push(scale);
    }
    int8
}

/// IEEE binary16 to binary32, exactly.
fn half_to_f32(h: u16) -> f32 {
    let sign = u32::from(h >> 15) << 31;
    let (exponent, mantissa) = (u32::from(h >> 10 & 31), u32::from(h & 1023));
    let magnitude = match exponent {
        0 => (mantissa as f32) * f32::from_bits((127 - 24) << 23),
        31 => f32::from_bits(0x7f80_0000 | mantissa << 13),
        e => f32::from_bits((e + 112) << 23 | mantissa << 13),
    };
    f32::from_bits(magnitude.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "fs")]
    #[test]
    fn a_file_beyond_the_limit_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1000).unwrap();
        assert_eq!(read(file.path(), 1000).unwrap().len(), 1000);
        let error = read(file.path(), 999).unwrap_err();
        assert!(matches!(error, Error::Limit { limit: 999, .. }), "{error}");
    }
}
