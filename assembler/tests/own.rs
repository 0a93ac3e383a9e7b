//! Kernels of the user: real parameters, errors with their place, names that are taken.

use assembler::kernels::{AddError, KernelLibrary, Settings};

const LEAK: &str = r#"; a leaky integrator
.option TWICE = 0 0..=1
.param tau "s, membrane"
.param gain = 2 * exp(0)
.param scale = 64
.accumulator 22 wrap
.const A = q12(exp(-dt / tau))
.const G = q0(gain * scale)
.slot v 24 = q8(1 / tau)
.update
    lds  r1, v
    mulq r1, r1, A, 12
    sts  r1, v
.if TWICE
    spk
.endif
    halt
.end
"#;

fn library(text: &str) -> Result<KernelLibrary, AddError> {
    let mut library = KernelLibrary::default();
    library.add("leak", "my/leak.kernel", text, false)?;
    Ok(library)
}

#[test]
fn parameters_bind_constants_and_slots() {
    let library = library(LEAK).expect("it assembles");
    let at = |params: &[(&str, f64)], options: &[(&str, i64)]| {
        let settings = Settings {
            options,
            params,
            dt_s: Some(1e-3),
        };
        library.instantiate("leak", &settings).expect("complete")
    };
    let kernel = at(&[("tau", 0.01)], &[]);
    // round(4096 · e^-0.1) = 3706; 2 · 64; 256 / 0.01.
    assert_eq!(
        kernel.constants,
        [("A".to_owned(), 3706), ("G".to_owned(), 128)]
    );
    assert_eq!(kernel.slots, [("v".to_owned(), 24, 25_600)]);
    assert_eq!((kernel.scale, kernel.update.len()), (Some(64.0), 4));
    let other = at(
        &[("tau", 0.01), ("gain", 3.5), ("scale", 2.0)],
        &[("TWICE", 1)],
    );
    assert_eq!(other.constants[1].1, 7);
    assert_eq!((other.scale, other.update.len()), (Some(2.0), 5));
    let names: Vec<(&str, Option<f64>)> = kernel
        .params
        .iter()
        .map(|p| (p.name.as_str(), p.default))
        .collect();
    assert_eq!(
        names,
        [("tau", None), ("gain", Some(2.0)), ("scale", Some(64.0))]
    );
}

#[test]
fn what_cannot_be_instantiated_says_why() {
    let library = library(LEAK).expect("it assembles");
    let fails = |params: &[(&str, f64)], options: &[(&str, i64)], dt_s, expect: &str| {
        let settings = Settings {
            options,
            params,
            dt_s,
        };
        let error = library.instantiate("leak", &settings).expect_err(expect);
        assert!(error.to_string().contains(expect), "{error}");
    };
    let dt = Some(1e-3);
    let tau = [("tau", 0.01)];
    fails(
        &[],
        &[],
        dt,
        "needs a value for tau (s, membrane), which has no default",
    );
    fails(
        &[("tua", 1.0)],
        &[],
        dt,
        "no parameter `tua`; it has tau (s, membrane), which has no default; gain = 2.0; scale = 64.0 (did you mean `tau`?)",
    );
    fails(
        &tau,
        &[],
        None,
        "my/leak.kernel:7:21: E0006: `dt` has no value",
    );
    fails(
        &[("tau", 0.0)],
        &[],
        dt,
        "my/leak.kernel:7:20: E0007: this is infinite",
    );
    fails(
        &[("tau", f64::NAN)],
        &[],
        dt,
        "parameter tau of kernel `leak` is NaN",
    );
    fails(
        &[("tau", 0.01), ("scale", 0.0)],
        &[],
        dt,
        "parameter scale of kernel `leak` is 0",
    );
    fails(&tau, &[("ONCE", 1)], dt, "no option `ONCE`; it has TWICE");
    fails(&tau, &[("TWICE", 2)], dt, "allowed are 0 to 1");
    fails(&[("tau", 1e-12)], &[], dt, "my/leak.kernel:9:");
}

#[test]
fn a_wrong_text_is_told_when_it_is_added() {
    for (line, place) in [
        (".const B = q12(exp(tau)", "my/leak.kernel:19:24: E0004"),
        (".param tau", "my/leak.kernel:19:8: E0107"),
        (".param dt", "my/leak.kernel:19:8: E0107"),
        (".param r3 = 1", "my/leak.kernel:19:8: E0211"),
        (".param a = nope", "my/leak.kernel:19:12: E0006"),
        (".param a = tan(1)", "my/leak.kernel:19:12: E0109"),
        (".kernel lif", "my/leak.kernel:19:1: E0102"),
        (".core 0", "my/leak.kernel:19:1: E0102"),
    ] {
        let error = library(&format!("{LEAK}{line}\n")).expect_err(line);
        assert!(error.to_string().contains(place), "{line}: {error}");
    }
    // In an image there are no parameters.
    let wrong = assembler::assemble(".core 0\n.group lanes=1\n.param a = 1\n", "a.s");
    assert_eq!(wrong.expect_err("out of place")[0].code, "E0102");
}

#[test]
fn names_are_taken_once() {
    let mut library = library(LEAK).expect("it assembles");
    for (name, expect) in [
        ("leak", "my/leak.kernel has that name too"),
        ("lif", "the library has one of this name"),
        ("custom", "a kernel's name is a letter"),
        ("a b", "a kernel's name is a letter"),
        ("a.b", "a kernel's name is a letter"),
        ("1a", "a kernel's name is a letter"),
    ] {
        let error = library.add(name, "x.kernel", LEAK, false).expect_err(name);
        assert!(error.to_string().contains(expect), "{name}: {error}");
    }
    library
        .add("lif", "x.kernel", LEAK, true)
        .expect("it takes the library's place");
    assert_eq!(library.params("lif").len(), 3);
    assert_eq!(library.names().filter(|name| *name == "lif").count(), 1);
    assert_eq!(library.params("cubalif"), []);
}

#[test]
fn a_program_names_it() {
    let library = library(LEAK).expect("it assembles");
    let text =
        ".dt 1e-3\n.core 0\n.group lanes=2\n.kernel leak TWICE=1 tau=exp(-4.605170185988092)\n";
    let image = assembler::assemble_with(text, "a.s", &library).expect("it assembles");
    assert_eq!(image.cores[0].groups[0].kernel, "leak");
    assert_eq!(
        image.cores[0].groups[0].constants[0],
        ("A".to_owned(), 3706)
    );
    for (line, expect) in [
        (".kernel leak", "needs a value for tau"),
        (".kernel leak tau=1 tau=2", "given twice"),
        (".kernel leek tau=1", "did you mean `leak`?"),
        (".kernel none", "--kernel-path"),
        (".kernel leak tau=", "expected a number"),
    ] {
        let text = format!(".dt 1e-3\n.core 0\n.group lanes=1\n{line}\n");
        let wrong = assembler::assemble_with(&text, "a.s", &library).expect_err(line);
        assert!(
            wrong[0].to_string().contains(expect),
            "{line}: {}",
            wrong[0]
        );
        assert_eq!(wrong[0].line, 4);
    }
}
