//! Input files: the forms that are read, how their axes are told apart, and what is wrong with others.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::Cursor;

use network::input::{Sample, Samples, ValueKind, from_csv, from_npy, from_npz};
use network::npz::{Array, Data, write_npy, write_npz};

fn npy(shape: &[usize], data: Data, width: &[u32]) -> network::Result<Samples> {
    let mut bytes = Vec::new();
    write_npy(
        &mut bytes,
        &Array {
            shape: shape.to_vec(),
            data,
        },
    )
    .unwrap();
    from_npy(&bytes, &[width.to_vec()])
}

fn npz(arrays: &[(&str, Array)], width: &[u32]) -> network::Result<Samples> {
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, arrays.iter().map(|(n, a)| (*n, a))).unwrap();
    from_npz(bytes, &[width.to_vec()])
}

fn array(shape: &[usize], data: Data) -> Array {
    Array {
        shape: shape.to_vec(),
        data,
    }
}

fn zeros(shape: &[usize]) -> Data {
    Data::U8(vec![0; shape.iter().product()])
}

#[test]
fn axes_are_told_apart_by_the_input_shape() {
    // (shape of `spikes`, shape of the input, samples, steps)
    for (shape, input, samples, steps) in [
        (&[5, 4][..], &[4][..], 1, 5),
        (&[5, 3, 4], &[4], 3, 5),
        (&[5, 1, 2, 2], &[1, 2, 2], 1, 5),
        (&[5, 7, 1, 2, 2], &[1, 2, 2], 7, 5),
        (&[5, 4], &[1, 2, 2], 1, 5),
        (&[5, 7, 4], &[1, 2, 2], 7, 5),
        (&[5], &[1], 1, 5),
        (&[5, 1], &[1], 1, 5),
        (&[5, 6], &[1], 6, 5),
    ] {
        let read =
            npy(shape, zeros(shape), input).unwrap_or_else(|e| panic!("{shape:?} {input:?}: {e}"));
        assert_eq!(
            (read.samples.len(), read.samples[0].steps()),
            (samples, steps),
            "{shape:?} {input:?}"
        );
    }
}

#[test]
fn values_keep_their_kind_and_place() {
    let read = npy(
        &[2, 2, 2],
        Data::F32(vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]),
        &[2],
    )
    .unwrap();
    assert_eq!(read.kind, ValueKind::Spikes);
    assert_eq!(read.samples[0].step(0), [(0, 1.0)]);
    assert_eq!(read.samples[0].step(1), [(1, 1.0)]);
    assert_eq!(read.samples[1].step(0), [(1, 1.0)]);
    assert_eq!(read.samples[1].step(1), []);
    assert_eq!(
        npy(&[1, 2], Data::I16(vec![0, -3]), &[2]).unwrap().kind,
        ValueKind::Whole
    );
    assert_eq!(
        npy(&[1, 2], Data::F64(vec![0.5, 1.0]), &[2]).unwrap().kind,
        ValueKind::Real
    );
    assert_eq!(
        npy(&[1, 2], Data::Bool(vec![true, false]), &[2])
            .unwrap()
            .samples[0]
            .step(0),
        [(0, 1.0)]
    );
}

#[test]
fn packed_bits() {
    let bits = array(&[2, 1, 2], Data::U8(vec![0b0000_0101, 0b10, 0, 0b1]));
    let arrays = [
        ("input_bits", bits),
        ("labels_", Array::vector(Data::I16(vec![7]))),
        ("dt", array(&[], Data::F64(vec![1e-3]))),
    ];
    let read = npz(&arrays, &[10]).unwrap();
    assert_eq!(read.samples[0].step(0), [(0, 1.0), (2, 1.0), (9, 1.0)]);
    assert_eq!(read.samples[0].step(1), [(8, 1.0)]);
    assert_eq!((read.labels, read.dt_s), (Some(vec![7]), Some(1e-3)));
}

#[test]
fn event_lists() {
    let read = |text: &str| from_csv(text.as_bytes(), &[vec![4]], 1e-3);
    let plain = read("0.000,1\n0.002,3,2\n0.0020001,0\n# nothing\n0.003,1,0\n").unwrap();
    assert_eq!(plain.samples[0].steps(), 4);
    assert_eq!(plain.samples[0].step(2), [(0, 1.0), (3, 2.0)]);
    assert_eq!(plain.samples[0].step(3), []);
    // Times that are whole steps stay so, although 0.003 / 0.001 is below 3 in binary.
    for step in 0..1000 {
        let sample = read(&format!("time,index\n{},0\n", f64::from(step) * 1e-3))
            .unwrap()
            .samples
            .remove(0);
        assert_eq!(sample.steps(), step as usize + 1);
    }
    assert_eq!(
        read("step,index,value\n7,2,1\n").unwrap().samples[0].steps(),
        8
    );
}

#[test]
fn samples_are_canonical() {
    let mut sample = Sample::new();
    sample.push_step([(3, 1.0), (1, 1.0), (3, 1.0), (2, 1.0), (2, -1.0)]);
    assert_eq!(sample.step(0), [(1, 1.0), (3, 2.0)]);
    assert_eq!(sample.clone().with_steps(3).steps(), 3);
    assert_eq!(sample.with_steps(0).events(), []);
}

#[test]
fn mistakes_have_numbers() {
    let csv = |text: &str| {
        from_csv(text.as_bytes(), &[vec![4]], 1e-3)
            .unwrap_err()
            .to_string()
    };
    let vector = |n: usize| Array::vector(Data::U8(vec![0; n]));
    let spikes = || ("spikes", array(&[2, 3, 4], zeros(&[2, 3, 4])));
    let all = [
        npy(&[5, 3], zeros(&[5, 3]), &[4]).unwrap_err().to_string(),
        npy(&[0, 4], Data::U8(vec![]), &[4])
            .unwrap_err()
            .to_string(),
        npy(&[5, 0, 4], Data::U8(vec![]), &[4])
            .unwrap_err()
            .to_string(),
        npy(&[1, 2], Data::F32(vec![0.0, f32::NAN]), &[2])
            .unwrap_err()
            .to_string(),
        npz(&[spikes(), ("labels", vector(2))], &[4])
            .unwrap_err()
            .to_string(),
        npz(
            &[
                spikes(),
                ("labels", Array::vector(Data::F32(vec![0.0, 0.5, 1.0]))),
            ],
            &[4],
        )
        .unwrap_err()
        .to_string(),
        npz(&[("pictures", vector(2))], &[4])
            .unwrap_err()
            .to_string(),
        npz(
            &[("input_bits", array(&[2, 1, 3], zeros(&[2, 1, 3])))],
            &[4],
        )
        .unwrap_err()
        .to_string(),
        npz(
            &[
                ("input_bits", array(&[2, 1, 1], zeros(&[2, 1, 1]))),
                ("T", array(&[], Data::I64(vec![9]))),
            ],
            &[4],
        )
        .unwrap_err()
        .to_string(),
        npz(
            &[
                ("input_bits", array(&[2, 1, 1], zeros(&[2, 1, 1]))),
                ("input_shape", Array::vector(Data::I64(vec![5]))),
            ],
            &[4],
        )
        .unwrap_err()
        .to_string(),
        csv("time,index\n"),
        csv("a,b\n0,1\n"),
        csv("0,1\n0,4\n-1,0\nx,0\n0\n0,1,1e99\n"),
    ];
    expect_test::expect![[r#"
        `spikes` has shape [5, 3]; the network takes (T, …) or (T, B, …) with [4] at the end
        there are 0 steps and 1 samples; at least one of each is needed
        there are 5 steps and 0 samples; at least one of each is needed
        `spikes` is NaN at step 0, sample 0, element 1
        there are 2 labels for 3 samples
        `labels`: element 1 is 0.5, which is not a whole number from 0 to 4294967295
        there is neither `spikes` nor `input_bits` in it; it has `pictures`
        `input_bits` has 3 bytes a step; the network's 4 inputs take 1
        `T` is 9, `input_bits` has 2
        `input_shape` is [5]; the network takes [4]
        there are no events in it
        line 1: the header is `a,b`; it takes time,index[,value] or step,index[,value]
        line 2: index 4; the network's inputs are 0 to 3
        line 3: time -1 is step -1000; steps are whole numbers from 0 to 16777216
        line 4: `x,0` are not all numbers
        line 5: 1 fields; an event is time,index[,value]
        line 6: value 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 is too large"#]].assert_eq(&all.join("\n"));
}
