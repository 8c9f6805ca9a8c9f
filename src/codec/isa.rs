//! The instruction set that a chunk codec uses.

use crate::error::{Error, Result};
use crate::kernel::Isa;

/// The names of the instruction sets that this machine can run, the fastest last. All give the same bits.
pub fn instruction_sets() -> Vec<&'static str> {
    Isa::available().into_iter().map(Isa::name).collect()
}

/// The instruction set of this name, or else the fastest of this machine.
pub(super) fn chosen(name: Option<&str>) -> Result<Isa> {
    let Some(name) = name else { return Ok(Isa::detect()) };
    Isa::from_name(name).ok_or_else(|| {
        let available = instruction_sets().join(", ");
        Error::Usage(format!("no instruction set {name:?} here; this machine can run {available}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_this_machine_cannot_run_is_an_error_that_lists_those_it_can() {
        assert_eq!(chosen(Some("portable")).unwrap(), Isa::portable());
        match chosen(Some("abacus")) {
            Err(Error::Usage(text)) => {
                assert!(text.contains("abacus") && text.contains("portable"))
            }
            other => panic!("{other:?}"),
        }
    }
}
