//! `.profile`: the chip that a text is checked against, and where each thing that does not fit stands.
//!
//! Invariant: limits are those of `isa::verify::fits`; nothing is counted here, and the image does not depend on it.

use crate::core::CorePlaces;
use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::lexer::{Cursor, Token};
use crate::parser::Parser;
use isa::chip::{ChipSpec, PRESETS};
use isa::image::CoreProgram;
use isa::verify::{Part, Violation};
use std::ops::Range;

/// A chip, and the line that names it.
pub(crate) struct Profile {
    pub(crate) chip: ChipSpec,
    span: Range<usize>,
}

/// Where the parts of a group stand.
#[derive(Clone, Default)]
pub(crate) struct GroupPlaces {
    pub(crate) slots: Vec<Range<usize>>,
    pub(crate) constants: Vec<Range<usize>>,
    pub(crate) receptors: Option<Range<usize>>,
    pub(crate) accumulator: Option<Range<usize>>,
}

impl Parser<'_> {
    /// `.profile tiny`, `.profile "chips/own.toml"`.
    pub(crate) fn profile(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let first = cursor.peek();
        let name = self.text_value(cursor)?;
        if let Some(before) = &self.profile {
            return Err(
                Fault::new(code::REPEATED, token.span(), "`.profile` stands twice")
                    .label("second time")
                    .note(before.span.clone(), "first time"),
            );
        }
        if !self.draft.places.cores.is_empty() {
            return Err(
                Fault::new(code::OUT_OF_PLACE, token.span(), "`.profile` after a core")
                    .label("out of place")
                    .help("it stands before the first `.core`"),
            );
        }
        let read = match ChipSpec::preset(&name) {
            Some(preset) => preset,
            None if !name.contains(['.', '/']) => {
                let known = PRESETS.iter().map(|(name, _)| *name);
                let list: Vec<&str> = known.clone().collect();
                return Err(Fault::new(
                    code::PROFILE,
                    first.span(),
                    format!("there is no chip `{name}`"),
                )
                .label("unknown chip")
                .help(format!(
                    "presets are {}; a chip file stands in quotes: `\"own.toml\"`",
                    list.join(", ")
                ))
                .maybe_help(did_you_mean(&name, known)));
            }
            None => {
                let file = self.resolve_file(token, &name);
                let text = self.load(&file, &name, first.span())?;
                ChipSpec::parse(&text, &file, &[])
            }
        };
        let chip = read.map_err(|errors| {
            let more = match errors.len() {
                0 | 1 => String::new(),
                many => format!(" (and {} more)", many - 1),
            };
            let what = errors.first().map(ToString::to_string).unwrap_or_default();
            Fault::new(code::PROFILE, first.span(), format!("{what}{more}"))
                .label("not a valid chip")
                .help("`spikemesh chip check FILE` shows all that is wrong with it")
        })?;
        let span = token.start..cursor.position();
        self.profile = Some(Profile { chip, span });
        Ok(())
    }

    /// Everything of the finished image that does not fit the chip.
    pub(crate) fn check_profile(&mut self) {
        let Some(profile) = self.profile.take() else {
            return;
        };
        for violation in isa::verify::fits(&self.draft.image, &profile.chip) {
            let span = self.fit_place(&violation);
            let message = format!("{}: {}", violation.place, violation.what);
            let fault = Fault::new(code::FIT, span, message)
                .label("does not fit")
                .note(profile.span.clone(), "the chip is named here");
            self.fault(match violation.remedy.is_empty() {
                true => fault,
                false => fault.help(violation.remedy.clone()),
            });
        }
    }

    /// Where the part of a violation stands, or the best place known.
    fn fit_place(&self, violation: &Violation) -> Range<usize> {
        let image = &self.draft.image;
        let places = &self.draft.places;
        if let Some(name) = violation.place.strip_prefix("input ") {
            let named = |input: &isa::image::InputPort| name.trim_matches('"') == input.name;
            let at = image.io.inputs.iter().position(named);
            if let Some(at) = at.and_then(|at| places.inputs.get(at)) {
                return at.clone();
            }
        }
        let number = |word: &str| {
            let mut words = violation.place.split(' ').skip_while(|part| *part != word);
            words.nth(1).and_then(|number| number.parse::<usize>().ok())
        };
        let core = number("core").and_then(|id| {
            let own = places
                .cores
                .iter()
                .find(|core| core.core.0 as usize == id)?;
            let program = image.cores.iter().find(|core| core.core == own.core)?;
            Some((own, program))
        });
        let format = number("format").map(Part::Format);
        let part = core
            .zip(violation.part.or(format))
            .and_then(|((own, program), part)| part_place(own, program, number("group"), part));
        part.unwrap_or_else(|| places.find(&violation.place))
    }
}

fn part_place(
    own: &CorePlaces,
    program: &CoreProgram,
    group: Option<usize>,
    part: Part,
) -> Option<Range<usize>> {
    let parts = group.and_then(|group| own.parts.get(group));
    match part {
        Part::Group(at) => own.groups.get(at).cloned(),
        Part::Format(at) => own.formats.get(at).cloned(),
        Part::Axon(at) => own.axons.get(at).cloned(),
        Part::Slot(at) => parts?.slots.get(at).cloned(),
        Part::Constant(at) => parts?.constants.get(at).cloned(),
        Part::Receptors => parts?.receptors.clone(),
        Part::Accumulator => parts?.accumulator.clone(),
        Part::Instruction(group, handler, at) => {
            let spans = own.handlers.get(group)?;
            spans[handler as usize].get(at).cloned()
        }
        Part::Lane(lane) => {
            let before = program.groups.iter().take(group.unwrap_or(0));
            let first: u32 = before.map(|group| group.lanes).sum();
            let lane = first + u32::try_from(lane).ok()?;
            let found = own.lanes.iter().find(|(own, _)| *own == lane);
            found.map(|(_, span)| span.clone())
        }
    }
}
