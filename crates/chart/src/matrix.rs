//! Matrices: the states of things by two names, as targets by lists.

use crate::bars::NO_DATA;
use crate::drawing::{Anchor, Drawing, PAD, Paint, TOP, usable};
use crate::state::{Legend, State, draw_state};
use crate::text;

/// One row of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixRow<'a> {
    /// The row's name.
    pub label: &'a str,
    /// A cell for each column; missing ones are absent.
    pub cells: &'a [Cell<'a>],
}

/// One cell of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// What is known.
    pub state: State,
    /// More words on it, such as a reason; may be empty.
    pub note: &'a str,
}

/// Draws the states of things by rows and columns, the way round that is lower. Columns that do not
/// fit the width go on below, with the rows' names again. The first 200 rows and columns are drawn.
pub fn matrix(
    title: &str,
    width: u32,
    legend: &Legend<'_>,
    columns: &[&str],
    rows: &[MatrixRow<'_>],
) -> String {
    let width = usable(width);
    let mut drawing = Drawing::default();
    let shown = rows.get(..MOST).unwrap_or(rows);
    let shown_columns = columns.get(..MOST).unwrap_or(columns);
    if shown.is_empty() || shown_columns.is_empty() {
        drawing.text((PAD, TOP + 16.0), 12, Anchor::Start, &Paint::Soft.fill(), NO_DATA);
        return drawing.finish((width, TOP + 32.0), title, NO_DATA);
    }

    let upright = Layout::of(width, shown.iter().map(|row| row.label), shown_columns);
    let row_names: Vec<&str> = shown.iter().map(|row| row.label).collect();
    let turned = Layout::of(width, shown_columns.iter().copied(), &row_names);
    // Few things on many lists are lower with the lists as rows, above all where it is narrow.
    let is_turned = turned.height < upright.height;
    let layout = if is_turned { turned } else { upright };

    let all = [State::Bad, State::Good, State::Allowed, State::Fact, State::Unknown, State::Absent];
    let mut states = all.to_vec();
    states.retain(|state| {
        let is_there = |row: &MatrixRow<'_>| row.cells.iter().any(|cell| cell.state == *state);
        !state.is_special() || shown.iter().any(is_there)
    });
    let sign = |drawing: &mut Drawing, at, state| draw_state(drawing, at, state, "");
    let mut y = legend.draw(&mut drawing, (TOP, width), &states, sign) + 4.0;
    for band in 0..layout.bands() {
        y = layout.draw_band(&mut drawing, band, y, |drawing, center, across, down| {
            let (row, column) = if is_turned { (across, down) } else { (down, across) };
            let (Some(row), Some(name)) = (shown.get(row), shown_columns.get(column)) else {
                return;
            };
            let cell = cell(row, column);
            let colon = if cell.note.is_empty() { "" } else { ": " };
            let words = legend.word(cell.state);
            let title = format!("{}, {name}: {words}{colon}{}", row.label, cell.note);
            draw_state(drawing, center, cell.state, &title);
        });
    }
    if rows.len() > MOST || columns.len() > MOST {
        let more = format!(
            "and {} more rows and {} more columns, not shown",
            rows.len() - shown.len(),
            columns.len() - shown_columns.len()
        );
        drawing.text((PAD, y + 8.0), 12, Anchor::Start, &Paint::Soft.fill(), &more);
        y += 20.0;
    }
    let essence = essence(legend, columns, rows);
    drawing.finish((width, y + 4.0), title, &essence)
}

/// Where rows and columns are, one way round.
struct Layout<'a> {
    /// The names at the left, and how wide they are at most.
    down: Vec<&'a str>,
    room: f64,
    /// The names above, as far as they fit, and in full.
    across: Vec<(String, &'a str)>,
    /// How many of those are in each band.
    in_a_band: usize,
    /// How high all bands are.
    height: f64,
    /// How steep the names above rise.
    slope: Slope,
}

impl<'a> Layout<'a> {
    /// Lays rows and columns out in as many bands as the width needs, of about the same width.
    fn of(width: f64, down: impl Iterator<Item = &'a str>, across: &[&'a str]) -> Layout<'a> {
        let down: Vec<&str> = down.collect();
        let room = down.iter().map(|name| text::width(name, 12)).fold(0.0, f64::max);
        let room = room.min(width * 0.5);
        let across: Vec<(String, &str)> =
            across.iter().map(|name| (text::fit(name, HEAD.min(width * 0.4), 11), *name)).collect();
        let slope = if width < 520.0 { Slope::Upright } else { Slope::Leaning };
        let left = width - 2.0 * PAD - GAP - room - slope.lean(&across);
        let bands = across.len().div_ceil(((left / PITCH).floor() as usize).max(1)).max(1);
        let in_a_band = across.len().div_ceil(bands).max(1);
        let rows = PITCH * down.len() as f64 + BAND_GAP;
        let height = across.chunks(in_a_band).map(|names| slope.height(names) + rows).sum();
        Layout { down, room, across, in_a_band, height, slope }
    }

    /// How many bands there are.
    fn bands(&self) -> usize {
        self.across.len().div_ceil(self.in_a_band)
    }

    /// Draws one band from `y` on, with a cell for each column and row, and returns where it ends.
    fn draw_band(
        &self,
        drawing: &mut Drawing,
        band: usize,
        y: f64,
        draw_cell: impl Fn(&mut Drawing, (f64, f64), usize, usize),
    ) -> f64 {
        let first = band * self.in_a_band;
        let names = self.across.chunks(self.in_a_band).nth(band).unwrap_or_default();
        let mut y = y + self.slope.height(names);
        let left = PAD + self.room + GAP;
        let end = left + PITCH * names.len() as f64;
        let middle = |n: usize| left + PITCH * (n as f64 + 0.5);
        for (n, (name, full)) in names.iter().enumerate() {
            let style = Paint::Soft.fill();
            match self.slope {
                Slope::Leaning => {
                    drawing.turned_text((middle(n) + 3.0, y - 5.0), 45, 11, &style, name, full);
                }
                Slope::Upright => {
                    drawing.turned_text((middle(n) + 4.0, y - 5.0), 90, 11, &style, name, full);
                }
            }
        }
        for (row, name) in self.down.iter().enumerate() {
            drawing.path(&[(PAD, y), (end, y)], &Paint::Line.stroke(), "");
            let label = text::fit(name, self.room, 12);
            let at = (left - GAP, y + PITCH / 2.0 + 4.0);
            drawing.text(at, 12, Anchor::End, &Paint::Ink.fill(), &label);
            for n in 0..names.len() {
                draw_cell(drawing, (middle(n), y + PITCH / 2.0), first + n, row);
            }
            y += PITCH;
        }
        drawing.path(&[(PAD, y), (end, y)], &Paint::Line.stroke(), "");
        y + BAND_GAP
    }
}

/// How steep the names above rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slope {
    /// By 45 degrees, which is easier to read.
    Leaning,
    /// By 90 degrees, where it is narrow.
    Upright,
}

impl Slope {
    /// How high the names above a band are.
    fn height(self, names: &[(String, &str)]) -> f64 {
        let longest = names.iter().map(|(name, _)| text::width(name, 11)).fold(0.0, f64::max);
        match self {
            Slope::Leaning => (longest + 11.0) * SIN_45 + 8.0,
            Slope::Upright => longest + 8.0,
        }
    }

    /// How far the last name of a band leans over its edge.
    fn lean(self, names: &[(String, &str)]) -> f64 {
        match self {
            Slope::Leaning => self.height(names),
            Slope::Upright => 0.0,
        }
    }
}

/// A row's cell in a column.
fn cell<'a>(row: &MatrixRow<'a>, column: usize) -> Cell<'a> {
    row.cells.get(column).copied().unwrap_or(Cell { state: State::Absent, note: "" })
}

/// The matrix in a few words: what is bad, and how much is unknown.
fn essence(legend: &Legend<'_>, columns: &[&str], rows: &[MatrixRow<'_>]) -> String {
    let cells = || {
        rows.iter().flat_map(|row| {
            columns.iter().enumerate().map(move |(n, column)| (row, column, cell(row, n).state))
        })
    };
    let bad: Vec<String> = cells()
        .filter(|(_, _, state)| *state == State::Bad)
        .map(|(row, column, _)| format!("{} {} on {column}", row.label, legend.bad))
        .collect();
    let count = |wanted| cells().filter(|(_, _, state)| *state == wanted).count();
    let counts = format!(
        "{} {}, {} {}, {} {}",
        bad.len(),
        legend.bad,
        count(State::Good),
        legend.good,
        count(State::Unknown),
        legend.unknown
    );
    let special = [(State::Allowed, legend.allowed), (State::Fact, legend.fact)];
    let special = special.map(|(state, word)| match count(state) {
        0 => String::new(),
        n => format!(", {n} {word}"),
    });
    let counts = counts + &special.concat();
    if bad.is_empty() { counts } else { format!("{counts}: {}", text::join(bad.into_iter())) }
}

/// How many rows and columns are drawn.
const MOST: usize = 200;
/// How far the signs are apart.
const PITCH: f64 = 22.0;
/// Between the names at the left and the first sign.
const GAP: f64 = 10.0;
/// Between two bands.
const BAND_GAP: f64 = 12.0;
/// How long a column's name may be.
const HEAD: f64 = 150.0;
/// How high a text of length 1 is that rises by 45 degrees.
const SIN_45: f64 = 0.7072;
