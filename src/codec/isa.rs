//! Which instruction set an engine uses.

use crate::error::{Error, Result};
use crate::kernel::Isa;

/// The environment variable that names an instruction set, so that tests can compare whole archives
/// between them.
const VARIABLE: &str = "LLZ_KERNEL";

/// The instruction set that the environment asks for, or else the fastest of this machine.
pub(super) fn chosen() -> Result<Isa> {
    let name = std::env::var_os(VARIABLE).filter(|name| !name.is_empty());
    name.map_or(Ok(Isa::detect()), |name| named(&name.to_string_lossy()))
}

fn named(name: &str) -> Result<Isa> {
    Isa::from_name(name).ok_or_else(|| {
        let available: Vec<_> = Isa::available().iter().map(|isa| isa.name()).collect();
        let available = available.join(", ");
        Error::Usage(format!("{VARIABLE}={name}: this machine can run {available}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_this_machine_cannot_run_is_an_error_that_lists_those_it_can() {
        assert_eq!(named("portable").unwrap(), Isa::portable());
        match named("abacus") {
            Err(Error::Usage(text)) => {
                assert!(text.contains("abacus") && text.contains("portable"))
            }
            other => panic!("{other:?}"),
        }
    }
}
