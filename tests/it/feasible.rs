//! Random networks of several cores on `loihi` and `programmable`: cores that were packed and cores over which work is spread give
//! the spikes of the integer network, simulated without a chip.

use crate::integer;
use crate::networks_by_hand::Random;
use crate::networks_by_hand::sized::{sized_chip, sized_net};
use emulator::{Between, Options, SampleInput, Timing};
use mapper::Objective;

const NETWORKS: usize = 40;
const STEPS: u32 = 10;
const GAIN: f32 = 12.0;
/// Larger networks take too long for the simulation.
const MOST_SYNAPSES: usize = 30_000;

fn sample(seed: u64, elements: u32) -> SampleInput {
    let mut r = Random(seed);
    let mut sample = SampleInput {
        steps: STEPS,
        offsets: vec![0],
        ..SampleInput::default()
    };
    for _ in 0..STEPS {
        for element in (0..elements).filter(|_| r.below(3) == 0) {
            sample.elements.push(element);
            sample.values.push(1);
        }
        sample.offsets.push(sample.elements.len() as u32);
    }
    sample
}

#[test]
fn packed_and_spread_networks_give_the_spikes_of_their_integers() {
    let (mut compared, mut spikes, mut several) = (0, 0, 0);
    for seed in 0..500 {
        if compared == NETWORKS {
            break;
        }
        let (mut net, chip) = (sized_net(seed), sized_chip(seed));
        // Most thresholds are far above what a few spikes bring.
        for p in &mut net.projections {
            p.synapses.weight.iter_mut().for_each(|w| *w *= GAIN);
        }
        let synapses: usize = net
            .projections
            .iter()
            .map(|p| p.synapses.target.len())
            .sum();
        if synapses > MOST_SYNAPSES {
            continue;
        }
        let mut cores = Vec::new();
        for (objective, partitioner) in [("cores", "packed"), ("edp", "best")] {
            let options = mapper::Options {
                objective: Objective::of(objective).unwrap(),
                partitioner: partitioner.into(),
                ..mapper::Options::default()
            };
            let Ok(mapped) = mapper::map(&net, &chip, &options) else {
                continue;
            };
            let options = Options {
                seed: 0,
                threads: 1,
                timing: Timing::Off,
                between: Between::Reset,
                drain: mapped.image.io.drain,
                record_spikes: true,
                record_packets: false,
            };
            let sample = sample(seed, mapped.quantized.input_elements());
            let samples = std::slice::from_ref(&sample);
            let results = emulator::run(&mapped.image, &chip, samples, &options, &|_| ()).unwrap();
            let events: Vec<(u32, u32, i32)> = (0..STEPS as usize)
                .flat_map(|t| {
                    let at = sample.offsets[t] as usize..sample.offsets[t + 1] as usize;
                    let elements = &sample.elements[at];
                    elements.iter().map(move |e| (t as u32, *e, 1))
                })
                .collect();
            let expect = integer::simulate(&mapped.quantized, STEPS + options.drain, &events);
            let mut given = results[0].spikes.clone();
            given.sort_unstable();
            assert_eq!(given, expect.spikes, "seed {seed}, objective {objective}");
            spikes += given.len();
            cores.push(mapped.report.cores_used);
        }
        compared += usize::from(cores.len() == 2 && cores[1] > 1);
        several += u32::from(cores.first().is_some_and(|c| *c > 1));
    }
    assert_eq!(compared, NETWORKS);
    assert!(several > 10, "{several} packed onto several cores");
    assert!(spikes > 20_000, "{spikes} spikes prove little");
}
