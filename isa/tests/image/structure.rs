//! Rules of structure: one case for each, all violations that it causes.

use crate::sample::{slot, small};
use expect_test::{Expect, expect};
use isa::image::*;
use isa::{CoreId, NeuronId, verify};

fn check(change: impl FnOnce(&mut Image), expected: Expect) {
    let mut image = small();
    change(&mut image);
    let violations = verify::structure(&image);
    let error = Image::from_bytes(&image.to_bytes()).expect_err("must not load");
    assert_eq!(
        error,
        ImageError::Structure {
            violations: violations.clone()
        }
    );
    let lines: Vec<String> = violations.iter().map(|v| format!("{v}\n")).collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn meta_and_names() {
    check(
        |image| image.meta.network = "a\nb".to_owned(),
        expect![[r#"
            meta: the network name is too long or has control characters (at most 1024 bytes, without control characters)
        "#]],
    );
    check(
        |image| image.meta.chip = "x".repeat(1025),
        expect![[r#"
        meta: the chip name is too long or has control characters (at most 1024 bytes, without control characters)
    "#]],
    );
    check(
        |image| image.populations[1].first = 5,
        expect![[r#"
        population 1 "last layer": begins at neuron 5; the one before ends at 4 (number populations without gaps from 0)
    "#]],
    );
    check(
        |image| image.populations[0].count = 0,
        expect![[r#"
            population 0 "hidden/lif": has no neurons (leave it out)
            population 1 "last layer": begins at neuron 4; the one before ends at 0 (number populations without gaps from 0)
            core 0 axon 1: its source, neuron 4, is in no population (give it a kind of 0 to 3 and a neuron or an input element of this image as source)
            core 3 axon 0: its source, neuron 1, is in no population (give it a kind of 0 to 3 and a neuron or an input element of this image as source)
            cores: 5 lanes for the 1 neurons of the populations (give each neuron one lane of one core)
        "#]],
    );
    check(
        |image| image.populations[1].name = "hidden/lif".to_owned(),
        expect![[r#"
            population 1 "hidden/lif": another one is named "hidden/lif" too (give each its own name)
        "#]],
    );
    check(
        |image| image.populations[0].name.clear(),
        expect![[r#"
        population 0 "": the name is empty (give it a name)
    "#]],
    );
    check(
        |image| image.populations[1].count = u32::MAX,
        expect![[r#"
        populations: 4294967299 neurons in all populations; ids have 31 bits (split the network)
        cores: 5 lanes for the 4294967299 neurons of the populations (give each neuron one lane of one core)
    "#]],
    );
    check(
        |image| image.populations[0].depth = 1_000_001,
        expect![[r#"
            population 0 "hidden/lif": depth 1000001 exceeds 1000000 steps (give the depth in transport steps)
        "#]],
    );
}

#[test]
fn cores() {
    check(
        |image| image.cores.swap(0, 1),
        expect![[r#"
            core 0: stands after a core with the same or a higher id (list each core once, in ascending order)
        "#]],
    );
    check(
        |image| image.cores[1].core = CoreId(0),
        expect![[r#"
            core 0: stands after a core with the same or a higher id (list each core once, in ascending order)
            core 0 destination 0: there is no core 3 with an input axon 0; and 1 more like it (name an input axon of a core of this image, or an element of its spike outputs)
            core 0 destination 0: there is no core 0 with an input axon 1 (name an input axon of a core of this image, or an element of its spike outputs)
            io input destination 1: there is no core 3 with an input axon 0 (name an input axon of a core of this image)
        "#]],
    );
    check(
        |image| image.cores[1].core = CoreId(HOST | 3),
        expect![[r#"
            core 2147483651: core ids have 31 bits (number cores as the chip does)
            core 0 destination 0: there is no core 3 with an input axon 0; and 1 more like it (name an input axon of a core of this image, or an element of its spike outputs)
            io input destination 1: there is no core 3 with an input axon 0 (name an input axon of a core of this image)
        "#]],
    );
    check(
        |image| {
            image.cores[1].groups.clear();
        },
        expect![[r#"
            core 3: 0 groups (1 to 256; leave an empty core out)
            core 3: 1 lane ids for the 0 lanes of its groups (give one id for each lane)
            core 3: 1 destination numbers for the 0 lanes of its groups (give one for each lane, 0 for none)
            core 3 axon 0: a segment names group 0; the core has 0 (write the segment for the group as it is, or leave it out)
            probe 0 "v of two": neuron 4 does not exist or has no state slot `v` (observe a slot that the groups of all its neurons have)
        "#]],
    );
    check(
        |image| {
            image.cores[0].lane_ids.pop();
        },
        expect![[r#"
            core 0: 3 lane ids for the 4 lanes of its groups (give one id for each lane)
            cores: 4 lanes for the 5 neurons of the populations (give each neuron one lane of one core)
        "#]],
    );
    check(
        |image| image.cores[0].lane_ids[0] = NeuronId(4),
        expect![[r#"
            core 3 lane 0: neuron 4 has a lane already, or is in no population (5 neurons) (give each neuron one lane of one core)
        "#]],
    );
    check(
        |image| image.cores[1].lane_ids[0] = NeuronId(9),
        expect![[r#"
            core 3 lane 0: neuron 9 has a lane already, or is in no population (5 neurons) (give each neuron one lane of one core)
        "#]],
    );
    check(
        |image| {
            image.cores[0].dest_counts.pop();
        },
        expect![[r#"
            core 0: 3 destination numbers for the 4 lanes of its groups (give one for each lane, 0 for none)
        "#]],
    );
    check(
        |image| image.cores[0].dest_counts[1] = 1,
        expect![[r#"
        core 0: the destination numbers add up to 4; 3 destinations are listed (list as many destinations as the lanes have)
    "#]],
    );
}

#[test]
fn groups() {
    check(
        |image| image.cores[0].groups[0].kernel = "two words".to_owned(),
        expect![[r#"
            core 0 group 0: "two words" is not a kernel name (name a kernel of the library, or write `custom`)
        "#]],
    );
    check(
        |image| image.cores[0].groups[1].lanes = 0,
        expect![[r#"
            core 0 group 1: has no lanes (leave the group out)
            core 0: 4 lane ids for the 3 lanes of its groups (give one id for each lane)
            core 0: 4 destination numbers for the 3 lanes of its groups (give one for each lane, 0 for none)
            core 0: 1 row words; its patterns and segments have 0 (list as many as the segments have)
        "#]],
    );
    check(
        |image| image.cores[0].groups[0].lanes = u32::MAX,
        expect![[r#"
            core 0 group 0 slot 0: 3 initial values for 4294967295 lanes (give one for all lanes, or one for each)
            core 0: 4294967296 lanes; a core has at most 1048576 (use more cores)
            core 0: 4 lane ids for the 4294967296 lanes of its groups (give one id for each lane)
            core 0: 4 destination numbers for the 4294967296 lanes of its groups (give one for each lane, 0 for none)
        "#]],
    );
    check(
        |image| image.cores[1].groups[0].receptors = 5,
        expect![[r#"
            core 3 group 0: 5 receptors; a group has 1 to 4 (one for each kind of synaptic input)
        "#]],
    );
    check(
        |image| image.cores[1].groups[0].accumulator_bits = 1,
        expect![[r#"
            core 3 group 0: accumulators of 1 bits; 2 to 32 are possible (choose a width that the chip has)
        "#]],
    );
    check(
        |image| {
            image.cores[1].groups[0].constants = (0..33).map(|i| (format!("K{i}"), i)).collect()
        },
        expect![[r#"
            core 3 group 0: 33 constants; a group has at most 32 (keep some in state slots)
        "#]],
    );
    check(
        |image| {
            image.cores[1].groups[0]
                .constants
                .push(("THETA".to_owned(), 0))
        },
        expect![[r#"
            core 3 group 0 constant 1: there are two named `THETA` (give each its own name)
        "#]],
    );
    check(
        |image| image.cores[1].groups[0].constants[0].0 = "1st".to_owned(),
        expect![[r#"
            core 3 group 0 constant 0: "1st" is not an identifier (a letter or `_`, then letters, digits and `_`, at most 64 in all)
        "#]],
    );
    check(
        |image| {
            image.cores[1].groups[0]
                .slots
                .extend((0..256).map(|i| slot(&format!("s{i}"), 1, vec![0])))
        },
        expect![[r#"
            core 3 group 0: 257 state slots; a group has at most 256 (split the group)
        "#]],
    );
    check(
        |image| image.cores[0].groups[0].slots[0].bits = 33,
        expect![[r#"
            core 0 group 0 slot 0: 33 bits; 1 to 32 are possible (choose a width that the chip has)
        "#]],
    );
    check(
        |image| {
            image.cores[0].groups[0].slots[0].init.pop();
        },
        expect![[r#"
            core 0 group 0 slot 0: 2 initial values for 3 lanes (give one for all lanes, or one for each)
        "#]],
    );
    check(
        |image| image.cores[0].groups[0].slots[0].init = vec![4; 3],
        expect![[r#"
            core 0 group 0 slot 0: 3 equal initial values (write the value once)
        "#]],
    );
    check(
        |image| image.cores[0].groups[1].slots[1].init = vec![256],
        expect![[r#"
            core 0 group 1 slot 1: initial value 256 of lane 0 is outside -256..=255 (9 bits) (widen the slot or change the value)
        "#]],
    );
    check(
        |image| image.cores[0].groups[1].slots[2].name = "w0".to_owned(),
        expect![[r#"
            core 0 group 1 slot 2: there are two named `w0` (give each its own name)
        "#]],
    );
    check(
        |image| image.cores[1].groups[0].tables = vec![vec![0]; 5],
        expect![[r#"
            core 3 group 0: 5 tables; a group has at most 4 (join tables)
        "#]],
    );
    check(
        |image| image.cores[1].groups[0].tables[0].clear(),
        expect![[r#"
            core 3 group 0 table 0: 0 entries (1 to 256)
        "#]],
    );
    check(
        |image| image.cores[1].groups[0].tables[0] = (0..257).collect(),
        expect![[r#"
            core 3 group 0 table 0: 257 entries (1 to 256)
        "#]],
    );
}

#[test]
fn handlers() {
    check(
        |image| image.cores[1].groups[0].update[0] = 0,
        expect![[r#"
            core 3 group 0 update instruction 0: illegal instruction 0x00000000: opcode 0x00 (zero) is reserved (see specs/isa.md)
        "#]],
    );
    check(
        |image| {
            image.cores[1].groups[0].update.pop();
        },
        expect![[r#"
            core 3 group 0 update instruction 5: the handler ends with `sts r1, v`, not with `halt` (see specs/isa.md)
        "#]],
    );
    check(
        |image| {
            image.cores[1].groups[0]
                .update
                .splice(..0, std::iter::repeat_n(0, 2000))
                .for_each(drop)
        },
        expect![[r#"
            core 3 group 0: 2007 instructions in update; at most 1024 (split the handler, or use tables)
        "#]],
    );
    check(
        |image| image.cores[1].groups[0].constants.clear(),
        expect![[r#"
            core 3 group 0 update instruction 3: `cmp.gt p1, r1, k0`: constant 0, the group has 0 (see specs/isa.md)
        "#]],
    );
    check(
        |image| {
            image.cores[1].groups[0].slots.clear();
            image.probes.clear();
            image.io.outputs.pop();
        },
        expect![[r#"
            core 3 group 0 update instruction 0: `lds r1, 0`: state slot 0, the group has 0; and 1 more like it (see specs/isa.md)
        "#]],
    );
    check(
        |image| {
            let on_spike = image.cores[1].groups[0].on_spike.clone();
            image.cores[1].groups[0].update = on_spike;
        },
        expect![[r#"
            core 3 group 0 update instruction 0: `ldy r1, weight` is not allowed in update; and 1 more like it (see specs/isa.md)
        "#]],
    );
}

#[test]
fn formats() {
    check(
        |image| image.cores[0].formats[0].weight_bits = 10,
        expect![[r#"
            core 0 format 0: weight_bits 10; at most 9 (choose a narrower format)
        "#]],
    );
    check(
        |image| image.cores[0].formats[1].delay_bits = 9,
        expect![[r#"
            core 0 format 1: delay_bits 9; at most 8 (choose a narrower format)
        "#]],
    );
    check(
        |image| image.cores[0].formats[0].index_bits = 17,
        expect![[r#"
            core 0 format 0: index_bits 17; at most 16 (choose a narrower format)
        "#]],
    );
    check(
        |image| {
            image.cores[0].formats[0].exponent = 20;
            image.cores[0].formats[0].scale = 4;
        },
        expect![[r#"
            core 0 format 0: bits of the decoded weight 32; at most 31 (choose a narrower format)
        "#]],
    );
    check(
        |image| image.cores[0].formats[0].exponent = -32,
        expect![[r#"
            core 0 format 0: negated exponent 32; at most 31 (choose a narrower format)
        "#]],
    );
    check(
        |image| image.cores[0].formats[2].scale = 6,
        expect![[r#"
        core 0 format 2: all but weight_slot has no meaning for crossbar synapses (write signed, and 0 elsewhere)
    "#]],
    );
    check(
        |image| image.cores[0].formats[0].weight_slot = 1,
        expect![[r#"
            core 0 format 0: weight_slot has no meaning for sparse, dense and shared synapses (write 0)
        "#]],
    );
    check(
        |image| image.cores[0].formats[1].index_bits = 6,
        expect![[r#"
            core 0 format 1: index_bits has no meaning for dense synapses (write 0)
        "#]],
    );
}

#[test]
fn axons_and_segments() {
    check(
        |image| image.cores[1].axons[0].kind = 4,
        expect![[r#"
            core 3 axon 0: kind 4; there are 0 to 3 (give it a kind of 0 to 3 and a neuron or an input element of this image as source)
        "#]],
    );
    check(
        |image| image.cores[1].axons[0].source = 5,
        expect![[r#"
            core 3 axon 0: its source, neuron 5, is in no population (give it a kind of 0 to 3 and a neuron or an input element of this image as source)
        "#]],
    );
    check(
        |image| image.cores[1].axons[0].source = 0x8000_0002,
        expect![[r#"
            core 3 axon 0: its source, input element 2, does not exist (give it a kind of 0 to 3 and a neuron or an input element of this image as source)
        "#]],
    );
    check(
        |image| image.cores[1].axons[0].segments = 2,
        expect![[r#"
        core 3: the segment numbers of its axons add up to 2; 1 segments are listed (list as many segments as the axons have)
    "#]],
    );
    check(
        |image| image.cores[0].segments[0].group = 2,
        expect![[r#"
        core 0 axon 0: a segment names group 2; the core has 2 (write the segment for the group as it is, or leave it out)
    "#]],
    );
    check(
        |image| image.cores[0].segments[0].format = 3,
        expect![[r#"
        core 0 axon 0: a segment names format 3; the core has 3 (write the segment for the group as it is, or leave it out)
    "#]],
    );
    check(
        |image| image.cores[0].segments[2].count = 0,
        expect![[r#"
        core 0 axon 1: a segment of 0 synapses; 1 to 1048576 are possible (write the segment for the group as it is, or leave it out)
    "#]],
    );
    check(
        |image| image.cores[0].segments[0].first_lane = 1,
        expect![[r#"
            core 0 axon 0: first lane 1 of a segment that is neither dense nor shared; must be 0 (write the segment for the group as it is, or leave it out)
        "#]],
    );
    check(
        |image| image.cores[0].segments[1].first_lane = 2,
        expect![[r#"
            core 0 axon 0: a dense segment of 2 from lane 2 leaves the 3 lanes of group 0 (write the segment for the group as it is, or leave it out)
        "#]],
    );
    check(
        |image| image.cores[0].axons[1].kind = 2,
        expect![[r#"
        core 0 axon 1: a crossbar segment takes weights from slot 3; group 1 has 3 slots (write the segment for the group as it is, or leave it out)
    "#]],
    );
}

#[test]
fn bulk_arrays() {
    check(
        |image| {
            image.cores[0].targets.pop();
        },
        expect![[r#"
            core 0: 1 targets; its patterns and segments have 2 (list as many as the segments have)
        "#]],
    );
    check(
        |image| image.cores[0].weights.push(0),
        expect![[r#"
            core 0: 5 weights; its patterns and segments have 4 (list as many as the segments have)
        "#]],
    );
    check(
        |image| image.cores[0].delays.clear(),
        expect![[r#"
            core 0: 0 delays; its patterns and segments have 2 (list as many as the segments have)
        "#]],
    );
    check(
        |image| image.cores[0].rows.push(0),
        expect![[r#"
            core 0: 2 row words; its patterns and segments have 1 (list as many as the segments have)
        "#]],
    );
    check(
        |image| image.cores[0].targets[1] = 3,
        expect![[r#"
            core 0 axon 0: target lane 3; the index of format 0 has 6 bits; group 0 has 3 lanes (change the value, or give the segment a format that holds it)
        "#]],
    );
    check(
        |image| image.cores[0].formats[0].index_bits = 1,
        expect![[r#"
            core 0 axon 0: target lane 2; the index of format 0 has 1 bits; group 0 has 3 lanes (change the value, or give the segment a format that holds it)
        "#]],
    );
    check(
        |image| image.cores[0].weights[1] = 128,
        expect![[r#"
        core 0 axon 0: weight mantissa 128 is outside -128..=127 of format 0 (change the value, or give the segment a format that holds it)
    "#]],
    );
    check(
        |image| image.cores[1].formats[0].sign = WeightSign::Inhibitory,
        expect![[r#"
            core 3 axon 0: weight mantissa 1 is outside -255..=0 of format 0 (change the value, or give the segment a format that holds it)
        "#]],
    );
    check(
        |image| image.cores[0].delays[1] = 8,
        expect![[r#"
        core 0 axon 0: delay 8 does not fit the 3 delay bits of format 1 (change the value, or give the segment a format that holds it)
    "#]],
    );
    check(
        |image| image.cores[0].rows[0] = 0,
        expect![[r#"
        core 0 axon 1: a crossbar row with 0 bits set; its segment says 1 (change the value, or give the segment a format that holds it)
    "#]],
    );
    check(
        |image| image.cores[0].rows[0] = 2,
        expect![[r#"
        core 0 axon 1: a crossbar row with a bit beyond the 1 lanes of group 1 (change the value, or give the segment a format that holds it)
    "#]],
    );
}

#[test]
fn destinations() {
    check(
        |image| image.cores[0].dests[0].target = 1,
        expect![[r#"
        core 0 destination 0: there is no core 1 with an input axon 0 (name an input axon of a core of this image, or an element of its spike outputs)
    "#]],
    );
    check(
        |image| image.cores[0].dests[0].axon = 1,
        expect![[r#"
        core 0 destination 0: there is no core 3 with an input axon 1 (name an input axon of a core of this image, or an element of its spike outputs)
    "#]],
    );
    check(
        |image| image.cores[0].dests[2].axon = 3,
        expect![[r#"
        core 0 destination 2: host port 1 element 3 delay 0: elements end at 3, ports at 65535, and the host has no delay (name an input axon of a core of this image, or an element of its spike outputs)
    "#]],
    );
    check(
        |image| image.cores[0].dests[2].target = HOST | 0x1_0000,
        expect![[r#"
            core 0 destination 2: host port 65536 element 2 delay 0: elements end at 3, ports at 65535, and the host has no delay (name an input axon of a core of this image, or an element of its spike outputs)
        "#]],
    );
    check(
        |image| image.cores[0].dests[2].delay = 1,
        expect![[r#"
        core 0 destination 2: host port 1 element 2 delay 1: elements end at 3, ports at 65535, and the host has no delay (name an input axon of a core of this image, or an element of its spike outputs)
    "#]],
    );
    check(
        |image| image.io.input_dests[0].target = 7,
        expect![[r#"
        io input destination 0: there is no core 7 with an input axon 0 (name an input axon of a core of this image)
    "#]],
    );
    check(
        |image| image.io.input_dests[0].target = HOST,
        expect![[r#"
        io input destination 0: input cannot go to the host (name an input axon of a core of this image)
    "#]],
    );
    check(
        |image| {
            image.cores[0]
                .dests
                .iter_mut()
                .for_each(|dest| dest.axon = 99)
        },
        expect![[r#"
            core 0 destination 0: there is no core 3 with an input axon 99; and 2 more like it (name an input axon of a core of this image, or an element of its spike outputs)
        "#]],
    );
}

#[test]
fn joined_destinations() {
    check(
        |image| image.cores[0].dests[0].joined = true,
        expect![[r#"
            core 0 destination 0: it is joined, and is the first of its lane (begin the list with a packet of its own)
        "#]],
    );
    check(
        |image| image.cores[0].dests[2].joined = true,
        expect![[r#"
            core 0 destination 1: a packet to several targets has the host among them (send the host a packet of its own)
        "#]],
    );
    check(
        |image| {
            image.cores[0].dests[2] = image.cores[0].dests[1];
            image.cores[0].dests[2].joined = true;
        },
        expect![[r#"
            core 0 destination 1: a packet has one core among its targets twice (send the core a packet of its own for each further axon)
        "#]],
    );
    check(
        |image| {
            image.cores[0].dests[2] = image.cores[0].dests[1];
            image.cores[0].dests[2].target = 3 - image.cores[0].dests[1].target;
            image.cores[0].dests[2].delay = 1;
            image.cores[0].dests[2].joined = true;
        },
        expect![[r#"
            core 0 destination 1: the targets of a packet have different delays (send a packet for each delay)
        "#]],
    );
    check(
        |image| image.io.input_dests[1].joined = true,
        expect![[r#"
            io input destination 1: it is joined to the packet before it; the host sends one to each (make it a packet of its own)
        "#]],
    );
}

#[test]
fn io() {
    check(
        |image| image.io.model_dt_s = f64::NAN,
        expect![[r#"
        io: the model time step is NaN s (0 for none, or seconds above 0)
    "#]],
    );
    check(
        |image| image.io.model_dt_s = -0.0,
        expect![[r#"
        io: the model time step is -0 s (0 for none, or seconds above 0)
    "#]],
    );
    check(
        |image| image.io.drain = u32::MAX,
        expect![[r#"
        io: drain 4294967295 exceeds 1000000 steps (drain fewer steps)
    "#]],
    );
    check(
        |image| image.io.input_dest_counts.push(0),
        expect![[r#"
        io: 3 destination numbers for 2 input elements (give one for each element, 0 for none)
    "#]],
    );
    check(
        |image| image.io.input_dest_counts[1] = 1,
        expect![[r#"
        io: the destination numbers add up to 3; 2 destinations are listed (list as many destinations as the elements have)
    "#]],
    );
    check(
        |image| image.io.inputs[0].shape = vec![2, 0],
        expect![[r#"
            input 0 "in": its shape of 2 dimensions has no elements or too many (at most 16 dimensions of at least 1 with a product below 2^31)
            io: 2 destination numbers for 0 input elements (give one for each element, 0 for none)
            core 0 axon 0: its source, input element 0, does not exist (give it a kind of 0 to 3 and a neuron or an input element of this image as source)
        "#]],
    );
    check(
        |image| image.io.inputs[0].shape = vec![u32::MAX; 16],
        expect![[r#"
            input 0 "in": its shape of 16 dimensions has no elements or too many (at most 16 dimensions of at least 1 with a product below 2^31)
            io: 2 destination numbers for 0 input elements (give one for each element, 0 for none)
            core 0 axon 0: its source, input element 0, does not exist (give it a kind of 0 to 3 and a neuron or an input element of this image as source)
        "#]],
    );
    check(
        |image| {
            image.io.inputs.push(InputPort {
                shape: vec![1],
                ..image.io.inputs[0].clone()
            })
        },
        expect![[r#"
            input 1 "in": another one is named "in" too (give each its own name)
            io: 2 destination numbers for 3 input elements (give one for each element, 0 for none)
        "#]],
    );
    check(
        |image| image.io.outputs[0].source = OutputSource::Spikes { first: 1 },
        expect![[r#"
            output 0 "out": its elements begin at 1; those of the spike outputs before end at 0 (number spike outputs without gaps from 0)
        "#]],
    );
    check(
        |image| image.io.outputs[1].source = OutputSource::Probe(1),
        expect![[r#"
            output 1 "voltage": it shows probe 1; there are 1 (name a probe with one neuron for each element)
        "#]],
    );
    check(
        |image| image.io.outputs[1].shape = vec![3],
        expect![[r#"
        output 1 "voltage": it has 3 elements; its probe observes 2 neurons (name a probe with one neuron for each element)
    "#]],
    );
    check(
        |image| image.io.outputs[1].readout = Readout::Count,
        expect![[r#"
            output 1 "voltage": a probe has values, no spikes to count (use readout last or max)
        "#]],
    );
}

#[test]
fn probes() {
    check(
        |image| image.probes[0].slot = "u".to_owned(),
        expect![[r#"
        probe 0 "v of two": neuron 4 does not exist or has no state slot `u`; and 1 more like it (observe a slot that the groups of all its neurons have)
    "#]],
    );
    check(
        |image| image.probes[0].neurons[0] = NeuronId(5),
        expect![[r#"
            probe 0 "v of two": neuron 5 does not exist or has no state slot `v` (observe a slot that the groups of all its neurons have)
        "#]],
    );
    check(
        |image| {
            image.probes[0].neurons.clear();
            image.io.outputs.pop();
        },
        expect![[r#"
            probe 0 "v of two": observes no neurons (leave it out)
        "#]],
    );
}
