//! `spikemesh noc` as a user sees it: packets in and times out, curves as table, JSON and plot, and what is refused.

use crate::cli::{folder, ok, root, run_in};
use crate::golden_noc::files;
use serde_json::Value;
use std::path::Path;

fn stderr(folder: &Path, args: &str) -> (Option<i32>, String) {
    let args: Vec<&str> = args.split_whitespace().collect();
    let out = run_in(folder, &args);
    (
        out.status.code(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}

fn succeed(folder: &Path, args: &str) -> String {
    let words: Vec<&str> = args.split_whitespace().collect();
    let out = run_in(folder, &words);
    let error = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args}: {error}");
    String::from_utf8(out.stdout).expect("text")
}

#[test]
fn packets_come_back_with_their_times() {
    let dir = folder("noc_packets");
    let trace = files()["traces/t4_H_vc2b8_mixed1or2_r020.csv"].clone();
    std::fs::write(dir.join("trace.csv"), &trace).expect("written");
    // The given columns alone, in another order.
    let given: String = trace.lines().fold(String::new(), |text, line| {
        let cells: Vec<&str> = line.split(',').collect();
        format!(
            "{text}{}, {},{},{}\n",
            cells[3], cells[2], cells[1], cells[0]
        )
    });
    std::fs::write(dir.join("in.csv"), given).expect("written");
    for input in ["trace.csv", "in.csv"] {
        for router in [
            "--vcs 2 --credit-delay 2",
            "--param num_vcs=2 --param credit_delay=2",
        ] {
            let printed = succeed(
                &dir,
                &format!("noc --mesh 4x4 {router} --packets {input} -o out.csv --json out.json"),
            );
            assert!(
                printed.contains("1,245 packets, 1,836 flits: latency mean 17.22 cycles"),
                "{printed}"
            );
            let out = std::fs::read_to_string(dir.join("out.csv")).expect("written");
            assert!(out == trace.replace('\r', ""), "{input} {router}");
            let json: Value =
                serde_json::from_slice(&std::fs::read(dir.join("out.json")).expect("written"))
                    .expect("JSON");
            assert_eq!(json["packets"], 1245);
            assert_eq!(json["last_arrival"], 423);
            assert_eq!(json["parameters"]["vcs"], 2);
        }
    }
}

/// One packet over the Loihi preset: axon-out 21, inject 1, three hops east of 41, one north of 65, in the tile 21.
#[test]
fn a_chip_gives_its_own_latencies() {
    let dir = folder("noc_chip");
    std::fs::write(dir.join("in.csv"), "ctime,src,dst,size_flits\n7,0,45,1\n").expect("written");
    succeed(&dir, "noc --chip loihi --packets in.csv -o out.csv");
    let out = std::fs::read_to_string(dir.join("out.csv")).expect("written");
    let arrival = 7 + 21 + 1 + 3 * 41 + 65 + 21;
    assert_eq!(
        out,
        format!(
            "ctime,src,dst,size_flits,itime_head,atime_head,atime_tail,hops\n7,0,45,1,28,{arrival},{arrival},5\n"
        )
    );
    // On the chip's mesh, with the other router: five routers of four cycles.
    succeed(
        &dir,
        "noc --chip loihi --router vc --packets in.csv -o out.csv",
    );
    let out = std::fs::read_to_string(dir.join("out.csv")).expect("written");
    assert!(out.ends_with("\n7,0,45,1,7,29,29,5\n"), "{out}");
    succeed(
        &dir,
        "noc --mesh 8x4 --locals 4 --router fifo --set noc.hop_east=3 --packets in.csv -o out.csv",
    );
    let out = std::fs::read_to_string(dir.join("out.csv")).expect("written");
    assert!(
        out.ends_with(&format!(",{},5\n", 7 + 1 + 1 + 3 * 3 + 1 + 1)),
        "{out}"
    );
}

#[test]
fn a_curve_is_the_same_on_any_number_of_threads() {
    let dir = folder("noc_curve");
    let mut all = Vec::new();
    for threads in [1, 3] {
        let printed = succeed(
            &dir,
            &format!(
                "noc --mesh 4x4 --vcs 1 --traffic uniform --rate 0.1:0.5:0.1 --cycles 1500 --seeds 2 --threads {threads} --json out.json --plot out.svg"
            ),
        );
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect("written");
        all.push((printed, read("out.json"), read("out.svg")));
    }
    assert!(all[0] == all[1]);
    let (printed, json, svg) = &all[0];
    let json: Value = serde_json::from_str(json).expect("JSON");
    let points = json["points"].as_array().expect("points");
    assert_eq!(points.len(), 5);
    // 2 + 4 · (1 + 2 · 15 / 12) cycles.
    assert_eq!(json["zero_load_latency"], 16.0);
    let latency = |p: &Value| p["avg_packet_latency"].as_f64();
    assert!((16.0..17.5).contains(&latency(&points[0]).expect("stable")));
    assert!(
        points
            .windows(2)
            .all(|p| latency(&p[1]).is_none_or(|l| Some(l) > latency(&p[0])))
    );
    let saturated = json["saturation"]["packets_per_node_cycle"].as_f64();
    assert_eq!(saturated, Some(0.4), "{printed}");
    assert_eq!(
        points[0]["per_seed_latency"].as_array().map(Vec::len),
        Some(2)
    );
    for text in [
        "offered load (flits per node and cycle)",
        "latency (cycles)",
        "accepted (flits per node and cycle)",
        "uniform traffic, packets of 1 flit",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(svg.matches("<polyline").count(), 3);
    // Every load has its dot in the lower panel.
    assert_eq!(svg.matches(r##"fill="#2a7f3f"/>"##).count(), 5);
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    assert!(
        printed.contains("saturated at 0.4 packets per node and cycle"),
        "{printed}"
    );
}

#[test]
fn what_is_wrong_is_named() {
    let dir = folder("noc_bad");
    let header = "ctime,src,dst,size_flits\n";
    for (text, expect) in [
        (
            format!("{header}0,1,2,1\n5,99,0,1\n"),
            "in.csv:3: source 99 does not exist: nodes are 0 to 15",
        ),
        (
            format!("{header}9,1,2,1\n5,0,16,1\n"),
            "in.csv:3: target 16 does not exist: nodes are 0 to 15",
        ),
        (
            format!("{header}0,1,2,0\n"),
            "in.csv:2: 0 flits: a packet has 1 to 65535",
        ),
        (
            format!("{header}0,1,x,1\n"),
            "in.csv:2: dst \"x\": expected a number from 0",
        ),
        (
            format!("{header}-1,1,2,1\n"),
            "in.csv:2: ctime \"-1\": expected a number from 0",
        ),
        (
            format!("{header}0,1,2\n"),
            "in.csv:2: 3 fields, the header has 4",
        ),
        (
            format!("{header}0,5000000000,2,1\n"),
            "in.csv:2: src 5000000000: too large",
        ),
        (
            format!("{header}18446744073709551615,1,2,1\n"),
            "in.csv:2: cycle 18446744073709551615: the last is 1152921504606846976",
        ),
        (
            "ctime,src,dst\n0,1,2\n".to_owned(),
            "in.csv:1: no column size_flits",
        ),
        (
            "ctime,src,dst,size\n0,1,2,1\n".to_owned(),
            "in.csv:1: unknown column \"size\"",
        ),
        (
            "ctime,src,src,size_flits\n0,1,2,1\n".to_owned(),
            "in.csv:1: column src stands there twice",
        ),
        (String::new(), "in.csv:1: no column ctime"),
    ] {
        std::fs::write(dir.join("in.csv"), &text).expect("written");
        let (code, error) = stderr(&dir, "noc --mesh 4x4 --packets in.csv -o out.csv");
        assert!(code == Some(1) && error.contains(expect), "{text}: {error}");
        assert!(!dir.join("out.csv").exists());
    }
    std::fs::write(dir.join("in.csv"), format!("{header}0,1,2,1\n")).expect("written");
    std::fs::write(dir.join("two.csv"), format!("{header}0,1,2,1\n0,1,2,2\n")).expect("written");
    for (args, code, expect) in [
        (
            "--packets two.csv -o o.csv --router fifo --mesh 4x4",
            1,
            "two.csv:3: 2 flits: a packet has 1 to 1",
        ),
        ("--mesh 4x4 --packets in.csv -o in.csv", 1, "it is an input"),
        ("--mesh 4x4 --packets in.csv", 2, "--output"),
        (
            "--mesh 4x4 --packets in.csv -o o.csv --traffic uniform",
            2,
            "cannot be used with",
        ),
        (
            "--mesh 4x4 --packets in.csv -o o.csv --plot o.svg",
            2,
            "--traffic",
        ),
        ("--mesh 4x4", 2, "--packets"),
        ("--traffic uniform --rate 0.1", 2, "--chip"),
        (
            "--mesh 4x4 --chip loihi --traffic uniform --rate 0.1",
            2,
            "cannot be used with",
        ),
        ("--mesh 4x4 --traffic uniform", 2, "--rate"),
        (
            "--mesh 4 --traffic uniform --rate 0.1",
            1,
            "--mesh 4: expected routers in x and y",
        ),
        (
            "--mesh 0x4 --traffic uniform --rate 0.1",
            1,
            "--mesh 0x4: width 0: 1 to 4096",
        ),
        (
            "--mesh 4x4 --locals 200 --traffic uniform --rate 0.1",
            1,
            "locals 200: 1 to 60",
        ),
        (
            "--mesh 4x4 --locals 30 --traffic uniform --rate 0.1",
            1,
            "a router has at most 28 nodes",
        ),
        (
            "--mesh 4x4 --traffic random --rate 0.1",
            1,
            "patterns are uniform, transpose, bitcomp",
        ),
        (
            "--mesh 4x2 --traffic transpose --rate 0.1",
            1,
            "--traffic transpose: it needs a square mesh",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 1.5",
            1,
            "packets per node and cycle are above 0 (2^-33) and at most 1",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 0.4:0.1:0.1",
            1,
            "END 0.1 lies below START 0.4",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 0.1 --plot x.png",
            1,
            "--plot x.png: the drawing is SVG; the name must end in .svg",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 0.1 --packet-size 0",
            1,
            "--packet-size 0",
        ),
        (
            "--mesh 4x4 --router fifo --traffic uniform --rate 0.1 --packet-size 2",
            1,
            "noc.graded_flits of this chip is 1; use --set noc.graded_flits=2",
        ),
        (
            "--mesh 2x2 --router fifo --traffic uniform --rate 0.1 --set noc.routes=[\"-ene\",\"w-nn\",\"ss-e\",\"wsw-\"]",
            1,
            "noc.routes: packets of network 0 can wait in a circle: tile 0 east → tile 1 north → tile 3 west → tile 2 south → tile 0 east",
        ),
        (
            "--chip loihi --traffic uniform --rate 0.1 --set noc.host_order=yx",
            1,
            "noc.host_order: packets of network 0 can wait in a circle: tile ",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 0.1 --cycles 0",
            1,
            "--cycles 0",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 0.1 --seeds 0",
            1,
            "--seeds 0",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 0.1 --vcs 9",
            1,
            "--vcs 9: 1 to 8",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 0.1 --param topology=torus",
            1,
            "topology torus: not supported: there is no reference",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 0.1 --param vc_alloc_delay=2",
            1,
            "vc_alloc_delay 2: not supported: there is no reference",
        ),
        (
            "--mesh 4x4 --traffic uniform --rate 0.1 --param speed=2",
            1,
            "speed 2: unknown parameter",
        ),
        (
            "--mesh 4x4 --router fifo --speculative --traffic uniform --rate 0.1",
            1,
            "--speculative: an option of the router vc",
        ),
        (
            "--mesh 4x4 --set noc.hop_east=2 --traffic uniform --rate 0.1",
            1,
            "the router vc has options of its own",
        ),
        (
            "--mesh 4x4 --router fifo --set noc.hop_est=2 --traffic uniform --rate 0.1",
            1,
            "unknown key",
        ),
        (
            "--chip nothing --traffic uniform --rate 0.1",
            1,
            "no chip \"nothing\"",
        ),
    ] {
        let (seen, error) = stderr(&dir, &format!("noc {args}"));
        assert!(
            seen == Some(code) && error.contains(expect),
            "{args}: {seen:?} {error}"
        );
        assert!(!error.contains("panicked"), "{args}: {error}");
    }
}

#[test]
fn the_help_has_examples_that_run() {
    let help = ok(&["noc", "--help"]);
    let examples: Vec<&str> = (help.lines())
        .filter_map(|line| line.trim().strip_prefix("spikemesh "))
        .collect();
    assert_eq!(examples.len(), 3, "{help}");
    let dir = folder("noc_help");
    std::fs::write(dir.join("in.csv"), "ctime,src,dst,size_flits\n0,0,15,5\n").expect("written");
    for example in examples {
        succeed(&dir, &format!("{example} --threads 2"));
    }
    assert!(root().join("docs/noc.md").exists());
}
