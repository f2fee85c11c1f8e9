//! The interface of monitoring plugins: what Nagios, Icinga and their kin expect of a program they run.
//!
//! One line says the state, numbers stand behind a bar, further lines say more, and the exit code is the
//! state. The words are those of the Monitoring Plugins guidelines. `repute check --monitoring` and the
//! drop-in for check_rbl speak it; what they say is not here.

mod aside;
mod deadline;
pub(crate) mod extra_opts;
mod ini;
mod output;
mod perfdata;
mod range;
mod state;
pub(crate) mod tally;
mod text;

pub(crate) use aside::run;
pub(crate) use deadline::Deadline;
pub(crate) use output::Output;
pub(crate) use perfdata::Perfdata;
pub(crate) use range::Range;
pub(crate) use state::{State, Thresholds};
pub(crate) use text::{clean, clean_to};
