//! Every way forth has its way back, and lines that make no sense are named.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::stages::{self, Stage};
use super::{Bits, Laboratory, Sampling};
use crate::format::CoderId;
use crate::limits::Limits;
use crate::progress::Progress;
use crate::{EncodeOptions, Error, Level, Result};

fn nano_with(instruction_set: Option<String>) -> Laboratory {
    let level = Level::new(4).unwrap();
    Laboratory::new(&EncodeOptions { level, instruction_set, ..Default::default() }).unwrap()
}

static NANO: LazyLock<Laboratory> = LazyLock::new(|| nano_with(None));

const TEXT: &[u8] =
    b"It was the best of times, it was the worst of times.\nfn main() {}\n\xff\xfe caf\xc3\xa9\0";

/// A stage that reads lines.
type Reads = fn(&[u8]) -> Result<Vec<u8>>;

/// The output of a stage.
fn written(stage: impl FnOnce(&mut Vec<u8>, &Progress) -> Result<()>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    stage(&mut out, &Progress::default())?;
    Ok(out)
}

fn tokens(text: &[u8]) -> Vec<u8> {
    written(|out, p| stages::tokens(&NANO, &mut { text }, out, &Limits::default(), p)).unwrap()
}

fn ranks(lines: &[u8], best: usize) -> Result<Vec<u8>> {
    written(|out, p| stages::ranks(&NANO, Stage::of_tokens(lines)?, out, best, p))
}

fn code(lines: &[u8], coder: CoderId) -> Result<Vec<u8>> {
    written(|out, p| stages::code(&NANO, Stage::of_any(lines)?, out, coder, &Limits::default(), p))
}

fn decode(lines: &[u8]) -> Result<Vec<u8>> {
    written(|out, p| stages::decode(&NANO, Stage::of_code(lines)?, out, &Limits::default(), p))
}

fn unranks(lines: &[u8]) -> Result<Vec<u8>> {
    written(|out, p| stages::unranks(&NANO, Stage::of_ranks(lines)?, out, p))
}

fn untokens(lines: &[u8]) -> Result<Vec<u8>> {
    written(|out, p| stages::untokens(&NANO, Stage::of_tokens(lines)?, out, p))
}

/// The same lines, written by another program, which knows numbers of one kind only and sorts fields.
fn rewritten(lines: &[u8]) -> Vec<u8> {
    let line = |line: &[u8]| {
        let value: Value = serde_json::from_slice(line).unwrap();
        let mut text = serde_json::to_string_pretty(&value).unwrap().replace('\n', " ");
        text = text.replace("é", "\\u00e9");
        text + "\r\n\n"
    };
    lines
        .split(|&b| b == b'\n')
        .filter(|l| !l.is_empty())
        .map(line)
        .collect::<String>()
        .into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_stage_has_its_way_back(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..120),
            "[ -~\\n]{0,300}".prop_map(String::into_bytes),
            any::<String>().prop_map(String::into_bytes),
        ],
        coder in prop::sample::select(&CoderId::ALL[..]),
        best in 0usize..3,
    ) {
        let tokens = tokens(&text);
        prop_assert!(untokens(&tokens).unwrap() == text);
        prop_assert!(untokens(&rewritten(&tokens)).unwrap() == text);
        let ranked = ranks(&tokens, best).unwrap();
        prop_assert!(unranks(&ranked).unwrap() == tokens);
        prop_assert!(unranks(&rewritten(&ranked)).unwrap() == tokens);
        let coded = code(&ranked, coder).unwrap();
        prop_assert!(code(&tokens, coder).unwrap() == coded);
        let plain = ranks(&tokens, 0).unwrap();
        prop_assert!(decode(&coded).unwrap() == plain);
        prop_assert!(decode(&rewritten(&coded)).unwrap() == plain);
    }

    /// Lines that were damaged are refused, or mean the same; nothing panics.
    #[test]
    fn damage_is_noticed(at in any::<prop::sample::Index>(), with in any::<u8>(), stage in 0..4) {
        let tokens = tokens(TEXT);
        let ranked = ranks(&tokens, 1).unwrap();
        let coded = code(&tokens, CoderId::Arith).unwrap();
        let (mut lines, read): (Vec<u8>, Reads) = match stage {
            0 => (tokens.clone(), untokens),
            1 => (tokens.clone(), |lines| ranks(lines, 0)),
            2 => (ranked, unranks),
            _ => (coded, decode),
        };
        let right = read(&lines).unwrap();
        let at = at.index(lines.len());
        lines[at] = with;
        match read(&lines) {
            Ok(result) => prop_assert!(result == right),
            Err(Error::Line { .. } | Error::Corrupt(_) | Error::Model(_) | Error::Unsupported(_)) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
        if let Ok(result) = read(&lines[..at]) {
            prop_assert!(result == right, "cut at {at}");
        }
    }

    #[test]
    fn steered_generators_say_the_text(
        text in "[ -~\\n]{0,200}", prompt in "[a-z ]{0,20}", temperature in 0.3f32..3.0,
    ) {
        let sampling = Sampling { temperature, top_k: 0 };
        let (bits, tokens) = NANO.steer(prompt.as_bytes(), sampling, text.as_bytes()).unwrap();
        let said = NANO.generate(prompt.as_bytes(), sampling, Bits::Bytes(Box::new(&bits[..]))).unwrap();
        let said = said.take(tokens).flat_map(|token| NANO.token(token.unwrap()).unwrap().to_vec());
        prop_assert_eq!(said.collect::<Vec<u8>>(), text.as_bytes());
    }
}

fn lines(lines: &[&str]) -> Vec<u8> {
    let header = String::from_utf8(tokens(b"")).unwrap();
    let header = header.lines().next().unwrap();
    lines.iter().map(|line| line.replace("HEADER", header) + "\n").collect::<String>().into_bytes()
}

#[test]
fn what_is_wrong_is_named_with_line_and_field() {
    let end = r#"{"end":"tokens","items":1,"raw_bytes":1,"crc32":"e8b7be43"}"#;
    let a = &format!(r#"{{"token":{}}}"#, NANO.cut(b"a").unwrap()[0]);
    assert_eq!(untokens(&lines(&["HEADER", a, end])).unwrap(), b"a");
    for (wrong, at, named) in [
        (lines(&[]), 0, None),
        (lines(&["HEADER", a, "", "{", end]), 4, None),
        (lines(&["HEADER", "[1]", end]), 2, None),
        (lines(&["HEADER", a, "{}", end]), 3, Some("token")),
        (lines(&["HEADER", r#"{"token":4096}"#, end]), 2, Some("token")),
        (lines(&["HEADER", r#"{"token":-1}"#, end]), 2, Some("token")),
        (lines(&["HEADER", r#"{"token":1.5}"#, end]), 2, Some("token")),
        (lines(&["HEADER", r#"{"token":"1"}"#, end]), 2, Some("token")),
        (lines(&["HEADER", r#"{"token":1,"text":"nothing"}"#, end]), 2, Some("text")),
        (lines(&["HEADER", r#"{"token":1,"hex":"0"}"#, end]), 2, Some("hex")),
        (lines(&["HEADER", a]), 2, None),
        (lines(&["HEADER", a, end, a]), 4, None),
        (lines(&["HEADER", end]), 2, Some("items")),
        (
            lines(&["HEADER", a, &end.replace("\"raw_bytes\":1", "\"raw_bytes\":2")]),
            3,
            Some("raw_bytes"),
        ),
        (lines(&["HEADER", a, &end.replace("e8", "e9")]), 3, Some("crc32")),
        (lines(&["HEADER", a, &end.replace("tokens", "ranks")]), 3, Some("end")),
        (lines(&[a]), 1, Some("llz")),
        (lines(&[r#"{"llz":"ranks"}"#]), 1, Some("llz")),
        (lines(&[r#"{"llz":"tokens"}"#]), 1, Some("version")),
        (lines(&[r#"{"llz":"tokens","version":1,"model":"00"}"#]), 1, Some("model")),
    ] {
        match untokens(&wrong).unwrap_err() {
            Error::Line { line, field, what } => {
                assert_eq!((line, field.as_deref()), (at, named), "{what}");
            }
            other => panic!("{other}"),
        }
    }
    let newer = lines(&[r#"{"llz":"tokens","version":2}"#]);
    assert!(matches!(untokens(&newer), Err(Error::Unsupported(_))));
    let other =
        r#"{"llz":"tokens","version":1,"model":"MODEL"}"#.replace("MODEL", &"00".repeat(32));
    assert!(matches!(untokens(&lines(&[&other])), Err(Error::Model(_))));
    let header = String::from_utf8(ranks(&tokens(b""), 0).unwrap()).unwrap();
    let header = header.lines().next().unwrap();
    let beyond = format!("{header}\n{{\"rank\":4096}}\n");
    let error = unranks(beyond.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "line 2, field \"rank\": 4096 is beyond 4095");
}

/// Holds a line to a definition of the schema, as far as this project's schema goes.
fn fits(line: &Value, definition: &Value, schema: &Value) -> bool {
    let Some(fields) = line.as_object() else { return false };
    let required = definition["required"].as_array().unwrap();
    let all_there = required.iter().all(|field| fields.contains_key(field.as_str().unwrap()));
    all_there
        && fields.iter().all(|(name, value)| {
            let rule = &definition["properties"][name];
            let is_type = match rule["type"].as_str() {
                Some("string") => value.is_string(),
                Some("integer") => value.is_u64(),
                Some("number") => value.is_number(),
                Some("array") => value.as_array().is_some_and(|items| {
                    items.iter().all(|item| {
                        ["token", "token_bytes"]
                            .iter()
                            .any(|kind| fits(item, &schema["$defs"][kind], schema))
                    })
                }),
                Some(other) => panic!("{other}"),
                None => {
                    rule["const"] == *value
                        || rule["enum"].as_array().is_some_and(|values| values.contains(value))
                }
            };
            let within = |bound: &str, right: fn(f64, f64) -> bool| {
                rule[bound].as_f64().is_none_or(|bound| right(value.as_f64().unwrap(), bound))
            };
            is_type && within("minimum", |v, b| v >= b) && within("maximum", |v, b| v <= b)
        })
}

#[test]
fn each_line_is_one_of_those_of_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../spec/lab.schema.json")).unwrap();
    let definitions = schema["$defs"].as_object().unwrap();
    let tokens = tokens(TEXT);
    let ranked = ranks(&tokens, 3).unwrap();
    let coded = code(&tokens, CoderId::Rans).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for line in [tokens, ranked, coded].concat().split(|&b| b == b'\n').filter(|l| !l.is_empty()) {
        let line: Value = serde_json::from_slice(line).unwrap();
        let kinds: Vec<_> = definitions
            .iter()
            .filter(|(_, d)| fits(&line, d, &schema))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(kinds.len(), 1, "{line}: {kinds:?}");
        seen.insert(kinds[0].clone());
    }
    assert_eq!(seen.len(), definitions.len(), "{seen:?}");
}

#[test]
fn zeros_say_the_likeliest_and_seeds_say_the_same_everywhere() {
    let prompt = b"The cat";
    let said = |lab: &Laboratory, sampling, bits| -> Vec<u32> {
        lab.generate(prompt, sampling, bits).unwrap().take(40).map(Result::unwrap).collect()
    };
    let zeros = said(&NANO, Sampling::default(), Bits::Zeros);
    let mut predictor = NANO.predictor();
    predictor.walk(&NANO.cut(prompt).unwrap(), |_, _| Ok(())).unwrap();
    for &token in &zeros {
        let mut distribution = predictor.predict().unwrap();
        assert_eq!(distribution.token(0), Some(token));
        assert_eq!(distribution.rank(token), 0);
        assert_eq!(distribution.best(1)[0].token, token);
        predictor.read(token).unwrap();
    }
    let top = Sampling { temperature: 1.0, top_k: 1 };
    assert_eq!(said(&NANO, top, Bits::Seed(5)), zeros);
    let hot = Sampling { temperature: 1.3, top_k: 50 };
    let drawn = said(&NANO, hot, Bits::Seed(5));
    assert_ne!(drawn, said(&NANO, hot, Bits::Seed(6)));
    assert_ne!(drawn, zeros);
    for name in crate::codec::instruction_sets() {
        assert_eq!(said(&nano_with(Some(name.to_string())), hot, Bits::Seed(5)), drawn, "{name}");
    }
}

#[test]
fn what_cannot_be_chosen_is_a_wrong_usage() {
    let top = Sampling { temperature: 1.0, top_k: 1 };
    assert!(matches!(NANO.steer(b"", top, b"Zyzzyva"), Err(Error::Usage(_))));
    for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let cold = Sampling { temperature, top_k: 0 };
        assert!(matches!(NANO.generate(b"", cold, Bits::Zeros), Err(Error::Usage(_))));
    }
    assert!(matches!(NANO.predictor().read(4096), Err(Error::Usage(_))));
}

/// Bits of all kinds of odd files, to the last one.
#[test]
fn any_bits_say_something() {
    for bits in [vec![0xFF; 100], vec![0; 100], (0..=255).collect(), vec![7]] {
        let said =
            NANO.generate(b"", Sampling::default(), Bits::Bytes(Box::new(&bits[..]))).unwrap();
        assert!(said.take(100).all(|token| token.is_ok()));
    }
}

/// A model that forgets says less, and all comes back all the same.
#[test]
fn shorter_contexts_cost_more() {
    let text = include_bytes!("mod.rs");
    let mut before = 0;
    for context in [usize::MAX, 100, 10, 1, 0] {
        let coder = NANO.coder(CoderId::Arith).with_context(context);
        let coded = coder.code(text).unwrap();
        let back = coder.decode(&coded, text.len());
        let back = back.flat_map(|ranked| NANO.token(ranked.unwrap().token).unwrap().to_vec());
        assert!(back.collect::<Vec<u8>>() == text, "{context}");
        assert!(coded.len() > before || context == 0, "{context}: {} bytes", coded.len());
        before = coded.len();
    }
}
