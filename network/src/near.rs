//! "Did you mean …" for misspelt names of a description.
//!
//! Invariant: a hint names something that is allowed at that place.

/// Most letters that may be wrong, swapped or missing; of short names less than half.
const MOST_WRONG: usize = 2;

/// ` (did you mean …?)` with the nearest of the names, or nothing where none is near.
pub(crate) fn did_you_mean<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let most = MOST_WRONG.min(written.chars().count().saturating_sub(1) / 2);
    let lower = written.to_lowercase();
    let near = known
        .into_iter()
        .map(|name| {
            let wrong = strsim::osa_distance(&lower, &name.to_lowercase());
            // Of two that are equally near, letters that were swapped before one that was left out.
            (wrong, name.len().abs_diff(written.len()), name)
        })
        .filter(|(wrong, _, name)| *wrong <= most && *name != written);
    near.min().map_or(String::new(), |(_, _, name)| {
        format!(" (did you mean `{name}`?)")
    })
}

/// The same for a message of the parser, which names what it found and then what it expected.
pub(crate) fn in_message(message: &str) -> String {
    let Some((found, expected)) = message.split_once(", expected ") else {
        return String::new();
    };
    let quoted = |text: &'_ str| -> Vec<String> {
        let parts = text.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let known = quoted(expected);
    match quoted(found).last() {
        Some(written) if found.starts_with("unknown ") => {
            did_you_mean(written, known.iter().map(String::as_str))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_named() {
        let models = ["i", "if", "li", "lif", "cubalif"];
        for (written, hint) in [
            ("lfi", " (did you mean `lif`?)"),
            ("LIF", " (did you mean `lif`?)"),
            ("cuba_lif", " (did you mean `cubalif`?)"),
            ("hodgkin", ""),
            ("x", ""),
        ] {
            assert_eq!(did_you_mean(written, models), hint, "{written}");
        }
        let message = "unknown field `treshold`, expected one of `tau`, `threshold`";
        assert_eq!(in_message(message), " (did you mean `threshold`?)");
        assert_eq!(in_message("missing field `from`"), "");
    }
}
