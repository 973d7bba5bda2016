//! The font inside the program: a part of DejaVu Sans (see `assets/DejaVuSans-LICENSE.txt`).

use ttf_parser::{Face, GlyphId, OutlineBuilder};

const BYTES: &[u8] = include_bytes!("../../../assets/DejaVuSans-subset.ttf");

/// The families to ask an SVG viewer for. The first ones are wider than the rest, so that a
/// layout made for them fits with any.
pub const FAMILIES: &str = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";

/// The font, ready to be measured and drawn.
pub struct Font(Face<'static>);

impl Font {
    /// The font of every plot.
    pub fn load() -> Self {
        Self(Face::parse(BYTES, 0).expect("the embedded font is whole; a test parses it"))
    }

    /// The width of `text` at a font size.
    pub fn width(&self, text: &str, size: f64) -> f64 {
        text.chars().map(|c| self.advance(c)).sum::<f64>() * size
    }

    /// `text`, or as much of its beginning as fits `width` with an ellipsis.
    pub fn fit(&self, text: &str, size: f64, width: f64) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let mut kept = String::new();
        let mut left = width - self.width("\u{2026}", size);
        for c in text.chars() {
            left -= self.advance(c) * size;
            if left < 0.0 {
                break;
            }
            kept.push(c);
        }
        kept.push('\u{2026}');
        kept
    }

    /// Draw `text` from the origin to the right, at size 1 with y upwards: `outline` is called
    /// with every letter's place and id.
    pub fn glyphs(&self, text: &str, mut each: impl FnMut(f64, GlyphId)) {
        let mut x = 0.0;
        for c in text.chars() {
            each(x, self.glyph(c));
            x += self.advance(c);
        }
    }

    /// The outline of a letter in units of [`Font::units`].
    pub fn outline(&self, glyph: GlyphId, builder: &mut dyn OutlineBuilder) {
        // None for letters without ink, such as the space.
        let _ = self.0.outline_glyph(glyph, builder);
    }

    /// Units of an outline per font size.
    pub fn units(&self) -> f64 {
        f64::from(self.0.units_per_em())
    }

    /// Letters outside the font become its empty box, glyph 0.
    fn glyph(&self, c: char) -> GlyphId {
        self.0.glyph_index(c).unwrap_or(GlyphId(0))
    }

    fn advance(&self, c: char) -> f64 {
        f64::from(self.0.glyph_hor_advance(self.glyph(c)).unwrap_or(0)) / self.units()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_the_letters_that_plots_use() {
        let font = Font::load();
        let used =
            "ABCXYZabcxyz0123456789 -_/.,:()[]+=%\u{2212}\u{2026}\u{2013}\u{b1}\u{3b3}\u{3bb}";
        assert!(used.chars().all(|c| font.glyph(c) != GlyphId(0)));
        assert_eq!(font.glyph('\u{4e2d}'), GlyphId(0));
    }

    /// DejaVu Sans: 2048 units per em, a digit is 1303 units wide.
    #[test]
    fn digits_have_their_published_width() {
        let font = Font::load();
        assert_eq!(font.width("00", 10.0), 2.0 * 1303.0 / 2048.0 * 10.0);
    }

    #[test]
    fn fit_shortens_only_what_is_too_long() {
        let font = Font::load();
        assert_eq!(font.fit("CartPole-v1", 10.0, 500.0), "CartPole-v1");
        let short = font.fit("CartPole-v1", 10.0, 40.0);
        assert!(short.ends_with('\u{2026}') && font.width(&short, 10.0) <= 40.0, "{short}");
    }
}
