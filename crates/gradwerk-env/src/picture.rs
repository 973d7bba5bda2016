//! Pictures of environments: what [`Env::render`](crate::Env::render) returns.
//!
//! A picture before it has a format: lines, areas, dots and texts in units of the scene's own, y
//! downwards. Whoever shows it chooses the pixels per unit.

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// Brightness, 0 to 255 (the weights of ITU-R BT.601).
    #[must_use]
    pub const fn grey(self) -> u8 {
        ((299 * self.0 as u32 + 587 * self.1 as u32 + 114 * self.2 as u32) / 1000) as u8
    }
}

/// Where a text's position lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A line through points.
    Line {
        /// At least two points.
        points: Vec<(f64, f64)>,
        /// Colour.
        color: Color,
        /// Width.
        width: f64,
        /// 0 invisible, 1 solid.
        opacity: f64,
        /// Length of dash and gap.
        dash: Option<(f64, f64)>,
    },
    /// A filled polygon.
    Area {
        /// At least three corners.
        points: Vec<(f64, f64)>,
        /// Colour.
        color: Color,
        /// 0 invisible, 1 solid.
        opacity: f64,
    },
    /// A filled circle.
    Dot {
        /// Centre.
        at: (f64, f64),
        /// Radius.
        radius: f64,
        /// Colour.
        color: Color,
    },
    /// A line of text.
    Text {
        /// The anchor's place on the base line.
        at: (f64, f64),
        /// The text.
        text: String,
        /// Font size.
        size: f64,
        /// Where `at` lies in the text.
        anchor: Anchor,
        /// Colour.
        color: Color,
        /// Reads from bottom to top.
        upwards: bool,
    },
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// Colour of the ground.
    pub ground: Color,
    /// What is drawn, later over earlier.
    pub items: Vec<Item>,
}

impl Scene {
    /// An empty picture of the given size.
    #[must_use]
    pub fn new(width: f64, height: f64, ground: Color) -> Self {
        Self { width, height, ground, items: Vec::new() }
    }

    /// Draw a solid line.
    pub fn line(&mut self, points: &[(f64, f64)], width: f64, color: Color) {
        let points = points.to_vec();
        self.items.push(Item::Line { points, color, width, opacity: 1.0, dash: None });
    }

    /// Draw a filled polygon.
    pub fn area(&mut self, points: &[(f64, f64)], color: Color) {
        self.items.push(Item::Area { points: points.to_vec(), color, opacity: 1.0 });
    }

    /// Draw a filled rectangle from its upper left corner.
    pub fn block(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), color: Color) {
        self.area(&[(x, y), (x + w, y), (x + w, y + h), (x, y + h)], color);
    }

    /// Draw a filled circle.
    pub fn dot(&mut self, at: (f64, f64), radius: f64, color: Color) {
        self.items.push(Item::Dot { at, radius, color });
    }
}
