//! Charts: numbers and states become SVG.
//!
//! Four functions: [`bars()`] compares amounts, [`lines()`] shows how amounts change, [`timeline()`]
//! shows when something had which state, [`matrix()`] shows the states of things by two names. Each
//! returns one `<svg>` element that works in an HTML page, in mail and as a file of its own:
//!
//! - Text stays text: it can be copied, searched and read aloud. Each mark has a `<title>`, the
//!   whole an `aria-label` that says the essence.
//! - It follows its reader's light or dark scheme. Colours stand as attributes too, for readers
//!   that know no style sheets; a page whose policy forbids styles in elements takes [`STYLE`] into
//!   its own sheet.
//! - Colour is never alone: states differ in shape, series in their dashes.
//! - Any input gives a chart: no data, one point, NaN, a million points, labels of any length or
//!   script. What is too much to be seen is summed up and said.
//!
//! ```
//! use repute_chart::{Bar, bars};
//!
//! let svg = bars("Queries today", 480, &[
//!     Bar { label: "bl.example", value: 120_437.0 },
//!     Bar { label: "dbl.example & friends", value: 8_335.0 },
//! ]);
//! assert!(svg.starts_with("<svg ") && svg.contains("dbl.example &amp; friends"));
//! ```
//!
//! `width` is in CSS pixels, and the height follows from the content. A chart shrinks in a narrower
//! place, but its letters do too: for a phone, draw it at 360.
//!
//! Times are Unix seconds and are shown in UTC. Nothing here reads a clock; the same input gives
//! the same bytes. Deliberately not here: where numbers come from, interaction, pictures of dots.

mod bars;
mod date;
mod drawing;
mod lines;
mod matrix;
mod number;
mod scale;
mod state;
mod text;
mod timeline;

pub use bars::{Bar, bars};
pub use date::exact as time_text;
pub use drawing::STYLE;
pub use lines::{Series, lines};
pub use matrix::{Cell, MatrixRow, matrix};
pub use state::{Legend, State};
pub use timeline::{TimelineRow, timeline};
