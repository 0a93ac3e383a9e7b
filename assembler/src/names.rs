//! Names with values, each known in a context and all that is within it.
//!
//! Invariant: a name has one value in a context, and what an expansion defines is forgotten at its end.

use crate::source::{Context, Sources};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// A table of names.
pub(crate) struct Names<T> {
    values: FxHashMap<Box<str>, Vec<(Context, T)>>,
    /// Names defined in expansions that are being read, in order.
    local: Vec<(Context, Box<str>)>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Names {
            values: FxHashMap::default(),
            local: Vec::new(),
        }
    }
}

impl<T> Names<T> {
    /// The value of a name that stands at an address: of its context, or the nearest around it.
    pub(crate) fn get(&self, name: &str, address: usize, sources: &Sources) -> Option<&T> {
        let known = self.values.get(name)?;
        if let [(0, value)] = known.as_slice() {
            return Some(value);
        }
        let mut context = Some(sources.context(address));
        while let Some(here) = context {
            if let Some((_, value)) = known.iter().find(|(owner, _)| *owner == here) {
                return Some(value);
            }
            context = sources.outer(here);
        }
        None
    }

    /// The value that the name has in just this context.
    pub(crate) fn own(&self, name: &str, context: Context) -> Option<&T> {
        let known = self.values.get(name)?;
        known
            .iter()
            .find(|(owner, _)| *owner == context)
            .map(|(_, value)| value)
    }

    /// Gives a name its value in a context, in place of the one it had there.
    pub(crate) fn set(&mut self, name: &str, context: Context, value: T) {
        if !self.values.contains_key(name) {
            self.values.insert(name.into(), Vec::new());
        }
        let Some(known) = self.values.get_mut(name) else {
            return;
        };
        match known.iter_mut().find(|(owner, _)| *owner == context) {
            Some((_, old)) => *old = value,
            None => {
                known.push((context, value));
                if context != 0 {
                    self.local.push((context, name.into()));
                }
            }
        }
    }

    /// Forgets the names of an expansion that has ended, and of those within it.
    pub(crate) fn leave(&mut self, context: Context) {
        // Contexts are numbered in the order of their beginning: those within an expansion have higher numbers.
        let values = &mut self.values;
        self.local.retain(|(owner, name)| {
            let gone = *owner >= context;
            if gone && let Some(known) = values.get_mut(name) {
                known.retain(|(at, _)| at != owner);
            }
            !gone
        });
    }

    /// All names of the text itself, ascending.
    pub(crate) fn all(&self) -> Vec<(&str, &T)> {
        let own = |known: &&(Context, T)| known.0 == 0;
        let names = self.values.iter();
        let names = names.filter_map(|(name, known)| Some((&**name, &known.iter().find(own)?.1)));
        let sorted: BTreeMap<&str, &T> = names.collect();
        sorted.into_iter().collect()
    }

    /// All names known at an address, ascending; for suggestions.
    pub(crate) fn known(&self, address: usize, sources: &Sources) -> Vec<&str> {
        let here = sources.context(address);
        let mut names: Vec<&str> = self
            .values
            .iter()
            .filter(|(_, known)| {
                let mut owners = known.iter().map(|(owner, _)| *owner);
                owners.any(|owner| sources.within(here, owner))
            })
            .map(|(name, _)| &**name)
            .collect();
        names.sort_unstable();
        names
    }
}

/// `.equ`, options and loop variables, real parameters, and where text comes from: a name means what its place says.
pub(crate) struct Symbols {
    pub(crate) values: Names<i64>,
    /// Real parameters and `dt`.
    pub(crate) reals: BTreeMap<String, f64>,
    /// A required parameter has no value: only the text is checked, and what depends on it is 0.
    pub(crate) open: bool,
    /// The value of `i` in the formula of a `.lut`, whatever else has that name.
    pub(crate) variable: Option<i64>,
    pub(crate) sources: Sources,
}

impl Symbols {
    pub(crate) fn new(sources: Sources) -> Symbols {
        Symbols {
            values: Names::default(),
            reals: BTreeMap::new(),
            open: false,
            variable: None,
            sources,
        }
    }

    pub(crate) fn get(&self, name: &str, address: usize) -> Option<i64> {
        if self.variable.is_some() && name == "i" {
            return self.variable;
        }
        self.values.get(name, address, &self.sources).copied()
    }

    pub(crate) fn known(&self, address: usize) -> Vec<&str> {
        self.values.known(address, &self.sources)
    }
}
