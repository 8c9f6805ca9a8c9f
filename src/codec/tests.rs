//! Chunks through a `ChunkCodec` and back: any number of threads, hostile jobs, and the seams.

use std::borrow::Cow;
use std::sync::Arc;

use super::{ChunkCodec, Job};
use crate::codec::{DecodeOptions, EncodeOptions, Level};
use crate::error::{Error, Result};
use crate::format::{CodecId, CoderId, Coding, EngineRef, ModelRef};
use crate::kernel::Isa;
use crate::mixer::{self, Prior};
use crate::model::{
    self, Backend, Cpu, LanguageModel, Loaded, Outputs, Schedule, Session, Trunk, Unembed,
};
use crate::progress::Progress;
use crate::vocab::Vocabulary;

/// The parts of a coded chunk that are kept.
type Kept = (Coding, Vec<u8>);

pub(super) fn encode(codec: &ChunkCodec, chunks: &[&[u8]], progress: &Progress) -> Result<Vec<Kept>> {
    let (mut next, mut coded) = (chunks.iter(), Vec::new());
    codec.encode(
        &mut || Ok(next.next().map(|chunk| Cow::Borrowed(*chunk))),
        &mut |chunk| {
            coded.push((chunk.coding, chunk.bytes().to_vec()));
            Ok(())
        },
        progress,
    )?;
    Ok(coded)
}

pub(super) fn decode(codec: &ChunkCodec, coded: &[Kept], lens: &[usize]) -> Result<Vec<Result<Vec<u8>>>> {
    let mut jobs = coded.iter().zip(lens).map(|((coding, bytes), &raw_len)| Job {
        coding: *coding,
        coded: Cow::Borrowed(bytes),
        raw_len,
    });
    let mut raws = Vec::new();
    codec.decode(
        &mut || Ok(jobs.next()),
        &mut |raw| {
            raws.push(raw);
            Ok(())
        },
        &Progress::default(),
    )?;
    Ok(raws)
}

pub(super) fn round_trip(codec: &ChunkCodec, reader: &ChunkCodec, chunks: &[&[u8]]) -> Vec<Kept> {
    let coded = encode(codec, chunks, &Progress::default()).unwrap();
    let lens: Vec<usize> = chunks.iter().map(|chunk| chunk.len()).collect();
    let raws = decode(reader, &coded, &lens).unwrap();
    assert_eq!(raws.len(), chunks.len());
    for (raw, chunk) in raws.into_iter().zip(chunks) {
        assert!(raw.unwrap() == *chunk);
    }
    coded
}

fn with_threads(threads: usize) -> ChunkCodec {
    ChunkCodec::for_encoding(&EncodeOptions { threads, ..EncodeOptions::default() }).unwrap()
}

const TEXT: &[u8] = include_bytes!("chunk_codec.rs");

#[test]
fn the_built_in_models_bring_a_prior_of_their_profile() {
    for built in &model::BUILT_IN {
        let loaded = model::built_in(built.name).unwrap();
        let prior = loaded.model().prior().expect(built.name);
        assert_eq!(Prior::from_bytes(&mixer::NEURAL, prior).err(), None, "{}", built.name);
    }
}

/// More threads than chunks share the work within a chunk, in packing by one way and in unpacking by another.
#[test]
fn any_number_of_threads_gives_the_same_bytes_and_takes_them_back() {
    let chunks = [&TEXT[..5000], &TEXT[5000..6000], &TEXT[6000..9000]];
    let mut expected: Option<Vec<Kept>> = None;
    for threads in [1, 2, 3, 7] {
        let codec = with_threads(threads);
        for few in 1..=chunks.len() {
            let coded = round_trip(&codec, &codec, &chunks[..few]);
            assert!(coded.iter().all(|(coding, _)| coding.codec() == CodecId::Neural));
            if few == chunks.len() {
                let expected = expected.get_or_insert(coded.clone());
                assert!(coded == *expected, "{threads} threads");
            }
        }
    }
}

/// Lanes are refilled while others go on, and chunks of all codecs come back in their order.
#[test]
fn many_chunks_of_all_kinds_come_back_in_order() {
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(20_000)
    .collect();
    let records: Vec<u8> = (0..5000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
    let mut chunks: Vec<&[u8]> = Vec::new();
    for i in 0..24 {
        chunks.push(&TEXT[i * 50..i * 50 + 40 + i * 31 % 300]);
        if i % 5 == 0 {
            chunks.push(&noise[..9000 + i]);
            chunks.push(&records[..10_000 + i]);
        }
    }
    let expected = round_trip(&with_threads(1), &with_threads(1), &chunks);
    for threads in [2, 5] {
        let coded = round_trip(&with_threads(threads), &with_threads(threads), &chunks);
        assert!(coded == expected, "{threads} threads");
    }
}

#[test]
fn a_chunk_that_does_not_decode_costs_itself_only() {
    let codec = with_threads(2);
    let chunks: Vec<&[u8]> = (0..9).map(|i| &TEXT[i * 200..i * 200 + 500]).collect();
    let mut coded = encode(&codec, &chunks, &Progress::default()).unwrap();
    coded[4].1 = vec![0x55; 3000];
    coded[6] = (Coding::Zstd, vec![1, 2, 3]);
    let raws = decode(&codec, &coded, &[500; 9]).unwrap();
    for (number, (raw, chunk)) in raws.into_iter().zip(&chunks).enumerate() {
        match raw {
            Ok(raw) if number != 4 && number != 6 => assert!(raw == *chunk),
            Err(Error::Corrupt(_)) if number == 4 || number == 6 => {}
            other => panic!("{number}: {other:?}"),
        }
    }
}

#[test]
fn a_run_can_be_interrupted_in_the_middle_of_a_chunk() {
    for threads in [1, 2] {
        let codec = with_threads(threads);
        let progress = Progress::default();
        let text = TEXT.repeat(50);
        let stopped = std::thread::scope(|scope| {
            let work = scope.spawn(|| encode(&codec, &[&text], &progress));
            std::thread::sleep(std::time::Duration::from_millis(50));
            progress.stop();
            work.join().unwrap()
        });
        assert!(matches!(stopped, Err(Error::Interrupted)));
    }
}

#[test]
fn an_error_of_the_sink_ends_the_run() {
    let codec = with_threads(2);
    let chunk = TEXT.repeat(2);
    let mut delivered = 0;
    let outcome = codec.encode(
        &mut || Ok(Some(Cow::Borrowed(&chunk[..3000]))),
        &mut |_| {
            delivered += 1;
            if delivered == 3 { Err(Error::Unsupported("enough".into())) } else { Ok(()) }
        },
        &Progress::default(),
    );
    assert!(matches!(outcome, Err(Error::Unsupported(_))));
}

#[test]
fn memory_that_does_not_suffice_for_one_chunk_is_named() {
    for (memory, chunk) in [(1 << 20, 1000), (40 << 20, 16 << 20)] {
        let limits = crate::Limits { memory, ..Default::default() };
        let codec =
            ChunkCodec::for_encoding(&EncodeOptions { limits, ..EncodeOptions::default() }).unwrap();
        let raw = vec![b'a'; chunk];
        match encode(&codec, &[&raw], &Progress::default()) {
            Err(Error::Limit { limit, .. }) => assert_eq!(limit, memory),
            other => panic!("{:?}", other.map(|_| ())),
        }
    }
}

#[test]
fn unknown_parameters_are_unsupported() {
    let params = |mixer, table_bits| crate::format::CoderParams { mixer, table_bits };
    for wrong in [params(0, 24), params(mixer::NEURAL.id, 60)] {
        let codec = ChunkCodec::for_decoding(&DecodeOptions::default(), wrong, None);
        assert!(matches!(codec, Err(Error::Unsupported(_))));
    }
}

/// The numeric profile of [`Device`].
const DEVICE_PROFILE: u8 = 200;

/// A backend bound to a device, as far as the codec can tell.
#[derive(Debug)]
struct Devices {
    lanes: usize,
}

impl Backend for Devices {
    fn has_profile(&self, numeric_profile: u8) -> bool {
        numeric_profile == DEVICE_PROFILE
    }
    fn open(
        &self,
        model: &Loaded,
        numeric_profile: Option<u8>,
        isa: Isa,
    ) -> Result<Arc<dyn LanguageModel>> {
        assert!(matches!(numeric_profile, None | Some(DEVICE_PROFILE)));
        Ok(Arc::new(Device { inner: Cpu.open(model, None, isa)?, lanes: self.lanes }))
    }
}

/// Its engine: it insists on the same number of lanes in every call.
#[derive(Debug)]
struct Device {
    inner: Arc<dyn LanguageModel>,
    lanes: usize,
}

impl LanguageModel for Device {
    fn reference(&self) -> ModelRef {
        let mut reference = self.inner.reference();
        if let EngineRef::Portable { profile, .. } = &mut reference.engine {
            *profile = DEVICE_PROFILE;
        }
        reference
    }
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn vocabulary(&self) -> &Vocabulary {
        self.inner.vocabulary()
    }
    fn schedule(&self) -> Schedule {
        Schedule::Fixed { lanes: self.lanes }
    }
    fn hidden_width(&self) -> usize {
        self.inner.hidden_width()
    }
    fn prior(&self) -> Option<&[u8]> {
        self.inner.prior()
    }
    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }
    fn lane_bytes(&self) -> u64 {
        self.inner.lane_bytes()
    }
    fn session_bytes(&self, capacity: usize) -> u64 {
        self.inner.session_bytes(capacity)
    }
    fn gains_from_helpers(&self) -> bool {
        false
    }
    fn session(self: Arc<Self>, lanes: usize, capacity: usize, helpers: usize) -> Box<dyn Session> {
        assert_eq!((lanes, capacity, helpers), (self.lanes, self.lanes, 0));
        let inner = Arc::clone(&self.inner).session(lanes, capacity, helpers);
        Box::new(DeviceSession { inner, lanes })
    }
    fn pipeline(self: Arc<Self>, _: usize) -> Option<(Box<dyn Trunk>, Box<dyn Unembed>)> {
        None
    }
}

struct DeviceSession {
    inner: Box<dyn Session>,
    lanes: usize,
}

impl Session for DeviceSession {
    fn reset(&mut self, lane: usize) {
        self.inner.reset(lane);
    }
    fn step(&mut self, tokens: &[u32], lanes: &[usize]) -> Result<Outputs<'_>> {
        let mut sorted = lanes.to_vec();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..self.lanes), "one token of each lane: {lanes:?}");
        self.inner.step(tokens, lanes)
    }
}

#[test]
fn another_backend_with_a_fixed_schedule_is_called_alike_in_both_directions() {
    let noise: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let chunks: Vec<&[u8]> = [&noise[..]]
        .into_iter()
        .chain((0..8).map(|i| &TEXT[i * 100..i * 100 + 50 + i * 40]))
        .collect();
    let nano = || EncodeOptions { level: Level::new(4).unwrap(), ..EncodeOptions::default() };
    let portable = ChunkCodec::for_encoding(&EncodeOptions { threads: 2, ..nano() }).unwrap();
    let expected = round_trip(&portable, &portable, &chunks);
    for lanes in [1, 3] {
        let backend: Arc<dyn Backend> = Arc::new(Devices { lanes });
        let options = EncodeOptions { threads: 4, backend: backend.clone(), ..nano() };
        let packer = ChunkCodec::for_encoding(&options).unwrap();
        let named = packer.named_model().unwrap();
        assert!(matches!(named.reference.engine, EngineRef::Portable { profile: DEVICE_PROFILE, .. }));
        let options = DecodeOptions { threads: 4, backend, ..DecodeOptions::default() };
        let reader = ChunkCodec::for_decoding(&options, packer.params(), Some(&named)).unwrap();
        // This device happens to compute what the CPU does.
        assert!(round_trip(&packer, &reader, &chunks) == expected);
        // What it made names it, and no other backend takes it for its own.
        let cpu = ChunkCodec::for_decoding(&DecodeOptions::default(), packer.params(), Some(&named));
        assert!(matches!(cpu, Err(Error::Unsupported(what)) if what.contains("200")));
        let theirs = portable.named_model();
        let other = ChunkCodec::for_decoding(&options, packer.params(), theirs.as_ref());
        assert!(matches!(other, Err(Error::Unsupported(_))));
    }
}

/// Data that names no model is told apart from data that names one under parameters without a model.
#[test]
fn a_neural_chunk_without_a_model_says_what_is_missing() {
    let codec = with_threads(1);
    let named = codec.named_model();
    let without = crate::format::CoderParams { mixer: mixer::FULL.id, table_bits: 24 };
    for (params, model, why) in
        [(codec.params(), None, "no model"), (without, named.as_ref(), "mixer profile")]
    {
        let reader = ChunkCodec::for_decoding(&DecodeOptions::default(), params, model).unwrap();
        let raws = decode(&reader, &[(Coding::Neural { coder: CoderId::Mix, model: 0 }, vec![1])], &[10]).unwrap();
        match &raws[..] {
            [Err(Error::Corrupt(found))] => assert!(found.what.contains(why), "{found}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_memory_of_all_models_counts() {
    let limits = crate::Limits { memory: 12 << 20, ..crate::Limits::default() };
    let params = with_threads(1).params();
    let codecs = super::ChunkCodecs::new(DecodeOptions::with_limits(limits));
    let [nano, small] = [&model::NANO, &model::SMALL]
        .map(|built| crate::format::NamedModel::new(built.name, built.reference()));
    codecs.prepare(params, None).unwrap();
    codecs.prepare(params, Some(&nano)).unwrap();
    codecs.prepare(params, Some(&nano)).unwrap();
    let error = codecs.prepare(params, Some(&small)).unwrap_err();
    assert!(matches!(error, Error::Limit { bound: crate::Bound::Memory, .. }), "{error}");
}
