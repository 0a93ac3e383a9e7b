//! A mapped network on a chip whose routers copy packets, against the same chip without: the same spikes, less traffic.

use crate::cli::json;

#[test]
fn copied_packets_give_the_same_spikes_over_fewer_links() {
    let run = |name: &str, multicast: &str| {
        let set = format!("noc.multicast={multicast}");
        let network = [
            "run",
            "examples/motion/motion.nir",
            "--input",
            "examples/motion/test.npz",
        ];
        let mut args = network.to_vec();
        args.extend(["--chip", "loihi", "--limit", "2", "--set", &set]);
        json(name, &args)
    };
    let (copied, apart) = (run("multicast", "tree"), run("unicast", "none"));
    for key in ["spikes", "predictions", "state_digest"] {
        assert_eq!(copied[key], apart[key], "{key}");
    }
    let count = |report: &serde_json::Value, names: &[&str]| -> u64 {
        let each = names
            .iter()
            .map(|name| report["counters"][name].as_u64().expect("a counter"));
        each.sum()
    };
    let hops = ["hops_east", "hops_west", "hops_north", "hops_south"];
    let links = [count(&copied, &hops), count(&apart, &hops)];
    let sent = [
        count(&copied, &["flits_out"]),
        count(&apart, &["flits_out"]),
    ];
    println!("links {links:?}, flits sent {sent:?}");
    assert!(links[0] < links[1] && sent[0] < sent[1]);
    for same in [
        "packets",
        "packets_local",
        "tile_deliveries",
        "flits_in",
        "synaptic_ops",
    ] {
        assert_eq!(count(&copied, &[same]), count(&apart, &[same]), "{same}");
    }
}
