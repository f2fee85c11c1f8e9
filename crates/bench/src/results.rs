//! What was measured: figures by part, case and subject, and what could not be measured.

use serde_json::{Value, json};

use crate::samples::Samples;

/// A series of tables in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Answers over UDP.
    Serve,
    /// CPU per query without the kernel.
    Respond,
    /// Instructions per query without the kernel.
    Instructions,
    /// Two threads against one.
    Threads,
    /// Time to load a list.
    Load,
    /// Memory.
    Memory,
    /// A reload under load.
    Reload,
    /// Changes applied to a loaded list.
    Journal,
    /// Addresses looked up in many lists.
    Check,
    /// The registry: imports, publishing, look-ups.
    Registry,
    /// Zones of our own: updates beside answers, very many zones.
    Zones,
}

impl Part {
    /// All parts, in the order of the report.
    pub(crate) const ALL: [Part; 11] = [
        Part::Serve,
        Part::Respond,
        Part::Instructions,
        Part::Threads,
        Part::Load,
        Part::Memory,
        Part::Reload,
        Part::Journal,
        Part::Check,
        Part::Registry,
        Part::Zones,
    ];

    /// The heading of its table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Part::Serve => "Answers per server-CPU-second over UDP",
            Part::Respond => {
                "Own CPU per query, packet bytes in to packet bytes out, no kernel (ns)"
            }
            Part::Instructions => "Instructions per query, no kernel",
            Part::Threads => "Two threads",
            Part::Load => "Time to load",
            Part::Memory => "Memory",
            Part::Reload => "Reload under load",
            Part::Journal => "Changes to a loaded list",
            Part::Check => "Checking addresses",
            Part::Registry => "The registry",
            Part::Zones => "Zones of our own",
        }
    }

    /// Its word in JSON.
    fn word(self) -> &'static str {
        match self {
            Part::Serve => "serve",
            Part::Respond => "respond",
            Part::Instructions => "instructions",
            Part::Threads => "threads",
            Part::Load => "load",
            Part::Memory => "memory",
            Part::Reload => "reload",
            Part::Journal => "journal",
            Part::Check => "check",
            Part::Registry => "registry",
            Part::Zones => "zones",
        }
    }
}

/// One figure: a subject (a server, a way to call a function) in a case (a list, a mix of queries).
#[derive(Debug)]
pub(crate) struct Figure {
    /// The table it belongs to.
    pub(crate) part: Part,
    /// What was asked or done.
    pub(crate) case: String,
    /// Who was measured.
    pub(crate) subject: String,
    /// The unit, empty for counts and ratios.
    pub(crate) unit: &'static str,
    /// A value a round.
    pub(crate) samples: Samples,
}

/// All figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// The figures in the order in which each was first measured.
    figures: Vec<Figure>,
    /// What was not measured and why, each once.
    missing: Vec<String>,
}

impl Results {
    /// Adds a round's value to a figure.
    pub(crate) fn add(
        &mut self,
        part: Part,
        case: &str,
        subject: &str,
        unit: &'static str,
        value: f64,
    ) {
        let known = self
            .figures
            .iter_mut()
            .find(|f| f.part == part && f.case == case && f.subject == subject && f.unit == unit);
        if let Some(figure) = known {
            figure.samples.push(value);
            return;
        }
        self.figures.push(Figure {
            part,
            case: case.to_owned(),
            subject: subject.to_owned(),
            unit,
            samples: Samples::from_iter([value]),
        });
    }

    /// Notes what could not be measured.
    pub(crate) fn miss(&mut self, what: String) {
        if !self.missing.contains(&what) {
            eprintln!("not measured: {what}");
            self.missing.push(what);
        }
    }

    /// What was not measured.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The figures of a part: all of a case together, cases in the order of their first figure.
    pub(crate) fn of(&self, part: Part) -> Vec<&Figure> {
        let mut figures: Vec<&Figure> = self.figures.iter().filter(|f| f.part == part).collect();
        let cases: Vec<&str> = figures.iter().map(|figure| figure.case.as_str()).collect();
        let rank = |figure: &&Figure| cases.iter().position(|case| *case == figure.case);
        figures.sort_by_key(rank);
        figures
    }

    /// One figure's samples.
    pub(crate) fn samples(&self, part: Part, case: &str, subject: &str) -> Option<&Samples> {
        self.figures
            .iter()
            .find(|f| f.part == part && f.case == case && f.subject == subject)
            .map(|figure| &figure.samples)
    }

    /// The first figure of the same case and unit: what ratios are taken to.
    pub(crate) fn base<'a>(&'a self, figure: &'a Figure) -> &'a Samples {
        self.figures
            .iter()
            .find(|f| f.part == figure.part && f.case == figure.case && f.unit == figure.unit)
            .map_or(&figure.samples, |base| &base.samples)
    }

    /// Everything, for machines.
    pub(crate) fn to_json(&self) -> Value {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                json!({
                    "part": figure.part.word(),
                    "case": figure.case,
                    "subject": figure.subject,
                    "unit": figure.unit,
                    "min": figure.samples.min(),
                    "median": figure.samples.median(),
                    "max": figure.samples.max(),
                    "ratio": figure.samples.ratio_to(self.base(figure)),
                    "samples": figure.samples.values(),
                })
            })
            .collect();
        json!({ "figures": figures, "missing": self.missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_to_the_first_of_the_case() {
        let mut results = Results::default();
        for (subject, value) in [("peer", 2.0), ("ours", 3.0), ("peer", 4.0), ("ours", 6.0)] {
            results.add(Part::Serve, "A", subject, "1/s", value);
        }
        let figures = results.of(Part::Serve);
        assert_eq!(figures.len(), 2);
        assert_eq!(figures[1].samples.ratio_to(results.base(figures[1])), 1.5);
    }
}
