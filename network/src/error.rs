//! What can be wrong with a network, its input, or the wish to run it.
//!
//! Invariant: user mistakes are values of [`NetworkError`], all of a file at once; nothing here panics.

use std::fmt;

/// A shape as people write it: `[16, 32, 32]`.
fn dims(shape: &[u32]) -> String {
    let text: Vec<String> = shape.iter().map(u32::to_string).collect();
    format!("[{}]", text.join(", "))
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// The file cannot be opened or read.
    #[error("cannot be read: {what}")]
    Unreadable {
        /// Cause.
        what: String,
    },
    /// Not the format that its name promises.
    #[error("not a readable {format} file: {what}")]
    Format {
        /// Format.
        format: &'static str,
        /// Cause.
        what: String,
    },
    /// A field of a node is missing or unusable.
    #[error("node `{node}`: field `{field}` {what}")]
    Field {
        /// Node path.
        node: String,
        /// Field.
        field: String,
        /// What is wrong.
        what: String,
    },
    /// A node type nobody knows.
    #[error("node `{node}`: unknown type `{kind}` (known: {known})")]
    UnknownType {
        /// Node path.
        node: String,
        /// Type found.
        kind: String,
        /// Types there are.
        known: &'static str,
    },
    /// A number that is not finite.
    #[error(
        "node `{node}`: `{field}` has the value {value} at element {index}; all values must be finite"
    )]
    NotFinite {
        /// Node path.
        node: String,
        /// Field.
        field: String,
        /// Flat index.
        index: usize,
        /// `NaN`, `inf` or `-inf`.
        value: String,
    },
    /// An edge names a node that does not exist.
    #[error("edge `{from}` -> `{to}`: there is no node `{missing}`")]
    DanglingEdge {
        /// Source.
        from: String,
        /// Target.
        to: String,
        /// Which of the two is missing.
        missing: String,
    },
    /// The same edge twice.
    #[error("edge `{from}` -> `{to}` is there twice; to add a value twice, use a Scale of 2")]
    DuplicateEdge {
        /// Source.
        from: String,
        /// Target.
        to: String,
    },
    /// An edge that cannot be: into an input, out of an output, into a subgraph without input.
    #[error("edge `{from}` -> `{to}`: {what}")]
    BadEdge {
        /// Source.
        from: String,
        /// Target.
        to: String,
        /// Why not.
        what: String,
    },
    /// Two ends of an edge disagree.
    #[error("`{from}` gives shape {}, `{to}` takes {}", dims(.from_shape), dims(.to_shape))]
    ShapeMismatch {
        /// Source.
        from: String,
        /// Its output shape.
        from_shape: Vec<u32>,
        /// Target.
        to: String,
        /// Its input shape.
        to_shape: Vec<u32>,
    },
    /// An operation cannot take the shape that reaches it.
    #[error("node `{node}` cannot take shape {}: {what}", dims(.shape))]
    ShapeUnusable {
        /// Node path.
        node: String,
        /// Shape that reaches it.
        shape: Vec<u32>,
        /// Why not.
        what: String,
    },
    /// No shape reaches a node.
    #[error(
        "the shape of node `{node}` is not in the file and cannot be derived: no node with a known shape leads to it"
    )]
    ShapeUnknown {
        /// Node path.
        node: String,
    },
    /// No time step.
    #[error("the file has no time step (`dt`): give it in seconds with --dt, e.g. --dt 1e-3")]
    NoTimeStep,
    /// A switch with a wrong key or value.
    #[error("`{text}`: {what}")]
    Switch {
        /// As given.
        text: String,
        /// What is wrong, and what is allowed.
        what: String,
    },
    /// Larger than we take.
    #[error("{what} is {actual}; at most {limit} can be handled")]
    TooLarge {
        /// What.
        what: String,
        /// Limit.
        limit: u64,
        /// Found.
        actual: u64,
    },
    /// Does not exist in the world of chips; `simulate` may still do it.
    #[error("node `{node}` cannot run on a chip: {what}; {remedy}")]
    Unmappable {
        /// Node path.
        node: String,
        /// Why.
        what: String,
        /// Way out.
        remedy: String,
    },
    /// The float simulator has no law for it.
    #[error("node `{node}` cannot be simulated: {what}")]
    NotSimulated {
        /// Node path.
        node: String,
        /// Why, and the way out.
        what: String,
    },
    /// A projection names an input that the kernel of its target does not have.
    #[error("population `{node}`: a projection names its receptor `{name}`, and {what}")]
    Receptor {
        /// Population.
        node: String,
        /// The name.
        name: String,
        /// What there is.
        what: String,
    },
    /// The input does not fit the network or itself.
    #[error("{what}")]
    Input {
        /// What is wrong, with numbers.
        what: String,
    },
    /// A line of a text file.
    #[error("line {line}: {what}")]
    Line {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

/// All mistakes of a file, in the order in which they were met; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Errors {
    /// The file, if there is one.
    pub file: Option<String>,
    /// What is wrong.
    pub list: Vec<NetworkError>,
}

impl Errors {
    /// Names the file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Errors {
        self.file.get_or_insert_with(|| file.into());
        self
    }
}

impl From<NetworkError> for Errors {
    fn from(error: NetworkError) -> Errors {
        Errors {
            file: None,
            list: vec![error],
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.list.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            match (&self.file, error) {
                (Some(file), NetworkError::Line { line, what }) => {
                    write!(f, "{file}:{line}: {what}")?
                }
                (Some(file), error) => write!(f, "{file}: {error}")?,
                (None, error) => write!(f, "{error}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// Result with all mistakes.
pub type Result<T, E = Errors> = core::result::Result<T, E>;

/// Mistakes met so far.
#[derive(Default)]
pub(crate) struct Collector(pub(crate) Vec<NetworkError>);

impl Collector {
    /// Notes one.
    pub(crate) fn push(&mut self, error: NetworkError) {
        self.0.push(error);
    }

    /// The value, if nothing was noted.
    pub(crate) fn finish<T>(self, value: T) -> Result<T> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(Errors {
                file: None,
                list: self.0,
            })
        }
    }

    /// Fails if something was noted; then also with `more`.
    pub(crate) fn check_with(&mut self, more: Option<NetworkError>) -> Result<()> {
        if !self.0.is_empty() {
            self.0.extend(more);
        }
        self.check()
    }

    /// Fails if something was noted.
    pub(crate) fn check(&mut self) -> Result<()> {
        Collector(std::mem::take(&mut self.0)).finish(())
    }
}
