//! Priors: the state that a mixer starts from.
//!
//! A prior is the small adaptive state of a mixer after typical data: the network's weights, and the
//! probabilities of bit histories, of matches, of the first APM stage and of the confidence bypass.
//! It is learned offline (`crates/tools/src/bin/train_prior`) and shipped, so that prediction is good from
//! the first byte of a chunk.

use std::sync::Arc;

use super::apm::Apm;
use super::bypass::ConfidenceBypass;
use super::maps::Cell;
use super::match_model::MatchModel;
use super::profile::Profile;
use super::records::PREDICTORS;
use super::{LAST_WIDTH, Mixer, NODES};

/// Weights are stored as 16-bit fractions of this.
const UNIT: f32 = 4096.0;
/// The greatest stored count, so that the probabilities go on adapting. Chosen by trial; others were
/// not measured, for that takes new priors.
#[cfg(any(test, feature = "internals"))]
const MOST: u32 = 40;

/// The starting point of the adaptive parts.
#[derive(Debug, Clone)]
pub struct Prior(Arc<Tables>);

#[derive(Debug)]
struct Tables {
    weights: Vec<f32>,
    last_weights: Vec<f32>,
    cells: Vec<[Cell; 256]>,
    matches: Vec<Cell>,
    nodes: Vec<Cell>,
    /// Empty in a profile without confidence bypass.
    bypass: Vec<Cell>,
}

impl Prior {
    /// Values for a mixer without a learned prior: the model has most weight if there is one, else all
    /// contexts have equal weight. FORMAT.md prints them. Chosen by trial, others were not
    /// measured: every shipped profile has a learned prior.
    pub fn plain(profile: &Profile) -> Self {
        let (n, sets, inputs) = (profile.contexts.len(), profile.sets.len(), profile.inputs());
        let with_model = profile.without_model.is_some();
        let mut set = vec![0.0; inputs];
        set[..n].fill(if with_model { 0.06 } else if profile.records { 0.1 } else { 0.3 });
        if profile.records {
            set[profile.model_at()..][..PREDICTORS].fill(0.1);
        }
        set[profile.fixed_at()] = 0.25;
        if with_model {
            set[profile.model_at()] = 0.8;
        }
        let mut last = [0.0; LAST_WIDTH];
        last[..sets].fill(1.0 / sets as f32);
        Prior(Arc::new(Tables {
            weights: set.repeat(profile.sets.iter().map(|s| s.size()).sum()),
            last_weights: last.repeat(NODES),
            cells: vec![[Cell::new(32_768, 0); 256]; 2 * n],
            matches: MatchModel::new(0, 0).cells().to_vec(),
            nodes: Apm::new(NODES, 0).cells().to_vec(),
            bypass: if profile.bypass {
                ConfidenceBypass::new().cells().to_vec()
            } else {
                Vec::new()
            },
        }))
    }

    /// The prior that belongs to `profile` where there is no model: part of the program, and so
    /// of the profile.
    pub fn built_in(profile: &Profile) -> Self {
        Self::from_bytes(profile, profile.prior).expect("the shipped priors fit their profiles")
    }

    /// Reads a stored prior of `profile`: its number, then every table in order, weights as i16
    /// of 1/4096, probabilities as u16 and a count byte; little-endian.
    ///
    /// # Errors
    /// Says what is wrong when it is for another profile or of the wrong length.
    pub fn from_bytes(profile: &Profile, bytes: &[u8]) -> Result<Self, String> {
        let Some((&id, mut rest)) = bytes.split_first() else {
            return Err("the prior is empty".into());
        };
        if id != profile.id {
            return Err(format!("the prior is for mixer profile {id}, not {}", profile.id));
        }
        let plain = Self::plain(profile);
        let sets = profile.sets.len();
        let Tables { weights, cells, matches, nodes, bypass, .. } = &*plain.0;
        let wanted = 2 * (weights.len() + NODES * sets)
            + 3 * (cells.len() * 256 + matches.len() + nodes.len() + bypass.len());
        if rest.len() != wanted {
            return Err(format!("the prior has {} bytes, not {wanted}", rest.len()));
        }
        let mut weight = || {
            let (two, tail) = rest.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
            rest = tail;
            f32::from(i16::from_le_bytes(*two)) * (1.0 / UNIT)
        };
        let weights = weights.iter().map(|_| weight()).collect();
        let mut last_weights = vec![0.0; NODES * LAST_WIDTH];
        for set in last_weights.chunks_exact_mut(LAST_WIDTH) {
            set[..sets].iter_mut().for_each(|w| *w = weight());
        }
        let mut cell = || {
            let (three, tail) = rest.split_first_chunk::<3>().unwrap_or((&[0; 3], &[]));
            rest = tail;
            Cell::new(u16::from_le_bytes([three[0], three[1]]), u32::from(three[2]))
        };
        let cells = cells.iter().map(|_| std::array::from_fn(|_| cell())).collect();
        let matches = matches.iter().map(|_| cell()).collect();
        let nodes = nodes.iter().map(|_| cell()).collect();
        let bypass = bypass.iter().map(|_| cell()).collect();
        Ok(Prior(Arc::new(Tables { weights, last_weights, cells, matches, nodes, bypass })))
    }

    /// The present state of `mixer`, as the start of another.
    #[cfg(feature = "internals")]
    pub fn of(mixer: &Mixer) -> Self {
        Prior(Arc::new(Tables {
            weights: mixer.weights.clone(),
            last_weights: mixer.last_weights.clone(),
            cells: mixer.cells.clone(),
            matches: mixer.match_model.cells().to_vec(),
            nodes: mixer.apm_by_node.cells().to_vec(),
            bypass: mixer.bypass.as_ref().map_or_else(Vec::new, |s| s.cells().to_vec()),
        }))
    }

    #[cfg(feature = "internals")]
    /// This prior with its weights moved by `share` towards those of `other`, and the
    /// probabilities of `other`.
    pub fn towards(&self, other: &Prior, share: f32) -> Self {
        let blend =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a + (b - a) * share).collect();
        Prior(Arc::new(Tables {
            weights: blend(&self.0.weights, &other.0.weights),
            last_weights: blend(&self.0.last_weights, &other.0.last_weights),
            cells: other.0.cells.clone(),
            matches: other.0.matches.clone(),
            nodes: other.0.nodes.clone(),
            bypass: other.0.bypass.clone(),
        }))
    }

    #[cfg(any(test, feature = "internals"))]
    /// The stored form, for [`Prior::from_bytes`].
    pub fn to_bytes(&self, profile: &Profile) -> Vec<u8> {
        let mut bytes = vec![profile.id];
        let last = self.0.last_weights.chunks_exact(LAST_WIDTH);
        let last = last.flat_map(|set| &set[..profile.sets.len()]);
        for w in self.0.weights.iter().chain(last) {
            let q = (w * UNIT).round().clamp(-32_767.0, 32_767.0) as i16;
            bytes.extend(q.to_le_bytes());
        }
        let Tables { cells, matches, nodes, bypass, .. } = &*self.0;
        for cell in cells.iter().flatten().chain(matches).chain(nodes).chain(bypass) {
            bytes.extend(cell.p16().to_le_bytes());
            bytes.push(cell.count().min(MOST) as u8);
        }
        bytes
    }

    pub(super) fn apply(&self, mixer: &mut Mixer) {
        mixer.weights.copy_from_slice(&self.0.weights);
        mixer.last_weights.copy_from_slice(&self.0.last_weights);
        mixer.cells.copy_from_slice(&self.0.cells);
        mixer.match_model.cells_mut().copy_from_slice(&self.0.matches);
        mixer.apm_by_node.cells_mut().copy_from_slice(&self.0.nodes);
        if let Some(bypass) = &mut mixer.bypass {
            bypass.cells_mut().copy_from_slice(&self.0.bypass);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FAST, FULL, MEDIUM, NEURAL, RECORDS};
    use super::*;

    #[test]
    fn shipped_priors_fit() {
        for profile in [&FULL, &FAST, &MEDIUM, &RECORDS] {
            assert_eq!(Prior::built_in(profile).to_bytes(profile), profile.prior);
        }
    }

    #[test]
    fn stored_priors_come_back() {
        for profile in [&NEURAL, &FULL, &FAST, &MEDIUM, &RECORDS] {
            let bytes = Prior::plain(profile).to_bytes(profile);
            let again = Prior::from_bytes(profile, &bytes).unwrap();
            assert_eq!(again.to_bytes(profile), bytes);
            assert!(Prior::from_bytes(profile, &bytes[..bytes.len() - 1]).is_err());
        }
        let fast = Prior::plain(&FAST).to_bytes(&FAST);
        assert!(Prior::from_bytes(&FULL, &fast).is_err());
        assert!(Prior::from_bytes(&FULL, &[]).is_err());
    }
}
