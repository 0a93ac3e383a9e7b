//! The rules between keys: what one value asks of others.
//!
//! Invariant: a rule is checked where all its values passed; what one of them lacks was reported before.

use super::*;

/// Most cores of a chip: a bound on what the rest of the program allocates.
pub const MOST_CORES: u64 = 1 << 20;
/// Deepest queue where the barrier is a wave: all its last packets are kept in mind.
const DEEPEST_IN_WAVE: u32 = 1024;
/// Most tiles of a board in a row or a column: places are 16 bits.
pub const MOST_TILES_OF_A_SIDE: u64 = i16::MAX as u64;
/// Most virtual channels of a router: they are bits of one word.
pub const MOST_CHANNELS: u64 = 128;
/// Keys that a board of several chips needs, with an example of each.
pub(in crate::chip) const BORDER_KEYS: [(&str, &str); 3] = [
    ("noc.chip_hop", "50 ns"),
    ("noc.chip_occupancy", "25 ns"),
    ("energy.chip_crossing", "100 pJ"),
];

impl Checker<'_> {
    /// Virtual networks and flits.
    pub(super) fn network(&mut self) {
        let names = match self.values.get("noc.networks") {
            Some(Checked::Names(Some(names))) => names.clone(),
            _ => Vec::new(),
        };
        if let Some(name) = names.iter().find(|name| network_kind(name).is_none()) {
            let fault = (
                format!("names `{name}`"),
                "kinds of packets that may have a network of their own are `graded` and `host`; spikes have the first"
                    .to_owned(),
            );
            self.report("noc.networks", None, fault);
        }
        let flits = match self.values.get("noc.graded_flits") {
            Some(Checked::Int(flits)) => *flits,
            _ => 1,
        };
        let graded = matches!(self.values.get("core.graded"), Some(Checked::Flag(true)));
        if flits > 1 && !graded {
            let fault = (
                format!("is {flits}, and no packet of this chip carries a payload"),
                "leave it out, or write `core.graded = true`".to_owned(),
            );
            self.report("noc.graded_flits", None, fault);
        }
        if let Some(Checked::Int(depth)) = self.values.get("noc.receive_queue").cloned()
            && depth < flits
        {
            let fault = (
                format!("holds {depth} flits, and a graded packet has {flits}"),
                "a receive queue holds a whole packet at least".to_owned(),
            );
            self.report("noc.receive_queue", None, fault);
        }
    }

    /// What does not go with a barrier of messages.
    pub(super) fn wave(&mut self) {
        let word = |checker: &Self, path| match checker.values.get(path) {
            Some(Checked::Text(word)) => word.clone(),
            _ => String::new(),
        };
        if word(self, "sync.model") != "wave" {
            return;
        }
        if word(self, "noc.router") == "vc" {
            let fault = (
                "is \"wave\", and routers `vc` have no messages of a barrier".to_owned(),
                "write \"table\", or take routers `fifo`".to_owned(),
            );
            self.report("sync.model", None, fault);
        }
        if matches!(self.values.get("noc.networks"), Some(Checked::Names(Some(names))) if !names.is_empty())
        {
            let fault = (
                "gives packets networks of their own, and sync.model is \"wave\"".to_owned(),
                "the barrier's messages go behind all packets of one network: leave out one of the two"
                    .to_owned(),
            );
            self.report("noc.networks", None, fault);
        }
        for key in ["noc.inject_queue", "noc.input_fifo", "noc.receive_queue"] {
            if let Some(Checked::Int(depth)) = self.values.get(key).cloned()
                && depth > i64::from(DEEPEST_IN_WAVE)
            {
                let fault = (
                    format!("is {depth}, and sync.model is \"wave\""),
                    format!("there queues hold at most {DEEPEST_IN_WAVE}"),
                );
                self.report(key, None, fault);
            }
        }
    }

    /// The routing table, and what does not go with it.
    pub(super) fn routes(&mut self) {
        let Some(Checked::Names(Some(rows))) = self.values.get("noc.routes") else {
            return;
        };
        if let Some([width, height]) = self.board().map(|sides| sides.map(|side| side as u32))
            && let Err(faults) = Routes::read(rows, width, height)
        {
            let help = "write a row for each tile, in it a letter for each target tile: e, w, n, s, and - at its own place";
            for fault in faults {
                self.report("noc.routes", None, (fault, help.to_owned()));
            }
        }
        for key in ["noc.order", "noc.host_order", "noc.multicast"] {
            let given = self.entries.keys.get(key).map(|entry| &entry.raw);
            if given.is_some_and(|value| !matches!(value, Raw::Text(text) if text == "none")) {
                let fault = (
                    "does not go with a routing table".to_owned(),
                    format!("leave out `{key}` or `noc.routes`"),
                );
                self.report(key, None, fault);
            }
        }
    }

    /// Tiles of the whole board in x and y.
    fn board(&self) -> Option<[u64; 2]> {
        let int = |path| match self.values.get(path) {
            Some(Checked::Int(value)) => Some(*value as u64),
            _ => None,
        };
        let Some(Checked::Ints(chips)) = self.values.get("mesh.board") else {
            return None;
        };
        let sides = [int("mesh.width")?, int("mesh.height")?];
        Some([0, 1].map(|axis| sides[axis] * chips[axis] as u64))
    }

    /// What several chips need.
    pub(super) fn borders(&mut self) {
        let chips = match self.values.get("mesh.board") {
            Some(Checked::Ints(chips)) if chips[..] != [1, 1] => (chips[0], chips[1]),
            _ => return,
        };
        let (across, up) = chips;
        if matches!(self.values.get("noc.router"), Some(Checked::Text(word)) if word == "vc") {
            let fault = (
                format!(
                    "is [{across}, {up}], and routers `vc` have no reference for links between chips"
                ),
                "write [1, 1], or take routers `fifo`".to_owned(),
            );
            return self.report("mesh.board", None, fault);
        }
        let sides = self.board().unwrap_or_default();
        for (key, tiles) in ["mesh.width", "mesh.height"].into_iter().zip(sides) {
            if tiles > MOST_TILES_OF_A_SIDE {
                let fault = (
                    format!("makes {tiles} tiles of a side of the board"),
                    format!("at most {MOST_TILES_OF_A_SIDE}"),
                );
                self.report(key, None, fault);
            }
        }
        for (path, value) in BORDER_KEYS {
            if self.entries.keys.contains_key(path) {
                continue;
            }
            let fault = (
                format!("missing, and mesh.board is [{across}, {up}]"),
                format!(
                    "what a link from chip to chip takes: write it into the chip file, or --set {path}=\"{value}\""
                ),
            );
            let section = path.split_once('.').map_or("", |(section, _)| section);
            let line = self.entries.sections.get(section).copied();
            self.report(path, line, fault);
        }
    }

    /// Rules between keys; each is judged only when its keys are right by themselves.
    pub(super) fn between_keys(&mut self) {
        let set = self
            .entries
            .keys
            .get("voltage")
            .is_some_and(|e| e.overridden);
        if set && self.quantities.values().all(|q| q.scaled.is_none()) {
            let fault = (
                "no cost of this chip follows the voltage".to_owned(),
                "give costs of the chip file `at_voltage` and `exponent`".to_owned(),
            );
            self.report("voltage", None, fault);
        }
        let int = |values: &BTreeMap<_, Checked>, path| match values.get(path) {
            Some(Checked::Int(value)) => Some(*value as u64),
            _ => None,
        };
        let board = self.board();
        let size = (
            board.map(|board| board[0]),
            board.map(|board| board[1]),
            int(&self.values, "mesh.cores_per_tile"),
        );
        if let (Some(width), Some(height), Some(cores)) = size
            && width * height * cores > MOST_CORES
        {
            let fault = (
                format!("makes {} cores of the mesh", width * height * cores),
                format!("at most {MOST_CORES}"),
            );
            self.report("mesh.cores_per_tile", None, fault);
        }
        if let (Some(cores), Some(vcs)) = (size.2, int(&self.values, "noc.vcs")) {
            let channels = (4 + cores) * vcs.next_power_of_two();
            if channels > MOST_CHANNELS {
                let fault = (
                    format!(
                        "makes {channels} channels of a router with 4 + {cores} ports (channels of a port rounded up to a power of two)"
                    ),
                    format!("at most {MOST_CHANNELS}: fewer channels, or fewer cores at a tile"),
                );
                self.report("noc.vcs", None, fault);
            }
        }
        if let (Some(width), Some(height), Some(Checked::Ports(ports))) =
            (size.0, size.1, self.values.get("host.ports").cloned())
        {
            for (i, (tile, side)) in ports.iter().enumerate() {
                if let Some(fault) = port_fault((*tile, *side), &ports[..i], width, height) {
                    self.report("host.ports", None, fault);
                }
            }
        }
        if let Some(Checked::Ints(pair)) = self.values.get("core.weight_exponent")
            && pair[0] > pair[1]
        {
            let fault = (
                format!("{} is above {}", pair[0], pair[1]),
                "smallest first".to_owned(),
            );
            self.report("core.weight_exponent", None, fault);
        }
        let to_core = ["noc.in_tile", "noc.eject"].map(|path| int(&self.values, path));
        if self.cycle_ps.is_some() && to_core == [Some(0), Some(0)] {
            let fault = (
                "is 0 cycles, as `noc.in_tile` is".to_owned(),
                "their sum is the latency from router to core: at least 1 cycle".to_owned(),
            );
            self.report("noc.eject", None, fault);
        }
        let [delivery, price, name] =
            ["core.delivery", "on_spike.price", "name"].map(|path| match self.values.get(path) {
                Some(Checked::Text(text)) => text.clone(),
                _ => String::new(),
            });
        if delivery == "axon_bits" && price == "instruction" {
            let fault = (
                "a chip with `axon_bits` cannot price `on_spike` by instruction".to_owned(),
                "its synapses are timed by `core.neuron_pass`: write \"event\"".to_owned(),
            );
            self.report("on_spike.price", None, fault);
        }
        self.network();
        self.borders();
        self.routes();
        self.wave();
        if let Some(Checked::Names(Some(others))) = self.values.get("other_costs")
            && others.contains(&name)
        {
            let fault = (
                format!("names the chip itself, `{name}`"),
                "name other chips".to_owned(),
            );
            self.report("other_costs", None, fault);
        }
    }
}
