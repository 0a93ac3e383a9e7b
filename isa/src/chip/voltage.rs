//! Costs that follow the chip's supply voltage: `at_voltage` and `exponent` of an entry.
//!
//! Invariant: both members stand together, and a factor exists only where the chip has a voltage.

use super::Scaled;
use super::check::Fault;
use super::parse::Raw;
use super::schema::VOLTS;

/// The voltage of the chip, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Supply {
    /// In volts.
    Volts(f64),
    /// The file gives one, but it is wrong.
    Wrong,
    /// The file gives none.
    None,
}

/// `at_voltage` and `exponent` of a cost: both or neither, and a voltage of the chip to scale to.
pub(super) fn scaled(
    members: &[(String, u32, Raw)],
    supply: Supply,
) -> Result<Option<Scaled>, (Option<u32>, Fault)> {
    let member = |name: &str, [low, high]: [f64; 2], unit: &str| {
        let Some((_, line, raw)) = members.iter().find(|(n, ..)| n == name) else {
            return Ok(None);
        };
        match raw.number() {
            Some(x) if (low..=high).contains(&x) => Ok(Some((*line, x))),
            Some(x) => Err((
                Some(*line),
                (
                    format!("`{name}` is {x}, outside {low} to {high}"),
                    format!("write {low} to {high}{unit}"),
                ),
            )),
            None => Err((
                Some(*line),
                (
                    format!("`{name}` is {}", raw.what()),
                    format!("write a number{unit}"),
                ),
            )),
        }
    };
    let at = member("at_voltage", VOLTS, ", in volts")?;
    let exponent = member("exponent", [-10.0, 10.0], "")?;
    let ((line, at_voltage), exponent) = match (at, exponent) {
        (None, None) => return Ok(None),
        (Some(at), Some((_, exponent))) => (at, exponent),
        (Some((line, _)), None) => {
            let fault = (
                "has `at_voltage` but no `exponent`",
                "add `exponent`: the cost is value × (voltage / at_voltage) ^ exponent",
            );
            return Err((Some(line), (fault.0.to_owned(), fault.1.to_owned())));
        }
        (None, Some((line, _))) => {
            let fault = (
                "has `exponent` but no `at_voltage`",
                "add `at_voltage`: the voltage, in volts, at which the value holds",
            );
            return Err((Some(line), (fault.0.to_owned(), fault.1.to_owned())));
        }
    };
    let volts = match supply {
        Supply::Volts(volts) => volts,
        // It was reported; no chip is built then.
        Supply::Wrong => return Ok(None),
        Supply::None => {
            let fault = (
                "has `at_voltage`, but the chip has no voltage".to_owned(),
                "add `voltage = { value = …, unit = \"V\", source = \"…\" }` before the sections"
                    .to_owned(),
            );
            return Err((Some(line), fault));
        }
    };
    Ok(Some(Scaled {
        at_voltage,
        exponent,
        factor: (volts / at_voltage).powf(exponent),
    }))
}
