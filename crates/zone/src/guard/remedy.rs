//! By which keys of the configuration a version would pass that a guard refuses.
//!
//! An operator who means what he published should not have to find out by trying.

use std::fmt;

/// Keys under `[zone.guards]` with values by which a version would pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy(Vec<Setting>);

/// A key and the value nearest to the present one by which a version passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// Its value; 0 turns the guard off.
    pub value: u8,
}

impl Remedy {
    /// All of these that are needed.
    pub(super) fn of(settings: [Option<Setting>; 2]) -> Remedy {
        Remedy(settings.into_iter().flatten().collect())
    }

    /// The settings, all of which are needed.
    pub fn settings(&self) -> &[Setting] {
        &self.0
    }
}

impl Setting {
    /// The longest prefix below the present one that refuses nothing, else 0.
    pub(super) fn below(key: &'static str, now: u8, refuses: impl Fn(u8) -> bool) -> Setting {
        let value = (1..now).rev().find(|len| !refuses(*len)).unwrap_or(0);
        Setting { key, value }
    }
}

impl fmt::Display for Remedy {
    /// What to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("set ")?;
        for (at, Setting { key, value }) in self.0.iter().enumerate() {
            let and = if at > 0 { " and " } else { "" };
            write!(f, "{and}`{key} = {value}`")?;
        }
        f.write_str(" in [zone.guards]")?;
        if self.0.iter().any(|setting| setting.value == 0) {
            f.write_str(" (0 is off)")?;
        }
        Ok(())
    }
}
