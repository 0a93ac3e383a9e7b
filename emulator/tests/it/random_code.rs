//! Random handlers: straight-line code of every legal instruction, with branches and guards, and code shaped like the
//! neuron kernels.
//!
//! Invariant: every handler passes `isa::verify::handler::check` for the group it is made for.

use crate::random::Random;
use isa::image::Group;
use isa::op::{Handler, Instr, Mode, Op, Operand, Round, encode, try_encode};

/// A random handler. `group` has its constants, slots, tables and receptors already.
pub(crate) fn random_handler(handler: Handler, group: &Group, random: &mut Random) -> Vec<u32> {
    let mut code = Vec::new();
    if handler == Handler::Update {
        if random.percent(85) {
            code.push(Instr {
                rd: 1,
                field: random.below(group.receptors.into()) as u8,
                ..Instr::new(Op::Lda)
            });
        }
        code.push(Instr {
            rd: 2,
            slot: random.below(group.slots.len()) as u8,
            ..Instr::new(Op::Lds)
        });
    } else {
        code.push(Instr {
            rd: 1,
            field: random.pick(&[0, 0, 0, 1, 2]),
            ..Instr::new(Op::Ldy)
        });
    }
    let choices: Vec<Op> = Op::ALL
        .iter()
        .copied()
        .filter(|op| op.allowed_in(handler) && !matches!(op, Op::Halt | Op::Spk | Op::Spkg))
        .collect();
    let body = random.within(1, 24) as usize;
    while code.len() < body {
        let op = if random.percent(15) {
            random.pick(&[Op::Lds, Op::Sts])
        } else {
            random.pick(&choices)
        };
        code.extend(instruction(op, handler, group, random));
    }
    match handler {
        Handler::Update => sends(&mut code, random),
        Handler::OnSpike => {
            if random.percent(40) {
                // A store to what may be the slot of a crossbar's weight, and the weight after it.
                let (rd, slot) = (random.within(1, 3) as u8, random.below(4) as u8);
                let bank = random.below(group.receptors.into()) as u8;
                code.push(Instr {
                    rd,
                    ra: rd,
                    imm: 77,
                    ..Instr::new(Op::Addi)
                });
                code.push(Instr {
                    rd,
                    slot,
                    ..Instr::new(Op::Sts)
                });
                code.push(Instr {
                    rd: 1,
                    ..Instr::new(Op::Ldy)
                });
                code.push(Instr {
                    ra: 1,
                    field: bank,
                    ..Instr::new(Op::Acc)
                });
            }
            for _ in 0..random.within(1, 2) {
                let bank = random.below(group.receptors.into()) as u8;
                let (pred, negate) = guard(random);
                let acc = Instr {
                    pred,
                    negate,
                    ra: random.within(1, 4) as u8,
                    field: bank,
                    ..Instr::new(Op::Acc)
                };
                code.insert(random.within(1, code.len() as i64) as usize, acc);
            }
        }
    }
    code.push(Instr::new(Op::Halt));
    // Branches last, when it is known how far they can go. Never over the sends at the end into their middle, which
    // would make a path through two of them: the verifier decides.
    let length = code.len();
    for (at, instruction) in code.iter_mut().enumerate() {
        if instruction.op == Op::Br && instruction.offset == 0 {
            let farthest = length as i64 - 2 - at as i64;
            if farthest < 1 {
                *instruction = Instr {
                    rd: 3,
                    imm: 7,
                    ..Instr::new(Op::Li)
                };
            } else {
                instruction.offset = random.within(1, farthest.min(6)) as u16;
            }
        }
    }
    code.iter().map(encode).collect()
}

/// Ends an update with one send, or with two in branches that exclude each other.
fn sends(code: &mut Vec<Instr>, random: &mut Random) {
    let spike = |random: &mut Random| {
        let (pred, negate) = guard(random);
        if random.percent(50) {
            Instr {
                pred,
                negate,
                ..Instr::new(Op::Spk)
            }
        } else {
            Instr {
                pred,
                negate,
                ra: random.within(0, 4) as u8,
                ..Instr::new(Op::Spkg)
            }
        }
    };
    match random.below(4) {
        0 => {
            // A spread of the lanes over two sends at different instructions.
            code.push(Instr {
                rd: 4,
                ..Instr::new(Op::Mfs)
            });
            code.push(Instr {
                rd: 5,
                imm: 1,
                ..Instr::new(Op::Li)
            });
            code.push(Instr {
                rd: 4,
                ra: 4,
                rb: 5,
                ..Instr::new(Op::And)
            });
            code.push(Instr {
                rd: 1,
                ra: 4,
                rb: 0,
                ..Instr::new(random.pick(&[Op::CmpEq, Op::CmpNe]))
            });
            code.push(Instr {
                pred: 1,
                offset: 2,
                ..Instr::new(Op::Br)
            });
            code.push(spike(random));
            code.push(Instr {
                offset: 1,
                ..Instr::new(Op::Br)
            });
            code.push(spike(random));
        }
        1 => code.insert(random.within(1, code.len() as i64) as usize, spike(random)),
        _ => {
            // A threshold.
            let op = random.pick(&[Op::CmpGt, Op::CmpGe, Op::CmpLt, Op::CmpNe]);
            code.push(Instr {
                rd: 3,
                ra: random.within(1, 2) as u8,
                rb: 0,
                ..Instr::new(op)
            });
            let send = spike(random);
            code.push(Instr {
                pred: 3,
                negate: random.percent(20),
                ..send
            });
        }
    }
}

fn guard(random: &mut Random) -> (u8, bool) {
    match random.below(4) {
        0 | 1 => (0, false),
        _ => (random.within(1, 3) as u8, random.percent(60)),
    }
}

/// An instruction with random operands; `None` when the group has nothing that it could name.
fn instruction(op: Op, handler: Handler, group: &Group, random: &mut Random) -> Option<Instr> {
    let mut i = Instr::new(op);
    if op.has_guard() && random.percent(40) {
        (i.pred, i.negate) = guard(random);
    }
    if op.has_mode() {
        i.mode = random.pick(&Mode::ALL);
    }
    if op.has_round() {
        i.round = random.pick(&Round::ALL);
    }
    // Few registers, so that values meet.
    let register = |random: &mut Random| if random.percent(10) { random.below(16) } else { random.below(6) } as u8;
    for operand in op.operands() {
        match operand {
            Operand::Rd | Operand::RdInOut => i.rd = random.within(1, 5) as u8,
            Operand::RdIn => i.rd = register(random),
            Operand::Pd => i.rd = random.within(1, 3) as u8,
            Operand::Ra => i.ra = register(random),
            Operand::B | Operand::Amount => {
                i.konst = !group.constants.is_empty() && random.percent(40);
                i.rb = if i.konst {
                    random.below(group.constants.len()) as u8
                } else {
                    register(random)
                };
                if *operand == Operand::Amount {
                    i.shift = random.below(32) as u8;
                }
            }
            Operand::Pa => i.ra = random.below(4) as u8,
            Operand::Pb => {
                i.rb = random.below(4) as u8;
                i.field = random.below(4) as u8;
            }
            Operand::Shl | Operand::Shift => {
                i.shift = if random.percent(30) {
                    0
                } else {
                    random.below(32) as u8
                }
            }
            Operand::Imm => i.imm = random.number(15) as i16,
            // Mostly the first few, so that stores and loads, and stores and crossbar weights, meet.
            Operand::Slot => {
                let few = if random.percent(70) {
                    3
                } else {
                    group.slots.len()
                };
                i.slot = random.below(few) as u8;
            }
            Operand::Bank => i.field = random.below(group.receptors.into()) as u8,
            Operand::Table if group.tables.is_empty() => return None,
            Operand::Table => i.field = random.below(group.tables.len()) as u8,
            Operand::Synapse => i.field = random.below(3) as u8,
            Operand::Special => {
                i.field = random.pick(&[0, 1, 2, 3]);
                if i.field == 2 && handler == Handler::Update {
                    i.field = 0;
                }
            }
            Operand::Target => return Some(i),
        }
    }
    try_encode(&i).is_ok().then_some(i)
}

/// An `update` shaped like the kernels: leak, add, threshold, reset, with an idle path that can be proven. State slots 0
/// and 1 are `v` and a countdown; constants 0 to 2 are decay, threshold and reset value.
pub(crate) fn kernel_update(group: &Group, random: &mut Random) -> Vec<u32> {
    let (lda, lds, sts) = (
        Instr::new(Op::Lda),
        Instr::new(Op::Lds),
        Instr::new(Op::Sts),
    );
    let refractory = random.percent(40);
    let receptors = random.within(1, group.receptors.into()) as u8;
    let mut code = vec![
        Instr { rd: 1, ..lda },
        Instr {
            rd: 2,
            slot: 0,
            ..lds
        },
    ];
    for field in 1..receptors {
        code.push(Instr {
            rd: 5,
            field,
            ..lda
        });
        code.push(Instr {
            rd: 1,
            ra: 1,
            rb: 5,
            mode: Mode::Sat32,
            ..Instr::new(Op::Add)
        });
    }
    let idle = random.percent(80);
    let mut branches = Vec::new();
    if idle {
        code.push(Instr {
            rd: 3,
            ra: 1,
            rb: 2,
            ..Instr::new(Op::Or)
        });
        if refractory {
            code.push(Instr {
                rd: 4,
                slot: 1,
                ..lds
            });
            code.push(Instr {
                rd: 3,
                ra: 3,
                rb: 4,
                ..Instr::new(Op::Or)
            });
        }
        code.push(Instr {
            rd: 1,
            ra: 3,
            rb: 0,
            ..Instr::new(Op::CmpEq)
        });
        branches.push(code.len());
        code.push(Instr {
            pred: 1,
            idle: true,
            ..Instr::new(Op::Br)
        });
    }
    if refractory {
        code.push(Instr {
            rd: 4,
            slot: 1,
            ..lds
        });
        code.push(Instr {
            rd: 2,
            ra: 4,
            rb: 0,
            ..Instr::new(Op::CmpGt)
        });
        code.push(Instr {
            pred: 2,
            rd: 4,
            ra: 4,
            imm: -1,
            ..Instr::new(Op::Addi)
        });
        code.push(Instr {
            pred: 2,
            rd: 4,
            slot: 1,
            ..sts
        });
        branches.push(code.len());
        code.push(Instr {
            pred: 2,
            ..Instr::new(Op::Br)
        });
    }
    let copied = !idle && random.percent(40);
    if copied {
        code.push(Instr {
            rd: 5,
            ra: 1,
            ..Instr::new(Op::Add)
        });
    }
    code.push(Instr {
        rd: 2,
        ra: 2,
        rb: 0,
        konst: true,
        shift: random.pick(&[12, 12, 12, 3, 20]),
        round: random.pick(&[Round::Floor, Round::Zero, Round::Nearest]),
        mode: random.pick(&[Mode::Wrap32, Mode::Wrap32, Mode::Sat24]),
        ..Instr::new(Op::Mulq)
    });
    code.push(Instr {
        rd: 2,
        ra: 2,
        rb: if copied { 5 } else { 1 },
        mode: random.pick(&[Mode::Sat24, Mode::Wrap24, Mode::Wrap32, Mode::Sat32]),
        ..Instr::new(Op::Add)
    });
    if !idle && random.percent(40) {
        // To the slot that the value came from, or to another.
        let other = if group.slots.len() < 3 { 0 } else { 2 };
        let slot = random.pick(&[0, 0, other]);
        code.push(Instr { rd: 2, slot, ..sts });
    }
    code.push(Instr {
        rd: 3,
        ra: 2,
        rb: 1,
        konst: true,
        // A threshold of 0 would be reached at rest.
        ..Instr::new(if idle {
            Op::CmpGt
        } else {
            random.pick(&[Op::CmpGt, Op::CmpGe])
        })
    });
    let send = if random.percent(70) {
        Instr::new(Op::Spk)
    } else {
        Instr {
            ra: 2,
            ..Instr::new(Op::Spkg)
        }
    };
    let reset = Instr {
        pred: 3,
        rd: 2,
        ra: 2,
        ..Instr::new(Op::Sel)
    };
    let reset = match random.below(4) {
        0 => Instr {
            ra: 0,
            rb: 2,
            ..reset
        },
        1 => Instr {
            rb: 1,
            konst: true,
            mode: random.pick(&[Mode::Sat24, Mode::Wrap24, Mode::Wrap32, Mode::Sat32]),
            op: Op::Sub,
            ..reset
        },
        2 => Instr {
            ra: 0,
            rb: 2,
            konst: true,
            op: Op::Add,
            ..reset
        },
        _ => Instr {
            negate: true,
            rb: 2,
            konst: true,
            ..reset
        },
    };
    let send = Instr { pred: 3, ..send };
    code.extend(if random.percent(50) {
        [send, reset]
    } else {
        [reset, send]
    });
    code.push(Instr {
        rd: 2,
        slot: 0,
        ..sts
    });
    if refractory {
        code.push(Instr {
            rd: 4,
            imm: random.within(1, 3) as i16,
            ..Instr::new(Op::Li)
        });
        code.push(Instr {
            pred: 3,
            rd: 4,
            slot: 1,
            ..sts
        });
    }
    let end = code.len();
    code.push(Instr::new(Op::Halt));
    for at in branches {
        code[at].offset = (end - at - 1) as u16;
    }
    code.iter().map(encode).collect()
}

/// The delta synapse, the usual `on_spike`.
pub(crate) fn delta_synapse() -> Vec<u32> {
    let ldy = Instr {
        rd: 1,
        ..Instr::new(Op::Ldy)
    };
    let acc = Instr {
        ra: 1,
        ..Instr::new(Op::Acc)
    };
    [ldy, acc, Instr::new(Op::Halt)]
        .iter()
        .map(encode)
        .collect()
}

/// The graded synapse: weight times payload.
pub(crate) fn graded_synapse(group: &Group, random: &mut Random) -> Vec<u32> {
    let ldy = Instr {
        rd: 1,
        ..Instr::new(Op::Ldy)
    };
    let payload = Instr {
        rd: 2,
        field: 2,
        ..Instr::new(Op::Mfs)
    };
    let product = Instr {
        rd: 1,
        ra: 1,
        rb: 2,
        shift: random.within(0, 8) as u8,
        round: random.pick(&Round::ALL),
        ..Instr::new(Op::Mulq)
    };
    let acc = Instr {
        ra: 1,
        field: random.below(group.receptors.into()) as u8,
        ..Instr::new(Op::Acc)
    };
    [ldy, payload, product, acc, Instr::new(Op::Halt)]
        .iter()
        .map(encode)
        .collect()
}
