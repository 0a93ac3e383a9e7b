//! Directives of a group: kernel, constants, state, tables, ids, lanes.
//!
//! Invariant: a group joins its core when it closes, with the places of its parts; only the destinations of its lanes go there before.

use crate::core::{MOST_BYTE, MOST_LANES, repeated};
use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::{expect_mark, expression, one_of};
use crate::kernels::{KernelError, Settings};
use crate::lexer::{Cursor, Kind, Token};
use crate::listing::{self, GroupNames, GroupSource, HandlerNames};
use crate::lists::{ListKind, OpenList};
use crate::operands::{is_register, reserved};
use crate::parser::Parser;
use crate::profile::GroupPlaces;
use crate::real;
use isa::ids::NeuronId;
use isa::image::{Group, Reduce, Slot};
use std::ops::Range;

/// A group being read.
pub(crate) struct GroupDraft {
    pub(crate) group: Group,
    span: Range<usize>,
    /// Names of the tables, where given, and where they stand.
    pub(crate) tables: Vec<Option<(String, Range<usize>)>>,
    /// Names of the receptors, where given.
    pub(crate) receptor_names: Vec<String>,
    /// Constants and slots that came from `.kernel` and may be given other values.
    inherited: Vec<String>,
    /// Handlers written out.
    pub(crate) written_handlers: [bool; 2],
    pub(crate) handler_spans: [Vec<Range<usize>>; 2],
    places: GroupPlaces,
    pub(crate) handler_names: [HandlerNames; 2],
    /// What `.kernel` brought.
    from_kernel: Option<GroupSource>,
    /// Logical ids; default when empty.
    pub(crate) ids: Vec<NeuronId>,
    pub(crate) ids_at: Range<usize>,
    /// Lane, counted in the core, of the group's first lane.
    first_lane: u32,
    /// Lane of the group that the next `.lane` means.
    next_lane: u32,
}

impl GroupDraft {
    pub(crate) fn new(kernel: &str, lanes: u32, first_lane: u32, span: Range<usize>) -> Self {
        GroupDraft {
            group: Group {
                kernel: kernel.to_owned(),
                lanes,
                update: Vec::new(),
                on_spike: Vec::new(),
                constants: Vec::new(),
                slots: Vec::new(),
                tables: Vec::new(),
                receptors: 1,
                accumulator_bits: 32,
                accumulator_mode: Reduce::Wrap,
            },
            ids_at: span.clone(),
            span,
            tables: Vec::new(),
            receptor_names: Vec::new(),
            inherited: Vec::new(),
            written_handlers: [false; 2],
            handler_spans: [Vec::new(), Vec::new()],
            places: GroupPlaces::default(),
            handler_names: Default::default(),
            from_kernel: None,
            ids: Vec::new(),
            first_lane,
            next_lane: 0,
        }
    }
}

/// Borrowed names.
fn pairs<T: Copy>(list: &[(String, T)]) -> Vec<(&str, T)> {
    list.iter().map(|(name, x)| (name.as_str(), *x)).collect()
}

impl Parser<'_> {
    /// `.group lif lanes=128`.
    pub(crate) fn group(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let first_lane = self.core.as_ref().map_or(0, |core| core.lanes);
        self.group = Some(GroupDraft::new("custom", 1, first_lane, token.span()));
        let mut ahead = cursor.clone();
        ahead.take();
        let named = match cursor.peek().kind {
            Kind::Text => true,
            Kind::Name => ahead.peek().kind != Kind::Mark("="),
            _ => false,
        };
        let kernel = if named {
            self.text_value(cursor)?
        } else {
            "custom".to_owned()
        };
        let mut lanes = None;
        self.keys(cursor, &["lanes="], |parser, _, cursor| {
            let most = MOST_LANES.saturating_sub(first_lane);
            lanes = Some(parser.number(cursor, "lanes", 1, i64::from(most))? as u32);
            Ok(())
        })?;
        let lanes = lanes.ok_or_else(|| {
            Fault::new(code::MISSING, token.span(), "`.group` without `lanes=`")
                .label("how many lanes?")
                .help("write `.group lif lanes=128`")
        })?;
        if self
            .core
            .as_ref()
            .is_some_and(|core| core.program.groups.len() >= MOST_BYTE)
        {
            return Err(Fault::new(
                code::OUT_OF_RANGE,
                token.span(),
                "a core has at most 256 groups",
            ));
        }
        if let Some(group) = &mut self.group {
            (group.group.kernel, group.group.lanes) = (kernel, lanes);
        }
        Ok(())
    }

    pub(crate) fn close_group(&mut self) {
        let Some(core) = &mut self.core else {
            return;
        };
        let Some(mut draft) = self.group.take() else {
            return;
        };
        let lanes = draft.group.lanes as usize;
        if draft.ids.is_empty() {
            let next = self.draft.next_id;
            draft.ids = (0..draft.group.lanes)
                .map(|lane| NeuronId(next.wrapping_add(lane)))
                .collect();
        } else if draft.ids.len() != lanes {
            let message = format!("{} logical ids for {lanes} lanes", draft.ids.len());
            self.faults.push(
                Fault::new(code::LIST_LENGTH, draft.ids_at, message)
                    .label("one id for each lane")
                    .help("a range gives many: `.ids = 0..=127`"),
            );
            draft.ids.resize(lanes, NeuronId(0));
        }
        self.draft.next_id = draft.ids.last().map_or(0, |id| id.0.wrapping_add(1));
        core.lanes += draft.group.lanes;
        let program = &mut core.program;
        program.lane_ids.extend(draft.ids);
        program.dest_counts.resize(core.lanes as usize, 0);
        program.groups.push(draft.group);
        core.places.groups.push(draft.span);
        core.places.handlers.push(draft.handler_spans);
        core.places.parts.push(draft.places);
        core.places.names.push(GroupNames {
            handlers: draft.handler_names,
            written: draft.written_handlers,
            kernel: draft.from_kernel,
            tables: listing::table_names(draft.tables),
        });
    }

    /// `.kernel lif RESET=1`: handlers, constants, slots and tables of the library.
    pub(crate) fn kernel(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        if self.options.is_some() {
            return Err(
                Fault::new(code::OUT_OF_PLACE, token.span(), "`.kernel` in a kernel")
                    .label("out of place")
                    .help("a kernel stands by itself: copy what it shall share with another"),
            );
        }
        let (name, name_token) = self.bare_name(cursor)?;
        let start = cursor.peek().start;
        let reals = self.library.params(&name);
        let mut options: Vec<(String, i64)> = Vec::new();
        let mut places: Vec<(String, Range<usize>)> = Vec::new();
        let mut params: Vec<(String, f64)> = Vec::new();
        while cursor.peek().kind == Kind::Name {
            let (option, option_token) = self.bare_name(cursor)?;
            expect_mark(cursor, "=")?;
            let again = options.iter().any(|(known, _)| *known == option)
                || params.iter().any(|(known, _)| *known == option);
            if again {
                let message = format!("option `{option}` is given twice");
                return Err(Fault::new(code::REPEATED_KEY, option_token.span(), message)
                    .label("second time"));
            }
            if reals.iter().any(|param| param.name == option) {
                params.push((option.clone(), real::expression(cursor, &self.symbols)?));
            } else {
                options.push((option.clone(), expression(cursor, &self.symbols)?));
            }
            places.push((option, option_token.start..cursor.position()));
        }
        let dt_s = self.draft.image.io.model_dt_s;
        let settings = Settings {
            options: &pairs(&options),
            params: &pairs(&params),
            dt_s: Some(dt_s).filter(|dt_s| *dt_s > 0.0),
        };
        let kernel = self
            .library
            .instantiate(&name, &settings)
            .map_err(|error| match &error {
                KernelError::Unknown { name, .. } => {
                    Fault::new(code::UNKNOWN_KERNEL, name_token.span(), error.to_string())
                        .label("unknown kernel")
                        .help("kernels of your own: --kernel-path FOLDER or FILE.kernel")
                        .maybe_help(did_you_mean(name, self.library.names()))
                }
                _ => {
                    let (wrong, nearest) = match &error {
                        KernelError::UnknownOption { option, known, .. } => {
                            (Some(option), did_you_mean(option, known.split(", ")))
                        }
                        KernelError::OptionValue { option, .. } => (Some(option), None),
                        KernelError::UnknownParam { param, .. }
                        | KernelError::ParamValue { param, .. } => (Some(param), None),
                        _ => (None, None),
                    };
                    let place = places.iter().find(|(name, _)| Some(name) == wrong);
                    let span =
                        place.map_or(start..cursor.position().max(start), |(_, at)| at.clone());
                    Fault::new(code::KERNEL_OPTION, span, error.to_string())
                        .label("not what this kernel takes")
                        .maybe_help(nearest)
                }
            })?;
        let Some(draft) = &mut self.group else {
            return Ok(());
        };
        let group = &mut draft.group;
        let untouched = group.constants.is_empty()
            && group.slots.is_empty()
            && group.tables.is_empty()
            && draft.written_handlers == [false; 2]
            && draft.inherited.is_empty();
        if !untouched {
            return Err(Fault::new(
                code::OUT_OF_PLACE,
                token.span(),
                "`.kernel` after other contents of the group",
            )
            .label("too late")
            .help("put it first in the group; `.const` and `.slot` after it change its values"));
        }
        if group.kernel == "custom" {
            group.kernel = kernel.name.clone();
        }
        let names = kernel.constants.iter().map(|(name, _)| name.clone());
        draft.inherited = names
            .chain(kernel.slots.iter().map(|(name, ..)| name.clone()))
            .collect();
        group.update = kernel.update;
        group.on_spike = kernel.on_spike;
        group.constants = kernel.constants;
        let slots = kernel.slots.into_iter();
        group.slots = slots
            .map(|(name, bits, init)| Slot {
                name,
                bits,
                init: vec![init],
            })
            .collect();
        let span = token.start..cursor.position();
        draft.places = GroupPlaces {
            slots: vec![span.clone(); group.slots.len()],
            constants: vec![span.clone(); group.constants.len()],
            receptors: Some(span.clone()),
            accumulator: Some(span),
        };
        draft.tables = vec![None; kernel.tables.len()];
        draft.from_kernel = Some(GroupSource {
            kernel: Some((kernel.name, kernel.options)),
            ..kernel.source
        });
        group.tables = kernel.tables;
        group.receptors = kernel.receptors;
        draft.receptor_names = kernel.receptor_names;
        group.accumulator_bits = kernel.accumulator_bits;
        group.accumulator_mode = kernel.accumulator_mode;
        Ok(())
    }

    /// `.receptors 2`, or `.receptors 2 = soma dendrite`.
    pub(crate) fn receptors(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let count = self.number(cursor, "receptors", 1, 4)? as u8;
        let mut names: Vec<String> = Vec::new();
        let mut fault = Ok(());
        if cursor.take_mark("=") {
            for _ in 0..count {
                let (name, at) = self.bare_name(cursor)?;
                if is_register(&name) {
                    fault = Err(reserved(&name, at.span()));
                } else if names.contains(&name) {
                    let what = format!("two receptors are called `{name}`");
                    fault = Err(Fault::new(code::REPEATED, at.span(), what).label("second time"));
                }
                names.push(name);
            }
        }
        if let Some(group) = &mut self.group {
            group.receptor_names = names;
            group.places.receptors = Some(token.start..cursor.position());
            group.group.receptors = count;
        }
        fault
    }

    /// `.accumulator 22 wrap`.
    pub(crate) fn accumulator(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let bits = self.number(cursor, "accumulator width", 2, 32)? as u8;
        let mode = [Reduce::Wrap, Reduce::Saturate][one_of(cursor, &["wrap", "saturate"])?];
        if let Some(group) = &mut self.group {
            group.places.accumulator = Some(token.start..cursor.position());
            (group.group.accumulator_bits, group.group.accumulator_mode) = (bits, mode);
        }
        Ok(())
    }

    /// `.const NAME = value`.
    pub(crate) fn constant(&mut self, cursor: &mut Cursor<'_>, _: Token) -> Parse<()> {
        let token = cursor.peek();
        let name = self.text_value(cursor)?;
        expect_mark(cursor, "=")?;
        let value =
            self.number(cursor, "constant", i64::from(i32::MIN), i64::from(i32::MAX))? as i32;
        let Some(draft) = &mut self.group else {
            return Ok(());
        };
        let constants = &mut draft.group.constants;
        let at = constants.iter().position(|(known, _)| *known == name);
        match at {
            Some(at) if take_inherited(&mut draft.inherited, &name) => {
                constants[at].1 = value;
                draft.places.constants[at] = token.start..cursor.position();
            }
            Some(at) => {
                let first = draft.places.constants[at].clone();
                return Err(repeated("constant", &name, token, first));
            }
            None if constants.len() >= 32 => {
                return Err(Fault::new(
                    code::OUT_OF_RANGE,
                    token.span(),
                    "a group has at most 32 constants",
                ));
            }
            None => {
                constants.push((name, value));
                draft.places.constants.push(token.start..cursor.position());
            }
        }
        Ok(())
    }

    /// `.slot v 24 = 0`, `.slot v 24 = 1 2 3#10`; after `.kernel` also `.slot v = 5`.
    pub(crate) fn slot(&mut self, cursor: &mut Cursor<'_>, _: Token) -> Parse<()> {
        let token = cursor.peek();
        let name = self.text_value(cursor)?;
        let bits = match cursor.peek().kind {
            Kind::End | Kind::Mark("=") => None,
            _ => Some(self.number(cursor, "slot width", 1, 32)? as u8),
        };
        let Some(draft) = &mut self.group else {
            return Ok(());
        };
        let slots = &mut draft.group.slots;
        let at = match (slots.iter().position(|slot| slot.name == name), bits) {
            (Some(at), _) if take_inherited(&mut draft.inherited, &name) => at,
            (Some(at), _) => {
                let first = draft.places.slots[at].clone();
                return Err(repeated("slot", &name, token, first));
            }
            (None, None) => {
                let known = slots.iter().map(|slot| slot.name.as_str());
                return Err(Fault::new(
                    code::MISSING,
                    token.span(),
                    format!("slot `{name}` without its width"),
                )
                .label("how many bits?")
                .help(format!("write `.slot {name} 24`"))
                .maybe_help(did_you_mean(&name, known)));
            }
            (None, Some(_)) if slots.len() >= MOST_BYTE => {
                return Err(Fault::new(
                    code::OUT_OF_RANGE,
                    token.span(),
                    "a group has at most 256 slots",
                ));
            }
            (None, Some(bits)) => {
                slots.push(Slot {
                    name,
                    bits,
                    init: vec![0],
                });
                draft.places.slots.push(token.span());
                slots.len() - 1
            }
        };
        draft.places.slots[at] = token.start..cursor.position();
        if let Some(bits) = bits {
            slots[at].bits = bits;
        }
        self.list = Some(OpenList::new(ListKind::Slot(at, Vec::new()), token.span()));
        self.first_items(cursor)
    }

    /// `.table [name] = 1 2 3`.
    pub(crate) fn table(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let name = match cursor.peek().kind {
            Kind::Name => Some(self.bare_name(cursor)?),
            _ => None,
        };
        self.add_table(token, name, Vec::new())?;
        self.list = Some(OpenList::new(ListKind::Table, token.span()));
        self.first_items(cursor)
    }

    /// One more table of the group.
    pub(crate) fn add_table(
        &mut self,
        token: Token,
        name: Option<(String, Token)>,
        entries: Vec<i32>,
    ) -> Parse<()> {
        let Some(draft) = &mut self.group else {
            return Ok(());
        };
        if draft.tables.len() >= 4 {
            return Err(Fault::new(
                code::OUT_OF_RANGE,
                token.span(),
                "a group has at most 4 tables",
            ));
        }
        if let Some((name, named)) = &name {
            let known = draft
                .tables
                .iter()
                .flatten()
                .find(|(known, _)| known == name);
            if let Some((_, first)) = known {
                return Err(repeated("table", name, *named, first.clone()));
            }
        }
        draft
            .tables
            .push(name.map(|(name, named)| (name, named.span())));
        draft.group.tables.push(entries);
        Ok(())
    }

    /// `.ids = 0..=127`.
    pub(crate) fn ids(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        if let Some(group) = &mut self.group {
            if !group.ids.is_empty() {
                return Err(
                    Fault::new(code::REPEATED, token.span(), "the group has two `.ids`")
                        .label("second list"),
                );
            }
            group.ids_at = token.span();
        }
        self.list = Some(OpenList::new(ListKind::Ids, token.span()));
        self.first_items(cursor)
    }

    /// `.lane [index] -> core 1 axon 2, host 0 element 3`.
    pub(crate) fn lane(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let (first, lanes, next) = self.group.as_ref().map_or((0, 0, 0), |group| {
            (group.first_lane, group.group.lanes, group.next_lane)
        });
        let (lane, span) = self.index(cursor, token, "lane", next, lanes)?;
        let Some(core) = &mut self.core else {
            return Ok(());
        };
        // Lanes that are passed over have no destinations.
        let slot = (first + lane) as usize;
        core.program.dest_counts.resize(slot + 1, 0);
        if self.profile.is_some() {
            core.places.lanes.push((first + lane, span.clone()));
        }
        if let Some(group) = &mut self.group {
            group.next_lane = lane + 1;
        }
        self.list = Some(OpenList::new(ListKind::LaneDests, span));
        self.dest_items(cursor)
    }
}

fn take_inherited(inherited: &mut Vec<String>, name: &str) -> bool {
    let at = inherited.iter().position(|known| known == name);
    at.map(|at| inherited.remove(at)).is_some()
}
