//! What is written is read, and what is damaged is refused.

use super::*;

#[test]
fn what_is_written_is_read() {
    let arrays = [
        (
            "a",
            Array {
                shape: vec![2, 3],
                data: Data::U32(vec![1, 2, 3, 4, 5, 6]),
            },
        ),
        (
            "b",
            Array {
                shape: vec![],
                data: Data::F64(vec![0.5]),
            },
        ),
        (
            "c",
            Array {
                shape: vec![0],
                data: Data::I8(vec![]),
            },
        ),
        (
            "d",
            Array {
                shape: vec![2],
                data: Data::Bool(vec![true, false]),
            },
        ),
    ];
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, arrays.iter().map(|(n, a)| (*n, a))).unwrap();
    let mut npz = Npz::open(bytes).unwrap();
    assert_eq!(npz.names(), ["a", "b", "c", "d"]);
    for (name, array) in &arrays {
        assert_eq!(npz.read(name).unwrap().as_ref(), Some(array));
    }
    assert!(npz.read("e").unwrap().is_none());
}

#[test]
fn fortran_order_is_turned() {
    assert_eq!(
        from_fortran(&[0, 3, 1, 4, 2, 5], &[2, 3]),
        [0, 1, 2, 3, 4, 5]
    );
}

#[test]
fn broken_files_are_errors() {
    let mut good = Vec::new();
    write_npy(
        &mut good,
        &Array {
            shape: vec![4],
            data: Data::U16(vec![1, 2, 3, 4]),
        },
    )
    .unwrap();
    for cut in 0..good.len() {
        assert!(read_npy(&good[..cut]).is_err(), "cut at {cut}");
    }
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let _ = read_npy(&bad);
    }
}

/// Forty-five thousand numbers that do not deflate to nothing, beside an array of eight.
fn written(stored: bool) -> Vec<u8> {
    let many = (0..45_000u32).map(|i| i.wrapping_mul(2_654_435_761) >> 9);
    let many = Array::vector(Data::U32(many.collect()));
    let few = Array::vector(Data::U8(vec![1, 2, 3, 4, 5, 6, 7, 8]));
    let mut bytes = Cursor::new(Vec::new());
    let both = [("many", &many), ("few", &few)];
    match stored {
        true => write_npz_stored(&mut bytes, both).unwrap(),
        false => write_npz(&mut bytes, both).unwrap(),
    }
    bytes.into_inner()
}

#[test]
fn a_flipped_bit_in_an_array_is_an_error() {
    for stored in [true, false] {
        let good = written(stored);
        let whole = Npz::open(Cursor::new(&good)).unwrap().read("many").unwrap();
        assert_eq!(whole.unwrap().len(), 45_000);
        // Bytes of the data of `many`, from its first to its last.
        let length = good.len();
        for at in [200, 1000, length / 3, length / 2, length - 1000] {
            let mut bad = good.clone();
            bad[at] ^= 4;
            let mut npz = Npz::open(Cursor::new(bad)).unwrap();
            let message = npz.read("many").unwrap_err().to_string();
            assert!(message.contains("damaged"), "{stored} {at}: {message}");
            assert_eq!(npz.read("few").unwrap().unwrap().len(), 8);
        }
    }
}

#[test]
fn what_follows_an_array_is_an_error() {
    let mut good = Vec::new();
    write_npy(&mut good, &Array::vector(Data::U16(vec![1, 2, 3]))).unwrap();
    good.push(0);
    let message = read_npy(&good).unwrap_err().to_string();
    assert!(
        message.contains("3 elements, and the data go on"),
        "{message}"
    );
}

#[test]
fn what_is_cut_is_named_with_its_numbers() {
    let mut good = Vec::new();
    write_npy(&mut good, &Array::vector(Data::U16((0..138).collect()))).unwrap();
    let message = |bytes: &[u8]| read_npy(bytes).unwrap_err().to_string();
    let data = good.len() - 2 * 138;
    assert!(message(&good[..data + 37]).contains("promises 138 elements, 18 are there"));
    assert!(message(&good[..data - 1]).contains("cut off in its header: "));
    assert!(message(&good[..9]).contains("cut off in its header's length: 1 of 2"));
    assert!(message(&good[..3]).contains("magic number and version: 3 of 8"));
    let zip = written(true);
    let error = Npz::open(Cursor::new(&zip[..zip.len() - 40])).err();
    assert!(error.unwrap().to_string().contains("cut off"));
}
