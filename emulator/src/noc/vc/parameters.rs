//! Parameters of the `vc` router: ranges, and what is refused because no reference exists for it.

use crate::noc::{Mesh, NocError};
use isa::chip::ChipSpec;

/// Most flits of a packet.
pub const LARGEST_PACKET: u32 = 65_535;
/// Most routers in a row or column: places are 12 bits of a flit.
const LARGEST_SIDE: u32 = 4096;
/// Most memory of a network without packets.
const MOST_BYTES: u64 = 2 << 30;
/// Of a virtual channel without its slots, its share of the port's included.
const CHANNEL_BYTES: u64 = 96;

/// A mesh of `vc` routers. Cycles and flits; the names in brackets are BookSim2's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Routers and nodes.
    pub mesh: Mesh,
    /// Virtual channels of a port, 1 to 8 (`num_vcs`).
    pub vcs: u32,
    /// Slots of a virtual channel, 1 to 4096 (`vc_buf_size`).
    pub buffer: u32,
    /// 0 (look-ahead) or 1 (`routing_delay`).
    pub routing_delay: u32,
    /// Switch grant to output link, 1 to 8 (`st_prepare_delay + st_final_delay`).
    pub switch_delay: u32,
    /// Latency of every link, credits' too, 1 to 16; an output register adds one.
    pub link_delay: u32,
    /// Credit arrived to credit usable in a router, 0 to 16 (`credit_delay`).
    pub credit_delay: u32,
    /// A head asks for a virtual channel and for the switch in the same cycle (`speculative`).
    pub speculative: bool,
    /// An output channel is free only when its last packet's tail has left the buffer behind it (`wait_for_tail_credit`).
    pub wait_for_tail_credit: bool,
}

impl Parameters {
    /// 4 channels of 8 slots, no routing stage, not speculative, all delays 1.
    pub fn new(mesh: Mesh) -> Parameters {
        Parameters {
            mesh,
            vcs: 4,
            buffer: 8,
            routing_delay: 0,
            switch_delay: 1,
            link_delay: 1,
            credit_delay: 1,
            speculative: false,
            wait_for_tail_credit: false,
        }
    }

    /// The routers of a chip's planes, one node for each core; none if they are of another kind.
    pub fn of_chip(chip: &ChipSpec) -> Option<Parameters> {
        let vc = chip.noc.vc?;
        Some(Parameters {
            mesh: Mesh {
                width: chip.mesh.width,
                height: chip.mesh.height,
                locals: chip.mesh.cores_per_tile,
            },
            vcs: vc.vcs,
            buffer: vc.buffer,
            routing_delay: vc.routing_delay,
            switch_delay: vc.switch_delay,
            link_delay: vc.link_delay,
            credit_delay: vc.credit_delay,
            speculative: vc.speculative,
            wait_for_tail_credit: vc.wait_for_tail_credit,
        })
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first that is not kept.
    pub fn check(&self) -> Result<(), NocError> {
        let Mesh {
            width,
            height,
            locals,
        } = self.mesh;
        let ranges = [
            ("width", width, 1, LARGEST_SIDE),
            ("height", height, 1, LARGEST_SIDE),
            ("locals", locals, 1, 60),
            ("vcs", self.vcs, 1, 8),
            ("buffer", self.buffer, 1, 4096),
            ("routing-delay", self.routing_delay, 0, 1),
            ("switch-delay", self.switch_delay, 1, 8),
            ("link-delay", self.link_delay, 1, 16),
            ("credit-delay", self.credit_delay, 0, 16),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(out_of_range(name, value, &format!("{least} to {most}")));
            }
        }
        if self.router_vcs() > 128 {
            let limit = format!(
                "with {} virtual channels a router has at most {} nodes",
                self.vcs,
                128 / self.stride() - 4
            );
            return Err(out_of_range("locals", locals, &limit));
        }
        let channels = u64::from(width) * u64::from(height) * self.router_vcs() as u64;
        let slots = u64::from(self.buffer).next_power_of_two();
        if channels * (CHANNEL_BYTES + 8 * slots) > MOST_BYTES {
            let limit = format!(
                "{channels} virtual channels of {slots} slots are more than this program takes (2 GiB)"
            );
            return Err(out_of_range("buffer", self.buffer, &limit));
        }
        Ok(())
    }

    /// Sets a parameter by BookSim2's name, as in its configuration files.
    ///
    /// # Errors
    /// The value is not a number, or stands for something that no reference exists for.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), NocError> {
        let number = || {
            let parsed = value.trim().parse::<u32>();
            parsed.map_err(|_| out_of_range(key, value, "a number is expected"))
        };
        let flag = || match value.trim() {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(out_of_range(key, value, "0 or 1")),
        };
        match key {
            "k" => (self.mesh.width, self.mesh.height) = (number()?, number()?),
            "num_vcs" => self.vcs = number()?,
            "vc_buf_size" => self.buffer = number()?,
            "routing_delay" => self.routing_delay = number()?,
            "st_final_delay" => self.switch_delay = number()?,
            "credit_delay" => self.credit_delay = number()?,
            "speculative" => self.speculative = flag()?,
            "wait_for_tail_credit" => self.wait_for_tail_credit = flag()?,
            _ => {
                let Some((_, only)) = FIXED.iter().find(|(name, _)| *name == key) else {
                    return Err(out_of_range(key, value, "unknown parameter"));
                };
                if !only.contains(&value.trim()) {
                    let limit = format!(
                        "not supported: there is no reference for it (only {})",
                        only[0]
                    );
                    return Err(out_of_range(key, value, &limit));
                }
            }
        }
        Ok(())
    }

    /// Routing and allocation before a head can leave, cycles after its arrival.
    pub(crate) fn stages(&self) -> u64 {
        u64::from(self.routing_delay) + u64::from(!self.speculative)
    }

    /// Cycles from generation until the tail is taken in an empty network: (1 + L) + R·(stages + st + 1 + L) + size − 1.
    pub fn zero_load(&self, source: u32, target: u32, size: u32) -> u64 {
        let routers = u64::from(self.mesh.routers_passed(source, target));
        1 + u64::from(self.link_delay) + routers * self.hop_cycles() + u64::from(size) - 1
    }

    /// Cycles from router to router in an empty network.
    pub fn hop_cycles(&self) -> u64 {
        self.stages() + u64::from(self.switch_delay) + 1 + u64::from(self.link_delay)
    }

    /// Ports of a router.
    pub(super) fn ports(&self) -> usize {
        4 + self.mesh.locals as usize
    }

    /// Virtual channels of a port, rounded up to a power of two.
    pub(super) fn stride(&self) -> usize {
        (self.vcs as usize).next_power_of_two()
    }

    /// Bits of a set of a router's channels.
    pub(super) fn router_vcs(&self) -> usize {
        self.ports() * self.stride()
    }
}

/// What has one value only, and its spellings.
const FIXED: &[(&str, &[&str])] = &[
    ("topology", &["mesh"]),
    ("n", &["2"]),
    ("routing_function", &["dor", "dim_order"]),
    ("router", &["iq"]),
    ("vc_allocator", &["islip"]),
    ("sw_allocator", &["islip"]),
    ("spec_sw_allocator", &["prio"]),
    ("spec_check_elig", &["1"]),
    ("spec_check_cred", &["1"]),
    ("alloc_iters", &["1"]),
    ("vc_alloc_delay", &["1"]),
    ("sw_alloc_delay", &["1"]),
    ("st_prepare_delay", &["0"]),
    ("input_speedup", &["1"]),
    ("output_speedup", &["1"]),
    ("internal_speedup", &["1.0", "1"]),
    ("vc_busy_when_full", &["0"]),
    ("vc_prioritize_empty", &["0"]),
    ("vc_shuffle_requests", &["0"]),
    ("hold_switch_for_packet", &["0"]),
    ("output_buffer_size", &["-1"]),
    ("buffer_policy", &["private"]),
    ("noq", &["0"]),
    ("include_queuing", &["1"]),
    ("use_noc_latency", &["1"]),
    ("subnets", &["1"]),
    ("classes", &["1"]),
    ("priority", &["none"]),
];

fn out_of_range(name: &str, value: impl ToString, limit: &str) -> NocError {
    NocError::Parameter {
        name: name.to_owned(),
        value: value.to_string(),
        limit: limit.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESH: Mesh = Mesh {
        width: 8,
        height: 8,
        locals: 1,
    };

    #[test]
    fn zero_load_is_the_table_of_the_reference() {
        // Routers 1, 2 and 15 of an 8 × 8 mesh.
        let check = |change: &dyn Fn(&mut Parameters), expect: [u64; 3]| {
            let mut parameters = Parameters::new(MESH);
            change(&mut parameters);
            let seen = [(0, 0), (0, 1), (0, 63)].map(|(s, t)| parameters.zero_load(s, t, 1));
            assert_eq!(seen, expect);
        };
        check(&|_| (), [6, 10, 62]);
        check(&|p| p.routing_delay = 1, [7, 12, 77]);
        check(&|p| p.speculative = true, [5, 8, 47]);
        check(&|p| (p.routing_delay, p.switch_delay) = (1, 2), [8, 14, 92]);
    }

    #[test]
    fn what_has_no_reference_is_refused_by_name() {
        for (key, value) in [
            ("topology", "torus"),
            ("routing_function", "romm"),
            ("vc_alloc_delay", "2"),
            ("sw_allocator", "wavefront"),
            ("input_speedup", "2"),
            ("num_vcs", "many"),
            ("warp", "9"),
        ] {
            let error = Parameters::new(MESH).set(key, value).expect_err(key);
            let text = error.to_string();
            assert!(text.starts_with(&format!("{key} {value}: ")), "{text}");
        }
        for (name, change) in [
            ("vcs", (|p| p.vcs = 9) as fn(&mut Parameters)),
            ("buffer", |p| p.buffer = 0),
            ("routing-delay", |p| p.routing_delay = 2),
            ("link-delay", |p| p.link_delay = 0),
            ("locals", |p| (p.mesh.locals, p.vcs) = (13, 8)),
            ("buffer", |p| (p.mesh.width, p.mesh.height) = (4096, 4096)),
        ] {
            let mut parameters = Parameters::new(MESH);
            change(&mut parameters);
            let error = parameters.check().expect_err(name).to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }
}
