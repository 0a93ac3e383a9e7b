//! Rates of a simulation: counted where they are known, and on noise.

use network::input::Sample;
use network::{ImportOptions, SimulateOptions};

/// A layer that fires with its input.
const NET: &str = r#"
format = 1
dt = 1e-3
[[input]]
name = "in"
shape = [4]
[[population]]
name = "echo"
shape = [4]
model = "if"
r = 1000.0
threshold = 1.0
[[projection]]
from = "in"
to = "echo"
kind = "one_to_one"
weight = 2.0
"#;

fn graph(name: &str) -> network::Graph {
    let folder = std::env::temp_dir().join(format!("spikemesh_{name}_{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("net.toml");
    std::fs::write(&path, NET).expect("a file");
    let graph = network::load(&path, &ImportOptions::default());
    std::fs::remove_dir_all(&folder).expect("it is there");
    graph.unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn spikes_over_steps() {
    let graph = graph("activity_counts");
    let mut sample = Sample::new();
    for step in 0..10 {
        sample.push_step((0..4).filter(|e| step % (e + 1) == 0).map(|e| (e, 1.0)));
    }
    let found = graph
        .activity(&[sample.clone(), sample], 0, &SimulateOptions::default())
        .unwrap_or_else(|e| panic!("{e}"));
    // Steps 0 to 9: all, every second, third and fourth.
    assert_eq!(found.inputs, [1.0, 0.5, 0.4, 0.3]);
    let (name, rates) = &found.populations[0];
    assert_eq!((name.as_str(), &rates[..]), ("echo", &found.inputs[..]));
}

#[test]
fn skipped_steps_do_not_count() {
    let graph = graph("activity_skipped");
    let mut sample = Sample::new();
    for step in 0..10 {
        sample.push_step((step < 5).then_some((0, 1.0)));
    }
    let found = graph
        .activity(&[sample], 5, &SimulateOptions::default())
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(found.inputs, [0.0; 4]);
    assert_eq!(found.populations[0].1, [0.0; 4]);
}

#[test]
fn noise_is_the_same_each_time_and_as_often_as_asked() {
    let noise = Sample::noise(1000, 100, 0.1);
    assert_eq!(noise, Sample::noise(1000, 100, 0.1));
    let share = noise.events().len() as f64 / 100_000.0;
    assert!((share - 0.1).abs() < 0.005, "{share}");
    let found = graph("activity_noise")
        .activity_on_noise()
        .expect("it runs");
    // 24 steps of 4 elements.
    assert_eq!(found.populations[0].1, found.inputs);
    assert!(found.inputs.iter().any(|r| *r > 0.0));
}
