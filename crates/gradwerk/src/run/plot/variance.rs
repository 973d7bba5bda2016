//! The variance of estimates against the size of the batch.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::panel::{Line, Panel, Style, distinct, sheet};
use super::{PlotError, Scale, Scene};

/// What the picture needs of a row of a report of `gradwerk verify --json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Reported {
    /// Everything that tells it apart.
    pub name: String,
    /// The problem, with which the name begins.
    pub problem: String,
    /// Size of the batch and variance.
    #[serde(deserialize_with = "points")]
    pub batches: Vec<(f64, f64)>,
}

/// The batches whose variance can be drawn on a logarithmic axis.
fn points<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<(f64, f64)>, D::Error> {
    #[derive(Deserialize)]
    struct Batch {
        n: f64,
        variance: Option<f64>,
    }
    let drawn = |b: &Batch| Some((b.n, b.variance.filter(|v| *v > 0.0)?));
    Ok(Vec::<Batch>::deserialize(from)?.iter().filter_map(drawn).collect())
}

impl Reported {
    /// The rows whose names have all words of `filter`.
    ///
    /// # Errors
    /// [`PlotError::Report`], [`PlotError::NoRows`].
    pub fn read(report: &Path, filter: &str) -> Result<Vec<Self>, PlotError> {
        #[derive(Deserialize)]
        struct Report {
            rows: Vec<Reported>,
        }
        let unread = |why: String| PlotError::Report { path: report.to_owned(), why };
        let text = fs::read_to_string(report).map_err(|e| unread(e.to_string()))?;
        let Report { rows } = serde_json::from_str(&text).map_err(|e| unread(e.to_string()))?;
        let words: Vec<&str> = filter.split_whitespace().collect();
        let wanted = |row: &Self| words.iter().all(|w| row.name.contains(w));
        let rows: Vec<_> =
            rows.into_iter().filter(|row| !row.batches.is_empty() && wanted(row)).collect();
        if rows.is_empty() { Err(PlotError::NoRows(filter.to_owned())) } else { Ok(rows) }
    }
}

/// A panel per problem, a line per row.
#[must_use]
pub fn figure(rows: &[Reported]) -> Scene {
    let problems = distinct(rows.iter().map(|row| row.problem.as_str()));
    let of = |problem: &&str| -> Vec<&Reported> {
        rows.iter().filter(|row| row.problem == *problem).collect()
    };
    let groups: Vec<Vec<&Reported>> = problems.iter().map(of).collect();
    let names: Vec<Vec<String>> = groups.iter().map(|group| short_names(group)).collect();
    let known = distinct(names.iter().flatten().map(String::as_str));
    let panels = groups.iter().zip(&names).map(|(group, names)| panel(group, names, &known));
    sheet(&panels.collect::<Vec<_>>(), None)
}

/// The names without the words that all of them have.
fn short_names(rows: &[&Reported]) -> Vec<String> {
    let words = |row: &Reported| row.name.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let shared = |word: &String| rows.iter().all(|row| words(row).contains(word));
    let own = |row: &&Reported| words(row).into_iter().filter(|w| !shared(w)).collect::<Vec<_>>();
    match rows {
        [row] => vec![row.name.clone()],
        _ => rows.iter().map(|row| own(row).join(" ")).collect(),
    }
}

fn panel(rows: &[&Reported], names: &[String], known: &[&str]) -> Panel {
    let points = || rows.iter().flat_map(|row| row.batches.iter());
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), v| (low.min(v), high.max(v)))
    };
    let (first, last) = ends(&mut points().map(|p| p.0));
    let (low, high) = ends(&mut points().map(|p| p.1));
    let line = |(row, name): (&&Reported, &String)| {
        let style = Style::nth(known.iter().position(|k| k == name).unwrap_or(0)).dotted();
        Line::through(Some(name.clone()), &row.batches, style)
    };
    let shared = rows[0].name.split_whitespace().filter(|word| {
        rows.len() > 1 && rows.iter().all(|row| row.name.split_whitespace().any(|w| w == *word))
    });
    Panel {
        title: match shared.collect::<Vec<_>>().join(" ") {
            shared if shared.is_empty() => rows[0].problem.clone(),
            shared => shared,
        },
        axis_titles: ["trajectories per batch, N".into(), "variance of the estimate".into()],
        scales: Some([Scale::log(first, last, 2.0), Scale::log(0.8 * low, 1.25 * high, 10.0)]),
        lines: rows.iter().zip(names).map(line).collect(),
        goal: None,
        empty: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, batches: &[(f64, f64)]) -> Reported {
        Reported { name: name.into(), problem: "fork".into(), batches: batches.to_vec() }
    }

    #[test]
    fn names_keep_what_tells_rows_apart() {
        let rows = [row("fork table gae value", &[]), row("fork table reward-to-go none", &[])];
        assert_eq!(short_names(&rows.each_ref()), ["gae value", "reward-to-go none"]);
        assert_eq!(short_names(&[&rows[0]]), ["fork table gae value"]);
    }

    #[test]
    fn a_report_is_read_and_filtered() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        let batch = r#"{"n": 2, "bias": 0.5, "variance": 3.5}, {"n": 4, "variance": null}"#;
        let row = |name: &str, batch: &str| {
            format!(r#"{{"name": "{name}", "problem": "fork", "batches": [{batch}]}}"#)
        };
        let rows = [row("fork gae", batch), row("fork n-step", batch), row("fork sampler", "")];
        std::fs::write(&file, format!(r#"{{"rows": [{}]}}"#, rows.join(", "))).unwrap();
        let read = |filter: &str| Reported::read(&file, filter);
        assert_eq!(read("").unwrap().len(), 2, "a row without a variance is not drawn");
        let found = read("fork n-step").unwrap();
        assert_eq!((found.len(), &found[0].batches[..]), (1, &[(2.0, 3.5)][..]));
        assert!(read("taxi").unwrap_err().to_string().ends_with("matches `taxi`"));
        std::fs::write(&file, "{}").unwrap();
        let error = read("").unwrap_err().to_string();
        assert!(error.contains("not a report of gradwerk verify --json: missing field `rows`"));
    }
}
