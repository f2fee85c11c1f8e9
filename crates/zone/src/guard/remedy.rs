//! What a refusal names, and by which keys of the configuration the version would pass.
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

/// Some things that are refused for the same reason: the first few, and how many more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Several<T> {
    /// The first ones.
    pub first: Vec<T>,
    /// How many more there are.
    pub more: usize,
}

impl<T> Several<T> {
    /// All of these.
    pub(super) fn of(all: impl IntoIterator<Item = T>) -> Several<T> {
        let mut all = all.into_iter();
        let first = all.by_ref().take(MOST_NAMED).collect();
        Several { first, more: all.count() }
    }
}

impl<T: fmt::Display> fmt::Display for Several<T> {
    /// With commas between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, one) in self.first.iter().enumerate() {
            write!(f, "{}{one}", if at > 0 { ", " } else { "" })?;
        }
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

/// How many things are named that are refused.
const MOST_NAMED: usize = 10;

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
