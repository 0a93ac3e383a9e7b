//! Rules of chips: one case for each limit, all violations that it causes.

use crate::sample::{halt, small, word};
use expect_test::{Expect, expect};
use isa::chip::{Delivery, InstructionTime, OnSpikeTime};
use isa::op::Op;
use isa::{ChipSpec, Image, verify};

fn tiny() -> ChipSpec {
    ChipSpec::preset("tiny").expect("a preset").expect("valid")
}

fn check(change: impl FnOnce(&mut Image, &mut ChipSpec), expected: Expect) {
    let (mut image, mut chip) = (small(), tiny());
    change(&mut image, &mut chip);
    let structure = verify::structure(&image);
    assert!(structure.is_empty(), "{structure:?}");
    let violations = verify::fits(&image, &chip);
    let lines: Vec<String> = violations.iter().map(|v| format!("{v}\n")).collect();
    expected.assert_eq(&lines.concat());
}

/// A handler that skips everything when v and the input are 0 (or compare otherwise), as idle.
fn idle(image: &mut Image, theta: i32, compare: Op) {
    let group = &mut image.cores[1].groups[0];
    group.constants[0].1 = theta;
    group.update = vec![
        word(Op::Lds, |i| i.rd = 1),
        word(Op::Lda, |i| i.rd = 2),
        word(Op::Or, |i| (i.rd, i.ra, i.rb) = (3, 1, 2)),
        word(compare, |i| (i.rd, i.ra) = (2, 3)),
        word(Op::Br, |i| (i.pred, i.offset, i.idle) = (2, 4, true)),
        word(Op::Add, |i| (i.rd, i.ra, i.rb) = (1, 1, 2)),
        word(Op::CmpGt, |i| (i.rd, i.ra, i.konst) = (1, 1, true)),
        word(Op::Spk, |i| i.pred = 1),
        word(Op::Sts, |i| i.rd = 1),
        halt(),
    ];
}

/// `acc` only where the lane's state is positive.
fn state_dependent(image: &mut Image) {
    image.cores[1].groups[0].on_spike = vec![
        word(Op::Lds, |i| i.rd = 1),
        word(Op::CmpGt, |i| (i.rd, i.ra) = (1, 1)),
        word(Op::Acc, |i| (i.pred, i.ra) = (1, 1)),
        halt(),
    ];
}

/// `acc` only for positive weights, which are state where a crossbar leads here.
fn crossbar_dependent(image: &mut Image) {
    for core in &mut image.cores {
        for group in &mut core.groups {
            group.on_spike = vec![
                word(Op::Ldy, |i| i.rd = 1),
                word(Op::CmpGt, |i| (i.rd, i.ra) = (1, 1)),
                word(Op::Acc, |i| (i.pred, i.ra) = (1, 1)),
                halt(),
            ];
        }
    }
}

fn by_instruction(chip: &mut ChipSpec) {
    let times = InstructionTime {
        fill: 1,
        class: [1; 6],
    };
    chip.time.on_spike = OnSpikeTime::Instruction { packet: 1, times };
}

#[test]
fn small_fits_tiny() {
    check(|_, _| {}, expect![[""]]);
}

#[test]
fn unknown_chips_refuse_by_name() {
    let image = small();
    let count = |name: &str| {
        verify::fits(
            &image,
            &ChipSpec::preset(name).expect("a preset").expect("valid"),
        )
        .len()
    };
    // Host port 1, and scale and thresholds that are not in units of 2^6.
    assert!(count("loihi") > 0);
    // Kernel, sparse and dense formats, delays, several destinations.
    assert!(count("truenorth") > 0);
}

#[test]
fn core_limits() {
    check(
        |_, chip| chip.limits.neurons = 3,
        expect![[r#"
        core 0: needs 4 neurons; chip "tiny" has 3 (spread its neurons over more cores)
    "#]],
    );
    check(
        |_, chip| chip.limits.groups = 1,
        expect![[r#"
        core 0: needs 2 groups; chip "tiny" has 1 (spread its neurons over more cores)
    "#]],
    );
    check(
        |_, chip| chip.limits.threshold_profiles = 1,
        expect![[r#"
        core 0: needs 2 threshold profiles; chip "tiny" has 1 (use fewer different thresholds in the core, or more cores)
    "#]],
    );
    check(
        |_, chip| chip.limits.synapse_formats = 2,
        expect![[r#"
        core 0: needs 3 synapse formats; chip "tiny" has 2 (use fewer different formats in the core, or more cores)
    "#]],
    );
    check(
        |_, chip| chip.limits.input_axons = 1,
        expect![[r#"
        core 0: needs 2 input axons; chip "tiny" has 1 (spread its neurons over more cores)
    "#]],
    );
    check(
        |_, chip| chip.limits.output_slots = 2,
        expect![[r#"
        core 0: needs 3 output slots; chip "tiny" has 2 (spread its neurons over more cores)
    "#]],
    );
    check(
        |_, chip| chip.limits.lane_destinations = 1,
        expect![[r#"
        core 0 lane 2: needs 2 destinations; chip "tiny" has 1 (use a copy or a relay neuron for each further destination)
    "#]],
    );
    check(
        |_, chip| chip.limits.synapse_bits = 128,
        expect![[r#"
        core 0: needs 129 bits of synapse memory; chip "tiny" has 128 (spread its neurons over more cores)
    "#]],
    );
    check(
        |_, chip| chip.limits.code_words = 9,
        expect![[r#"
        core 0: needs 10 code words; chip "tiny" has 9 (use fewer kernels in the core, or more cores)
        core 3: needs 10 code words; chip "tiny" has 9 (use fewer kernels in the core, or more cores)
    "#]],
    );
    check(
        |_, chip| chip.mesh.width = 1,
        expect![[r#"
        core 3: chip "tiny" has cores 0 to 1 (use a core that the chip has, or a larger chip)
    "#]],
    );
}

#[test]
fn formats_and_numbers() {
    check(
        |_, chip| chip.limits.weight_widths = vec![0, 4],
        expect![[r#"
            core 0 format 0: 8 weight bits; chip "tiny" has 0, 4 (use the next larger width that the chip has)
            core 0 format 1: 8 weight bits; chip "tiny" has 0, 4 (use the next larger width that the chip has)
            core 3 format 0: 8 weight bits; chip "tiny" has 0, 4 (use the next larger width that the chip has)
        "#]],
    );
    check(
        |_, chip| chip.limits.index_widths = vec![0, 10],
        expect![[r#"
            core 0 format 0: 6 index bits; chip "tiny" has 0, 10 (use the next larger width that the chip has)
            core 3 format 0: 6 index bits; chip "tiny" has 0, 10 (use the next larger width that the chip has)
        "#]],
    );
    check(
        |_, chip| chip.limits.weight_exponent = [1, 2],
        expect![[r#"
            core 0 format 0: weight exponent 0; chip "tiny" has 1 to 2 (scale the weights and thresholds)
            core 0 format 1: weight exponent 0; chip "tiny" has 1 to 2 (scale the weights and thresholds)
            core 3 format 0: weight exponent 0; chip "tiny" has 1 to 2 (scale the weights and thresholds)
        "#]],
    );
    check(
        |_, chip| chip.limits.weight_scale = 6,
        expect![[r#"
        core 0 format 0: weight scale 0; chip "tiny" has 6 (use the chip's scale)
        core 0 format 1: weight scale 0; chip "tiny" has 6 (use the chip's scale)
        core 0 group 0: threshold 10; chip "tiny" has 24 bits, in units of 2^6 (scale weights and thresholds together)
        core 0 group 1: threshold 20; chip "tiny" has 24 bits, in units of 2^6 (scale weights and thresholds together)
        core 3 format 0: weight scale 0; chip "tiny" has 6 (use the chip's scale)
        core 3 group 0: threshold 10; chip "tiny" has 24 bits, in units of 2^6 (scale weights and thresholds together)
    "#]],
    );
    check(
        |_, chip| chip.limits.state_bits = 24,
        expect![[r#"
        core 3 group 0: needs 32 bits in a state word; chip "tiny" has 24 (narrow the slot)
    "#]],
    );
    check(
        |_, chip| chip.limits.state_slots = 2,
        expect![[r#"
        core 0 group 1: needs 3 state slots; chip "tiny" has 2 (keep less state)
    "#]],
    );
    check(
        |_, chip| chip.limits.accumulator_bits = 20,
        expect![[r#"
        core 0 group 0: needs 22 accumulator bits; chip "tiny" has 20 (narrow the accumulator)
        core 0 group 1: needs 22 accumulator bits; chip "tiny" has 20 (narrow the accumulator)
        core 3 group 0: needs 22 accumulator bits; chip "tiny" has 20 (narrow the accumulator)
    "#]],
    );
    check(
        |_, chip| chip.limits.receptors = 1,
        expect![[r#"
        core 3 group 0: needs 2 receptors; chip "tiny" has 1 (join receptors)
    "#]],
    );
    check(
        |_, chip| chip.limits.threshold_bits = 4,
        expect![[r#"
        core 0 group 1: threshold 20; chip "tiny" has 4 bits, in units of 2^0 (scale weights and thresholds together)
    "#]],
    );
    check(
        |image, _| image.cores[0].groups[0].constants[0].1 = -1,
        expect![[r#"
            core 0 group 0: threshold -1; chip "tiny" has 24 bits, in units of 2^0 (scale weights and thresholds together)
        "#]],
    );
    check(
        |image, _| {
            image.cores[0].groups[0]
                .constants
                .push(("DECAY".to_owned(), 4097))
        },
        expect![[r#"
            core 0 group 0: decay factor DECAY = 4097 / 4096; chip "tiny" has 12 bits (0 to 4096, rounded to the bits that the chip has)
        "#]],
    );
    check(
        |image, chip| {
            image.cores[0].groups[0]
                .constants
                .push(("DECAY_U".to_owned(), 4088));
            chip.limits.decay_bits = 8
        },
        expect![[r#"
            core 0 group 0: decay factor DECAY_U = 4088 / 4096; chip "tiny" has 8 bits (0 to 4096, rounded to the bits that the chip has)
        "#]],
    );
}

#[test]
fn delays() {
    check(
        |_, chip| chip.limits.delay = 6,
        expect![[r#"
        core 0: needs 7 steps of synapse delay; chip "tiny" has 6 (shorten the delay, or use relay neurons)
    "#]],
    );
    check(
        |image, _| image.cores[0].dests[1].delay = 1,
        expect![[r#"
        core 0: a destination with delay 1; chip "tiny" delays in the synapse (write the delay into the synapses)
    "#]],
    );
    check(
        |image, _| image.io.input_dests[1].delay = 1,
        expect![[r#"
        io: a destination with delay 1; chip "tiny" delays in the synapse (write the delay into the synapses)
    "#]],
    );
    check(
        |_, chip| chip.delivery = Delivery::AxonBits,
        expect![[r#"
        core 0 format 1: 3 delay bits; chip "tiny" delays at the destination (write the delay into the destination)
    "#]],
    );
    check(
        |image, chip| {
            image.cores[0].formats[1].delay_bits = 0;
            image.cores[0].delays.clear();
            image.cores[0].dests[0].delay = 15;
            image.io.input_dests[1].delay = 16;
            chip.delivery = Delivery::AxonBits;
            chip.limits.delay = 14
        },
        expect![[r#"
            core 0: needs 15 steps of destination delay; chip "tiny" has 14 (shorten the delay, or use relay neurons)
            io: needs 16 steps of destination delay; chip "tiny" has 14 (shorten the delay, or use relay neurons)
        "#]],
    );
}

#[test]
fn packets_to_several_cores() {
    let two_targets = |image: &mut Image| {
        image.cores[0].dests[1] = crate::sample::dest(0, 0);
        image.cores[0].dests[2] = crate::sample::dest(3, 0);
        image.cores[0].dests[2].joined = true;
    };
    check(
        |image, _| two_targets(image),
        expect![[r#"
            core 0: destination 2 is joined to the packet before it; chip "tiny" has no multicast (send each core a packet of its own, or take a chip with noc.multicast = "tree")
        "#]],
    );
    check(
        |image, chip| {
            two_targets(image);
            chip.noc.multicast = true;
        },
        expect![[""]],
    );
    check(
        |image, chip| {
            two_targets(image);
            chip.noc.multicast = true;
            chip.noc.graded_flits = 2;
            let group = &mut image.cores[0].groups[0];
            group.update = vec![word(Op::Spkg, |_| {}), word(Op::Halt, |_| {})];
        },
        expect![[r#"
            core 0: destination 2 is joined to a packet of 2 flits; only packets of one flit are copied (send each core a packet of its own)
        "#]],
    );
}

#[test]
fn ports_and_payloads() {
    check(
        |_, chip| chip.host_ports.truncate(1),
        expect![[r#"
        core 0: host port 1; chip "tiny" has 1, numbered from 0 (use a port that the chip has)
    "#]],
    );
    check(
        |image, chip| {
            image.io.inputs[0].port = 2;
            chip.host_ports.truncate(2)
        },
        expect![[r#"
            input "in": host port 2; chip "tiny" has 2, numbered from 0 (use a port that the chip has)
        "#]],
    );
    check(
        |image, chip| {
            image.io.inputs[0].graded = true;
            chip.limits.graded = false
        },
        expect![[r#"
            input "in": graded values; packets of chip "tiny" carry no payload (encode the input as spikes, or use a chip with graded spikes)
        "#]],
    );
    check(
        |image, chip| {
            image.cores[1].groups[0].update[4] = word(Op::Spkg, |i| (i.pred, i.ra) = (1, 1));
            chip.limits.graded = false
        },
        expect![[r#"
            core 3 group 0: `spkg` in update instruction 4; packets of chip "tiny" carry no payload (send plain spikes with `spk`, or use a chip with graded spikes)
        "#]],
    );
}

#[test]
fn kernels() {
    check(
        |_, chip| chip.kernels = Some(vec!["lif".to_owned(), "cubalif".to_owned()]),
        expect![[r#"
            core 0 group 0: kernel `custom`; chip "tiny" runs lif, cubalif (use one of these neuron models, or a programmable chip: loihi, loihi-fit, loihi-vc, programmable, tiny)
            core 0 group 1: kernel `custom`; chip "tiny" runs lif, cubalif (use one of these neuron models, or a programmable chip: loihi, loihi-fit, loihi-vc, programmable, tiny)
            core 3 group 0: kernel `custom`; chip "tiny" runs lif, cubalif (use one of these neuron models, or a programmable chip: loihi, loihi-fit, loihi-vc, programmable, tiny)
        "#]],
    );
}

#[test]
fn handlers() {
    check(|image, _| idle(image, 10, Op::CmpEq), expect![[""]]);
    check(
        |image, _| idle(image, -1, Op::CmpEq),
        expect![[r#"
        core 3 group 0: threshold -1; chip "tiny" has 24 bits, in units of 2^0 (scale weights and thresholds together)
        core 3 group 0 update instruction 4: an idle lane would not be idle: instruction 7 (`@p1 spk`) may send a spike (drop the `.idle` hint, or make the skipped path without effect)
    "#]],
    );
    check(
        |image, _| idle(image, 10, Op::CmpLt),
        expect![[r#"
        core 3 group 0 update instruction 4: an idle lane would not be idle: instruction 7 (`@p1 spk`) may send a spike (drop the `.idle` hint, or make the skipped path without effect)
    "#]],
    );
    check(
        |image, chip| {
            state_dependent(image);
            by_instruction(chip)
        },
        expect![[r#"
            core 3 group 0 on_spike instruction 2: the guard of `acc` depends on the lane's state or on a random word (use `sel` instead, or a chip that prices on_spike by event: service time must not depend on state)
        "#]],
    );
    check(
        |image, chip| {
            crossbar_dependent(image);
            by_instruction(chip)
        },
        expect![[r#"
            core 0 group 1 on_spike instruction 2: the guard of `acc` depends on the lane's state or on a random word (use `sel` instead, or a chip that prices on_spike by event: service time must not depend on state)
        "#]],
    );
}
