//! Panels: title, legend, axes and lines; and sheets of panels.

use super::font::Font;
use super::{Sample, Scale};
use gradwerk_env::picture::{Anchor, Color, Item, Scene};

const WHITE: Color = Color(255, 255, 255);
pub(super) const INK: Color = Color(0x22, 0x22, 0x22);
pub(super) const SOFT: Color = Color(0x66, 0x66, 0x66);
const GRID: Color = Color(0xe4, 0xe4, 0xe4);

/// Okabe and Ito's colours, which also the colour-blind tell apart; without the yellow, which is
/// too pale for a line on white.
const PALETTE: [Color; 7] = [
    Color(0x00, 0x72, 0xb2),
    Color(0xd5, 0x5e, 0x00),
    Color(0x00, 0x9e, 0x73),
    Color(0xcc, 0x79, 0xa7),
    Color(0xe6, 0x9f, 0x00),
    Color(0x56, 0xb4, 0xe9),
    Color(0x22, 0x22, 0x22),
];
/// Once all colours are used, the next lines are dashed.
const DASHES: [Option<(f64, f64)>; 3] = [None, Some((7.0, 3.0)), Some((2.0, 2.0))];

const TITLE: f64 = 16.0;
const LABEL: f64 = 12.5;
const TICK: f64 = 11.5;
const NOTE: f64 = 10.5;
const LEGEND_ROW: f64 = 20.0;
/// Rows of a legend for which a panel has room; more make it higher.
const LEGEND_ROWS: usize = 3;
/// Opacity of a line where some run of its group has no value.
const FADED: f64 = 0.4;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Colour.
    pub color: Color,
    /// Length of dash and gap.
    pub dash: Option<(f64, f64)>,
    /// Width.
    pub width: f64,
    /// A dot at every point.
    pub dots: bool,
}

impl Style {
    /// The look of the `i`-th name.
    #[must_use]
    pub fn nth(i: usize) -> Self {
        let color = PALETTE[i % PALETTE.len()];
        let dash = DASHES[i / PALETTE.len() % DASHES.len()];
        Self { color, dash, width: 2.0, dots: false }
    }

    /// A thin grey line: for what is not the subject.
    #[must_use]
    pub fn faint() -> Self {
        Self { color: Color(0xb0, 0xb0, 0xb0), dash: None, width: 1.0, dots: false }
    }

    /// With dots.
    #[must_use]
    pub fn dotted(self) -> Self {
        Self { dots: true, ..self }
    }
}

/// One line of a panel.
#[derive(Clone, Debug)]
pub struct Line {
    /// In the legend; none keeps it out.
    pub name: Option<String>,
    /// The line: stretches without a gap.
    pub stretches: Vec<Vec<Sample>>,
    /// Whether a band lies around it.
    pub band: bool,
    /// Look.
    pub style: Style,
}

impl Line {
    /// A line through points.
    #[must_use]
    pub fn through(name: Option<String>, points: &[(f64, f64)], style: Style) -> Self {
        let sample = |&(x, y): &(f64, f64)| Sample { x, mean: y, low: y, high: y, complete: true };
        Self { name, stretches: vec![points.iter().map(sample).collect()], band: false, style }
    }
}

/// One pair of axes and what lies between them.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above it.
    pub title: String,
    /// Below the horizontal axis, and beside the vertical one.
    pub axis_titles: [String; 2],
    /// Horizontal and vertical scale; none without a single value.
    pub scales: Option<[Scale; 2]>,
    /// Later over earlier.
    pub lines: Vec<Line>,
    /// A dashed line at this height, with its text.
    pub goal: Option<(f64, String)>,
    /// What stands there without a single value.
    pub empty: String,
}

/// Panels side by side, and a note below them.
#[must_use]
pub fn sheet(panels: &[Panel], note: Option<&str>) -> Scene {
    let columns = match panels.len() {
        0 | 1 => 1,
        2..=4 => 2,
        _ => 3,
    };
    let (width, height) = if columns == 1 { (720.0, 440.0) } else { (500.0, 350.0) };
    let font = Font::load();
    let rows = panels.iter().map(|p| p.legend_rows(&font, width)).max().unwrap_or(1);
    let height = height + LEGEND_ROW * rows.saturating_sub(LEGEND_ROWS) as f64;
    let mut items = Vec::new();
    for (i, panel) in panels.iter().enumerate() {
        let (left, top) = ((i % columns) as f64 * width, (i / columns) as f64 * height);
        panel.draw(&font, Place { left, top, width, height }, &mut items);
    }
    let rows = panels.len().div_ceil(columns);
    let (width, height) = (columns as f64 * width, rows as f64 * height);
    let mut scene = Scene { items, ..Scene::new(width, height, WHITE) };
    if let Some(note) = note {
        scene.height += 18.0;
        let at = (scene.width - 18.0, scene.height - 10.0);
        scene.items.push(words(at, note, NOTE, Anchor::End, SOFT));
    }
    scene
}

/// The first occurrences.
pub(super) fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

fn words(at: (f64, f64), text: &str, size: f64, anchor: Anchor, color: Color) -> Item {
    Item::Text { at, text: text.to_owned(), size, anchor, color, upwards: false }
}

fn rule(from: (f64, f64), to: (f64, f64), color: Color, dash: Option<(f64, f64)>) -> Item {
    Item::Line { points: vec![from, to], color, width: 1.0, opacity: 1.0, dash }
}

/// A rectangle of the picture.
#[derive(Clone, Copy)]
struct Place {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

/// A name of the legend and where it stands, in rows from 0 on.
struct Entry<'a> {
    line: &'a Line,
    text: String,
    x: f64,
    row: usize,
}

impl Panel {
    /// Left and right end of the data.
    fn sides(&self, font: &Font, left: f64, width: f64) -> (f64, f64) {
        let ticks = self.scales.map(|[_, y]| y.ticks()).unwrap_or_default();
        let widest = ticks.iter().map(|(_, l)| font.width(l, TICK)).fold(0.0, f64::max);
        (left + 44.0 + widest, left + width - 28.0)
    }

    fn legend_rows(&self, font: &Font, width: f64) -> usize {
        let (left, right) = self.sides(font, 0.0, width);
        self.legend(font, left, right).last().map_or(1, |entry| entry.row + 1)
    }

    /// The legend's entries, in as many rows as they need.
    fn legend(&self, font: &Font, left: f64, right: f64) -> Vec<Entry<'_>> {
        let (mut x, mut row) = (left, 0);
        let mut entries = Vec::new();
        for line in &self.lines {
            let Some(name) = &line.name else { continue };
            let text = font.fit(name, LABEL, right - left - 30.0);
            let width = 30.0 + font.width(&text, LABEL);
            if x > left && x + width > right {
                (x, row) = (left, row + 1);
            }
            entries.push(Entry { line, text, x, row });
            x += width + 18.0;
        }
        entries
    }

    fn draw(&self, font: &Font, place: Place, items: &mut Vec<Item>) {
        let (left, right) = self.sides(font, place.left, place.width);
        let title = font.fit(&self.title, TITLE, right - left);
        items.push(words((left, place.top + 28.0), &title, TITLE, Anchor::Start, INK));
        let mut top = place.top + 49.0;
        for Entry { line, text, x, row } in self.legend(font, left, right) {
            top = place.top + 49.0 + row as f64 * LEGEND_ROW;
            let Style { color, dash, .. } = line.style;
            let points = vec![(x, top - 4.0), (x + 22.0, top - 4.0)];
            items.push(Item::Line { points, color, width: 2.5, opacity: 1.0, dash });
            items.push(words((x + 28.0, top), &text, LABEL, Anchor::Start, INK));
        }
        let (top, bottom) = (top + 12.0, place.top + place.height - 52.0);
        let frame = Place { left, top, width: right - left, height: bottom - top };
        self.draw_axis_titles(items, place, frame);
        let Some([x, y]) = self.scales else { return self.draw_empty(items, frame) };
        let view = View { frame, x, y };
        view.grid(items);
        self.draw_goal(items, &view);
        for line in self.lines.iter().filter(|line| line.band) {
            view.band(items, line);
        }
        for line in &self.lines {
            view.line(items, line);
        }
    }

    fn draw_axis_titles(&self, items: &mut Vec<Item>, place: Place, frame: Place) {
        let middle = (frame.left + frame.width / 2.0, frame.top + frame.height / 2.0);
        let below = place.top + place.height - 14.0;
        let [x, y] = &self.axis_titles;
        items.push(words((middle.0, below), x, LABEL, Anchor::Middle, INK));
        let at = (place.left + 24.0, middle.1);
        let (text, size, anchor, color) = (y.clone(), LABEL, Anchor::Middle, INK);
        items.push(Item::Text { at, text, size, anchor, color, upwards: true });
    }

    fn draw_empty(&self, items: &mut Vec<Item>, f: Place) {
        let (left, right, bottom) = (f.left, f.left + f.width, f.top + f.height);
        items.push(rule((left, bottom), (right, bottom), SOFT, None));
        let at = (f.left + f.width / 2.0, f.top + f.height / 2.0);
        items.push(words(at, &self.empty, LABEL, Anchor::Middle, SOFT));
    }

    fn draw_goal(&self, items: &mut Vec<Item>, view: &View) {
        let Some((goal, text)) = &self.goal else { return };
        let y = view.point(view.x.low(), *goal).1;
        let (left, right) = (view.frame.left, view.frame.left + view.frame.width);
        items.push(rule((left, y), (right, y), SOFT, Some((5.0, 4.0))));
        // Above the line, unless a grid line would run through the letters there.
        let ticks = view.y.ticks();
        let mut grid = ticks.iter().map(|tick| view.point(view.x.low(), tick.0).1);
        let crowded = grid.any(|g| (1.0..NOTE + 7.0).contains(&(y - g)));
        let base = if crowded { y + NOTE + 3.0 } else { y - 5.0 };
        items.push(words((left + 6.0, base), text, NOTE, Anchor::Start, SOFT));
    }
}

/// The data's rectangle and its scales.
struct View {
    frame: Place,
    x: Scale,
    y: Scale,
}

impl View {
    fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let f = &self.frame;
        (f.left + f.width * self.x.place(x), f.top + f.height * (1.0 - self.y.place(y)))
    }

    fn grid(&self, items: &mut Vec<Item>) {
        let f = self.frame;
        let (right, bottom) = (f.left + f.width, f.top + f.height);
        for (tick, label) in self.y.ticks() {
            let y = self.point(self.x.low(), tick).1;
            items.push(rule((f.left, y), (right, y), GRID, None));
            items.push(words((f.left - 8.0, y + 4.0), &label, TICK, Anchor::End, SOFT));
        }
        items.push(rule((f.left, bottom), (right, bottom), SOFT, None));
        for (tick, label) in self.x.ticks() {
            let x = self.point(tick, self.y.low()).0;
            items.push(rule((x, bottom), (x, bottom + 5.0), SOFT, None));
            items.push(words((x, bottom + 18.0), &label, TICK, Anchor::Middle, SOFT));
        }
    }

    fn band(&self, items: &mut Vec<Item>, line: &Line) {
        for stretch in line.stretches.iter().filter(|s| s.len() > 1) {
            let upper = stretch.iter().map(|s| self.point(s.x, s.high));
            let lower = stretch.iter().rev().map(|s| self.point(s.x, s.low));
            let (points, color) = (upper.chain(lower).collect(), line.style.color);
            items.push(Item::Area { points, color, opacity: 0.18 });
        }
    }

    fn line(&self, items: &mut Vec<Item>, line: &Line) {
        let Style { color, dash, width, dots } = line.style;
        for stretch in &line.stretches {
            if let [s] = stretch[..] {
                self.lone(items, s, line.band, color);
                continue;
            }
            for (part, complete) in parts(stretch) {
                let points = part.iter().map(|s| self.point(s.x, s.mean)).collect();
                let opacity = if complete { 1.0 } else { FADED };
                items.push(Item::Line { points, color, width, opacity, dash });
            }
            if dots {
                let dot =
                    |s: &Sample| Item::Dot { at: self.point(s.x, s.mean), radius: 2.6, color };
                items.extend(stretch.iter().map(dot));
            }
        }
    }

    /// A point without neighbours: a dot, and the band as a bar.
    fn lone(&self, items: &mut Vec<Item>, s: Sample, bar: bool, color: Color) {
        if bar {
            let points = vec![self.point(s.x, s.low), self.point(s.x, s.high)];
            items.push(Item::Line { points, color, width: 6.0, opacity: 0.18, dash: None });
        }
        items.push(Item::Dot { at: self.point(s.x, s.mean), radius: 3.5, color });
    }
}

/// A stretch cut where it becomes complete or incomplete; neighbours share their end points.
fn parts(stretch: &[Sample]) -> Vec<(&[Sample], bool)> {
    let complete = |i: usize| stretch[i].complete && stretch[i + 1].complete;
    let mut parts = Vec::new();
    let mut start = 0;
    for i in 1..stretch.len() {
        if i + 1 == stretch.len() || complete(i) != complete(start) {
            parts.push((&stretch[start..=i], complete(start)));
            start = i;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_stretch_once() {
        let sample = |x, complete| Sample { x, mean: 0.0, low: 0.0, high: 0.0, complete };
        let flags = |f: &[bool]| -> Vec<(usize, bool)> {
            let stretch: Vec<_> = f.iter().enumerate().map(|(i, &c)| sample(i as f64, c)).collect();
            parts(&stretch).into_iter().map(|(p, c)| (p.len(), c)).collect()
        };
        assert_eq!(flags(&[true, true]), [(2, true)]);
        assert_eq!(flags(&[true, true, true, true]), [(4, true)]);
        // segments: faded 0-1, 1-2; solid 2-3; faded 3-4
        assert_eq!(flags(&[false, false, true, true, false]), [(3, false), (2, true), (2, false)]);
        assert_eq!(flags(&[true, true, false]), [(2, true), (2, false)]);
    }

    #[test]
    fn the_first_twenty_one_names_look_different() {
        let styles: Vec<Style> = (0..21).map(Style::nth).collect();
        for (i, a) in styles.iter().enumerate() {
            assert!(styles[..i].iter().all(|b| a != b), "{i}");
        }
    }
}
