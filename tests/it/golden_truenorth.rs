//! Neurons that fire regularly, with periods and phases that users of the real TrueNorth chip give as checks of their
//! tools (pytruenorth, `tonic_spiking`): phase = (step of the first spike + 1) mod period.

mod modes;

use emulator::{Between, Options, SampleInput, Timing};
use isa::ChipSpec;

const STEPS: u32 = 60;

/// Runs one neuron of `truenorth` with these slots; a spike stands on its axon in every tick from `first_input` on.
/// Returns period and phase.
fn rhythm(slots: &str, first_input: u32) -> (u32, u32) {
    let text = format!(
        ".image network=tonic chip=truenorth\n\
         .input every shape=[1]\n\
         .element -> core 0 axon 0\n\
         .output out shape=[1] readout=count\n\
         .core 0\n\
         .format bits crossbar slot=1\n\
         .group lanes=1\n\
         .kernel truenorth\n\
         {slots}\n\
         .lane -> host 0 element 0\n\
         .axon input 0 kind=0\n\
         .crossbar = 0\n"
    );
    let image = assembler::assemble(&text, "tonic.s").expect("it assembles");
    let chip = ChipSpec::preset("truenorth")
        .expect("a preset")
        .expect("valid");
    assert_eq!(isa::verify::structure(&image), []);
    assert_eq!(isa::verify::fits(&image, &chip), []);
    let events = STEPS.saturating_sub(first_input);
    let sample = SampleInput {
        steps: STEPS,
        offsets: (0..=STEPS).map(|t| t.saturating_sub(first_input)).collect(),
        elements: vec![0; events as usize],
        values: vec![1; events as usize],
    };
    let options = Options {
        seed: 0,
        threads: 1,
        timing: Timing::Cycle,
        between: Between::Reset,
        drain: 0,
        record_spikes: true,
        record_packets: false,
    };
    let results = emulator::run(&image, &chip, &[sample], &options, &|_| ()).expect("it runs");
    let spikes: Vec<u32> = results[0].spikes.iter().map(|(t, _)| *t).collect();
    let left: Vec<u32> = results[0].outputs.iter().map(|(t, ..)| *t).collect();
    assert_eq!(spikes, left, "every spike leaves the chip");
    assert_eq!(results[0].late_packets, 0);
    let period = spikes[1] - spikes[0];
    assert!(spikes.windows(2).all(|two| two[1] - two[0] == period));
    assert!(spikes.last().expect("it fires") + period >= STEPS);
    (period, (spikes[0] + 1) % period)
}

/// No input.
const NEVER: u32 = STEPS;

#[test]
fn a_leak_of_one_counts_to_the_threshold() {
    assert_eq!(rhythm(".slot leak = 1\n.slot alpha = 10", NEVER), (10, 0));
}

#[test]
fn the_potential_at_the_start_shifts_the_phase() {
    let slots = ".slot v = 1\n.slot leak = 1\n.slot alpha = 10";
    assert_eq!(rhythm(slots, NEVER), (10, 9));
}

#[test]
fn the_reset_drops_what_is_above_the_threshold() {
    assert_eq!(rhythm(".slot leak = 2\n.slot alpha = 11", NEVER), (6, 0));
}

/// The chip's axon spike of tick 0 has the delay 1 at least, so it acts in tick 1; in tick 0 the leak alone is held at the
/// floor of 0.
#[test]
fn a_synapse_works_against_the_leak() {
    let slots = ".slot s0 = 3\n.slot leak = -1\n.slot alpha = 10";
    assert_eq!(rhythm(slots, 1), (5, 1));
}
