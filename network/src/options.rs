//! Import switches: what a network file may leave open and the user may say.
//!
//! Order of precedence: the switch, the node's metadata, the graph's metadata, the default (which is reported).

use crate::error::NetworkError;
use crate::lowered::{Compare, Decay, Reset};

/// Switches given by the user; `None` = leave it to the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportOptions {
    /// Time step, seconds.
    pub dt: Option<f64>,
    /// What a spike does to the membrane.
    pub reset: Option<Reset>,
    /// Reset acts one step late.
    pub reset_delay: Option<bool>,
    /// Spike condition.
    pub compare: Option<Compare>,
    /// `true`: current-based neurons integrate the current of the previous step.
    pub old_current: Option<bool>,
    /// Discretisation of time constants.
    pub decay: Option<Decay>,
}

/// Keys and their values, as shown to people.
pub const IMPORT_KEYS: &[(&str, &str)] = &[
    ("reset", "hard|subtract|none"),
    ("reset_delay", "0|1"),
    ("compare", "gt|ge"),
    ("cuba", "new|old"),
    ("decay", "euler|exp"),
    ("dt", "seconds"),
];

impl ImportOptions {
    /// Sets one key; the value is the text after `=`, or that of a metadata entry. Returns whether both are known.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> bool {
        match (key, value) {
            ("reset", "hard") => self.reset = Some(Reset::Hard),
            ("reset", "subtract") => self.reset = Some(Reset::Subtract),
            ("reset", "none") => self.reset = Some(Reset::None),
            ("reset_delay", "0" | "false") => self.reset_delay = Some(false),
            ("reset_delay", "1" | "true") => self.reset_delay = Some(true),
            ("compare", "gt") => self.compare = Some(Compare::Gt),
            ("compare", "ge") => self.compare = Some(Compare::Ge),
            ("cuba", "new" | "new_current") => self.old_current = Some(false),
            ("cuba", "old" | "old_current") => self.old_current = Some(true),
            ("decay", "euler") => self.decay = Some(Decay::Euler),
            ("decay", "exp") => self.decay = Some(Decay::Exp),
            ("dt", text) => match text.parse::<f64>() {
                Ok(dt) if dt > 0.0 && dt.is_finite() => self.dt = Some(dt),
                _ => return false,
            },
            _ => return false,
        }
        true
    }

    /// What has no meaning for the native format, whose populations say it themselves.
    pub(crate) fn foreign_to_native(&self) -> Vec<NetworkError> {
        let reset = self.reset.map(|reset| match reset {
            Reset::Hard => ("reset=hard", "reset = \"hard\""),
            Reset::Subtract => ("reset=subtract", "reset = \"subtract\""),
            Reset::None => ("reset=none", "reset = \"none\""),
        });
        let delay = self.reset_delay.map(|late| match late {
            false => ("reset_delay=0", "reset_delay = false"),
            true => ("reset_delay=1", "reset_delay = true"),
        });
        let compare = self.compare.map(|compare| match compare {
            Compare::Gt => ("compare=gt", "compare = \"gt\""),
            Compare::Ge => ("compare=ge", "compare = \"ge\""),
        });
        let current = self.old_current.map(|old| match old {
            false => ("cuba=new", "current = \"new\""),
            true => ("cuba=old", "current = \"old\""),
        });
        let decay = self.decay.map(|decay| match decay {
            Decay::Euler => ("decay=euler", "decay = \"euler\""),
            Decay::Exp => ("decay=exp", "decay = \"exp\""),
        });
        let given = [reset, delay, compare, current, decay];
        let refused = given
            .into_iter()
            .flatten()
            .map(|(text, line)| NetworkError::Switch {
                text: format!("--import {text}"),
                what: format!(
                    "acts on NIR files only; write {line} into the [[population]]s that are meant"
                ),
            });
        refused.collect()
    }

    /// What `self` leaves open is taken from `other`.
    pub(crate) fn or(&self, other: &ImportOptions) -> ImportOptions {
        ImportOptions {
            dt: self.dt.or(other.dt),
            reset: self.reset.or(other.reset),
            reset_delay: self.reset_delay.or(other.reset_delay),
            compare: self.compare.or(other.compare),
            old_current: self.old_current.or(other.old_current),
            decay: self.decay.or(other.decay),
        }
    }

    /// Reads `key=value` texts, e.g. of `--import reset=subtract`.
    ///
    /// ```
    /// let options = network::ImportOptions::parse(&["reset=subtract", "cuba=old"]).unwrap();
    /// assert_eq!(options.old_current, Some(true));
    /// assert!(network::ImportOptions::parse(&["reset=soft"]).unwrap_err().to_string().contains("hard|subtract|none"));
    /// ```
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> crate::Result<ImportOptions> {
        let mut options = ImportOptions::default();
        let mut errors = crate::error::Collector::default();
        for text in texts {
            let text = text.as_ref();
            let error = |what: String| NetworkError::Switch {
                text: text.to_string(),
                what,
            };
            let Some((key, value)) = text.split_once('=') else {
                errors.push(error(
                    "an import switch is key=value, e.g. reset=subtract".into(),
                ));
                continue;
            };
            if options.set(key.trim(), value.trim()) {
                continue;
            }
            errors.push(error(
                match IMPORT_KEYS.iter().find(|(k, _)| *k == key.trim()) {
                    Some((key, values)) => format!("`{key}` takes {values}"),
                    None => {
                        let keys: Vec<String> = IMPORT_KEYS
                            .iter()
                            .map(|(k, v)| format!("{k}={v}"))
                            .collect();
                        let known = IMPORT_KEYS.iter().map(|(k, _)| *k);
                        let hint = crate::near::did_you_mean(key.trim(), known);
                        format!("unknown key; there are {}{hint}", keys.join(", "))
                    }
                },
            ));
        }
        errors.finish(options)
    }
}
