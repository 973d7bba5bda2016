//! A picture before it has a format. Lengths are in pixels of the SVG, y points downwards.

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

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

/// A picture on white ground.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// What is drawn, later over earlier.
    pub items: Vec<Item>,
}
