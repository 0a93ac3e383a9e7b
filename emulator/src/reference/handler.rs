//! One lane, or one synapse, walks through one handler: each instruction as `specs/isa.md` words it.
//!
//! Invariant: nothing here knows cores, steps or time; the walk says where it stood and what it sent. The debugger shows
//! lanes by it too.

use isa::image::Group;
use isa::numeric::{reduce_mode, saturate_i32, shift_right};
use isa::op::{Instr, Op, Round};

/// What the handler can see around it.
pub(crate) struct Site<'a> {
    /// Lane in its group; the target's in `on_spike`.
    pub(crate) lane: usize,
    /// Where `state` has it.
    pub(crate) place: usize,
    /// Low 32 bits of the step since the last reset.
    pub(crate) step: u32,
    /// Logical id of the lane.
    pub(crate) id: u32,
    pub(crate) payload: i32,
    /// Decoded weight; `None`: it is the target's state slot `weight_slot`.
    pub(crate) weight: Option<i32>,
    pub(crate) weight_slot: usize,
    pub(crate) delay: i32,
    pub(crate) kind: i32,
    /// Reduced accumulator of a receptor.
    pub(crate) sums: &'a dyn Fn(usize) -> i32,
    /// Random word of a draw site.
    pub(crate) random: &'a dyn Fn(usize) -> u32,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Walk {
    /// Instructions at which it stood, in order.
    pub(crate) stood: Vec<usize>,
    /// It took a branch that carries `.idle`.
    pub(crate) idle: bool,
    /// Instruction that sent, and payload.
    pub(crate) spike: Option<(usize, i32)>,
    /// Random words drawn.
    pub(crate) draws: u64,
    /// (receptor, value) of each `acc`.
    pub(crate) accumulated: Vec<(usize, i32)>,
    /// Registers and predicates as they stood at `halt`.
    pub(crate) registers: [i32; 16],
    pub(crate) predicates: [bool; 4],
    /// The first `brk` whose guard held: where, and registers and predicates there.
    pub(crate) broke: Option<(usize, [i32; 16], [bool; 4])>,
}

/// Walks to `halt`. `state` is the group's: slot, lane.
pub(crate) fn walk(code: &[Instr], group: &Group, state: &mut [Vec<i32>], site: &Site<'_>) -> Walk {
    let mut walk = Walk::default();
    let mut r = [0i32; 16];
    let mut p = [true, false, false, false];
    let mut at = 0;
    loop {
        let i = &code[at];
        walk.stood.push(at);
        let guard = p[usize::from(i.pred)] != i.negate;
        // Only a true guard has an effect; `sel` always has.
        if !guard && i.op != Op::Sel {
            at += 1;
            continue;
        }
        let mut random = 0;
        if i.op == Op::Rng || i.round == Round::Stochastic {
            random = (site.random)(at);
            walk.draws += 1;
        }
        let (rd, ra) = (usize::from(i.rd), r[usize::from(i.ra)]);
        let b = if i.konst {
            group.constants[usize::from(i.rb)].1
        } else {
            r[usize::from(i.rb)]
        };
        let (wide, wide_b) = (i64::from(ra), i64::from(b));
        let shift = u32::from(i.shift);
        let shifted_b = wide_b << shift;
        let amount = (b as u32).wrapping_add(shift) & 31;
        let product = || shift_right(wide * wide_b, shift, i.round, random);
        let (slot, field) = (usize::from(i.slot), usize::from(i.field));
        let predicates = || {
            (
                p[usize::from(i.ra)] ^ (i.field & 1 != 0),
                p[usize::from(i.rb & 3)] ^ (i.field & 2 != 0),
            )
        };
        let mut next = at + 1;
        match i.op {
            Op::Halt => {
                (walk.registers, walk.predicates) = (r, p);
                return walk;
            }
            Op::Brk => walk.broke = walk.broke.or(Some((at, r, p))),
            Op::Br => {
                next += usize::from(i.offset);
                walk.idle |= i.idle;
            }
            Op::Add => r[rd] = reduce_mode(wide + shifted_b, i.mode),
            Op::Sub => r[rd] = reduce_mode(wide - shifted_b, i.mode),
            Op::Rsub => r[rd] = reduce_mode(shifted_b - wide, i.mode),
            Op::Min => r[rd] = ra.min(b),
            Op::Max => r[rd] = ra.max(b),
            Op::Abs => r[rd] = reduce_mode(wide.abs(), i.mode),
            Op::Neg => r[rd] = reduce_mode(-wide, i.mode),
            Op::And => r[rd] = ra & b,
            Op::Or => r[rd] = ra | b,
            Op::Xor => r[rd] = ra ^ b,
            Op::Shl => r[rd] = reduce_mode(wide << amount, i.mode),
            Op::Sra => r[rd] = shift_right(wide, amount, i.round, random) as i32,
            Op::Srl => r[rd] = (ra as u32 >> amount) as i32,
            Op::Mulq => r[rd] = reduce_mode(product(), i.mode),
            Op::Mac => r[rd] = reduce_mode(i64::from(r[rd]) + product(), i.mode),
            Op::Addi => r[rd] = ra.wrapping_add(i32::from(i.imm)),
            Op::Li => r[rd] = i32::from(i.imm),
            Op::Lih => r[rd] = i32::from(i.imm) << 15 | r[rd] & 0x7fff,
            Op::CmpEq => p[rd] = ra == b,
            Op::CmpNe => p[rd] = ra != b,
            Op::CmpLt => p[rd] = ra < b,
            Op::CmpLe => p[rd] = ra <= b,
            Op::CmpGt => p[rd] = ra > b,
            Op::CmpGe => p[rd] = ra >= b,
            Op::Pand => p[rd] = predicates().0 && predicates().1,
            Op::Por => p[rd] = predicates().0 || predicates().1,
            Op::Sel => r[rd] = if guard { ra } else { b },
            Op::Lds => r[rd] = state[slot][site.place],
            Op::Sts => state[slot][site.place] = saturate_i32(r[rd], group.slots[slot].bits),
            Op::Lda => r[rd] = (site.sums)(field),
            Op::Acc => walk.accumulated.push((field, ra)),
            Op::Ldy => {
                let weight = site
                    .weight
                    .unwrap_or_else(|| state[site.weight_slot][site.place]);
                r[rd] = [weight, site.delay, site.kind][field];
            }
            Op::Lut => {
                let table = &group.tables[field];
                r[rd] = table[(ra >> shift).clamp(0, table.len() as i32 - 1) as usize];
            }
            Op::Rng => r[rd] = (random >> shift) as i32,
            Op::Spk => walk.spike = Some((at, 1)),
            Op::Spkg => walk.spike = Some((at, ra)),
            Op::Mfs => {
                r[rd] = [
                    site.lane as i32,
                    site.step as i32,
                    site.payload,
                    site.id as i32,
                ][field]
            }
        }
        at = next;
    }
}
