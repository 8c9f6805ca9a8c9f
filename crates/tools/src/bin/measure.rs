//! Codes files or folders chunk by chunk, decodes them again, and prints bytes and times.
//!
//! `cargo run --release -p llz-tools --bin measure -- LEVEL CHUNK_KB THREADS PATH...`; each PATH is one
//! row. A folder counts as the concatenation of its files in order of path.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use llz::codec::{ChunkCodec, Coded, Job};
use llz::{DecodeOptions, EncodeOptions, Level, Progress};

fn gather(path: &Path, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    if path.is_dir() {
        let mut names: Vec<PathBuf> =
            std::fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        names.sort();
        names.iter().try_for_each(|p| gather(p, bytes))
    } else {
        bytes.extend(std::fs::read(path)?);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [level, chunk, threads, paths @ ..] = args.as_slice() else {
        return Err("usage: measure LEVEL CHUNK_KB THREADS PATH...".into());
    };
    let (level, threads) = (Level::new(level.parse()?)?, threads.parse()?);
    let chunk = chunk.parse::<usize>()? << 10;
    let encoder =
        ChunkCodec::for_encoding(&EncodeOptions { level, threads, ..Default::default() })?;
    let options = DecodeOptions { threads, ..Default::default() };
    let decoder =
        ChunkCodec::for_decoding(&options, encoder.params(), encoder.named_model().as_ref())?;
    let (mut total_raw, mut total_coded) = (0, 0);
    for path in paths {
        let mut raw = Vec::new();
        gather(Path::new(path), &mut raw)?;
        let chunks: Vec<&[u8]> = raw.chunks(chunk).collect();
        let progress = Progress::default();
        let start = Instant::now();
        let mut source = chunks.iter().copied();
        let mut coded: Vec<Coded<'_>> = Vec::new();
        encoder.encode(
            &mut || Ok(source.next().map(Cow::Borrowed)),
            &mut |chunk| {
                coded.push(chunk);
                Ok(())
            },
            &progress,
        )?;
        let packing = start.elapsed().as_secs_f64();
        let job = |chunk: &'_ Coded<'_>| Job {
            coding: chunk.coding,
            coded: Cow::Owned(chunk.bytes().to_vec()),
            raw_len: chunk.raw.len(),
        };
        let mut jobs = coded.iter().map(job);
        let mut decoded = Vec::with_capacity(raw.len());
        let start = Instant::now();
        if std::env::var_os("ENCODE_ONLY").is_some() {
            decoded.clone_from(&raw);
        } else {
            decoder.decode(
                &mut || Ok(jobs.next()),
                &mut |raw| {
                    decoded.extend(raw?);
                    Ok(())
                },
                &progress,
            )?;
        }
        let unpacking = start.elapsed().as_secs_f64();
        assert!(decoded == raw, "{path} does not come back");
        let size: usize = coded.iter().map(|c| c.bytes().len()).sum();
        let kbs = |t: f64| raw.len() as f64 / t / 1000.0;
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!(
            "{name:14} {:9} -> {size:8} {:.4} bpc  pack {:6.0} kB/s  unpack {:6.0} kB/s",
            raw.len(),
            8.0 * size as f64 / raw.len() as f64,
            kbs(packing),
            kbs(unpacking)
        );
        total_raw += raw.len();
        total_coded += size;
    }
    println!("{:14} {total_raw:9} -> {total_coded:8}", "total");
    Ok(())
}
