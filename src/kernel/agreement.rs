//! Every instruction set gives the same bits for the kernels of `vector` and `mixing`.

use proptest::prelude::*;

use super::mixing::{MAX_SETS, dot_sets, squash8, train_sets};
use super::{Isa, vector};

/// The bits of everything that these kernels compute from `x`, 64 values for each argument.
fn results(isa: Isa, x: &[[f32; 64]]) -> Vec<u32> {
    let mut all: Vec<f32> = Vec::new();
    let mut y = [0.0; 64];
    vector::layer_norm(isa, &x[0], &x[1], &x[2], 1.0 / 64.0, &mut y);
    all.extend(y);
    vector::unit(isa, &x[0], &mut y);
    all.extend(y);
    vector::shift(isa, &x[0], &x[1], &x[2], &mut y);
    all.extend(y);
    vector::add(isa, &mut y, &x[3]);
    all.extend(y);
    vector::head_output(isa, &mut y, &x[0], &x[1], &x[2], &x[3], &x[4], &x[5], &x[6]);
    all.extend(y);
    let (mut k, mut minus, mut scaled) = (x[0], [0.0; 64], [0.0; 64]);
    vector::keys(isa, &mut k, &x[1], &x[2], &x[3], &mut minus, &mut scaled);
    all.extend([k, minus, scaled].concat());
    vector::value_residual(isa, &mut y, &x[1], &x[2], &x[3]);
    all.extend(y);
    let in_place: [fn(Isa, &mut [f32]); 3] =
        [vector::tanh_all, vector::sigmoid_all, vector::relu_squared];
    for kernel in in_place {
        let mut y = x[4];
        kernel(isa, &mut y);
        all.extend(y);
    }
    for kernel in [vector::decay, vector::biased_sigmoid] {
        let mut y = x[5];
        kernel(isa, &mut y, &x[6]);
        all.extend(y);
    }
    let (mut weights, mut sums) = (x[..6].concat(), [0.0; MAX_SETS]);
    let sets = [0, 64, 320];
    dot_sets(isa, &weights, &sets, &x[6], &mut sums);
    all.extend(sums);
    let mut probabilities = [0.0; MAX_SETS];
    squash8(isa, &sums, &mut probabilities);
    all.extend(probabilities);
    train_sets(isa, &mut weights, &sets, &x[6], &probabilities);
    all.extend(weights);
    all.into_iter().map(f32::to_bits).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.div_ceil(4)))]
    #[test]
    fn every_isa_gives_the_same_bits(
        values in prop::collection::vec(prop_oneof![-9.0f32..9.0, -1e-6f32..1e-6, Just(0.0)], 7 * 64),
    ) {
        let x = values.as_chunks::<64>().0;
        let want = results(Isa::portable(), x);
        for isa in Isa::available() {
            prop_assert!(results(isa, x) == want, "{:?}", isa);
        }
    }
}
