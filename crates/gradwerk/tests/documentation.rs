//! The pages for people say what the program says: links lead somewhere, lists are complete, and
//! configurations in them can be used.

use gradwerk::algo::ALGORITHMS;
use gradwerk::dist::DISTRIBUTIONS;
use gradwerk::estimate::{BASELINES, ESTIMATORS};
use gradwerk::layers::schema::{Form, Node};
use gradwerk::layers::{Schema, Sources};
use gradwerk::{Config, env};
use gradwerk_nn::{Activation, NETWORKS, OPTIMIZERS};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

/// Folders with pages.
const FOLDERS: [&str; 4] = ["", "docs", "docs/lecture", "benchmarks/results"];

/// Every page with its path.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<_> = FOLDERS.into_iter().flat_map(files).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "md"));
    let read = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).unwrap());
    paths.into_iter().map(read).collect()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The targets of `[text](target)` outside code blocks.
fn links(text: &str) -> Vec<&str> {
    let mut code = false;
    let prose = text.lines().filter(|line| {
        code ^= line.starts_with("```");
        !code
    });
    let after = prose.flat_map(|line| line.split("](").skip(1));
    after.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

#[test]
fn links_to_files_lead_somewhere() {
    let mut found = 0;
    for (path, text) in pages() {
        let files = links(&text).into_iter().filter(|l| !l.contains("://") && !l.starts_with('#'));
        for link in files {
            let file = link.split('#').next().unwrap_or(link);
            let target = path.parent().unwrap().join(file);
            assert!(target.exists(), "{}: {link} does not exist", path.display());
            found += 1;
        }
    }
    assert!(found > 50, "only {found} links found");
}

#[test]
fn the_book_has_every_page() {
    let summary = page("docs/SUMMARY.md");
    for (path, _) in pages() {
        let inside = path.strip_prefix(root().join("docs"));
        let link = match (inside, path.strip_prefix(root())) {
            (Ok(page), _) => format!("({})", page.display()),
            (_, page) => format!("(../{})", page.unwrap().display()),
        };
        let linked = summary.contains(&link) || link == "(SUMMARY.md)";
        assert!(linked, "docs/SUMMARY.md lacks {link}");
    }
}

#[test]
fn every_figure_is_shown() {
    let pages = pages();
    let figures = files("docs/figures");
    assert!(!figures.is_empty());
    for figure in figures {
        let link = format!("figures/{})", figure.file_name().unwrap().to_str().unwrap());
        assert!(pages.iter().any(|(_, text)| text.contains(&link)), "no page shows {link}");
    }
}

/// The filters of `gradwerk verify` that pages name find rows.
#[test]
fn filters_in_pages_match_rows() {
    let names: Vec<String> = gradwerk::verify::cases().iter().map(|case| case.name()).collect();
    let mut tried = 0;
    for (path, text) in pages() {
        for rest in text.split("verify --filter \"").skip(1) {
            let filter = rest.split('"').next().unwrap_or(rest);
            let words: Vec<&str> = filter.split_whitespace().collect();
            let found = names.iter().any(|name| words.iter().all(|w| name.contains(w)));
            assert!(found, "{}: no row matches `{filter}`", path.display());
            tried += 1;
        }
    }
    assert!(tried > 5, "only {tried} filters found");
}

#[test]
fn lists_are_complete() {
    let envs: Vec<&str> = env::registry::all().iter().map(|env| env.id()).collect();
    let lists: [(&str, Vec<&str>); 4] = [
        ("docs/environments.md", envs),
        ("docs/algorithms.md", ALGORITHMS.iter().map(|algo| algo.name).collect()),
        (
            "docs/estimators.md",
            ESTIMATORS.iter().map(|e| e.name).chain(BASELINES.iter().map(|b| b.name)).collect(),
        ),
        (
            "README.md",
            ALGORITHMS
                .iter()
                .map(|algo| algo.name)
                .chain(ESTIMATORS.iter().map(|e| e.name))
                .chain(BASELINES.iter().map(|b| b.name))
                .chain(DISTRIBUTIONS.iter().map(|d| d.name))
                .chain(NETWORKS.iter().copied())
                .chain(OPTIMIZERS.iter().copied())
                .chain(Activation::ALL.map(Activation::name))
                .collect(),
        ),
    ];
    for (name, entries) in lists {
        let text = page(name);
        for entry in entries {
            assert!(text.contains(entry), "{name} does not mention {entry}");
        }
    }
}

/// Facts about environments that the table repeats: time limit and threshold.
#[test]
fn limits_and_thresholds_are_those_of_the_environments() {
    let text = page("docs/environments.md");
    for env in env::registry::all().iter().filter(|env| !env.id().starts_with("probe/")) {
        let row = text.lines().find(|line| line.starts_with(&format!("| {} ", env.id()))).unwrap();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        // | name | observation | action | reward | ends | limit | solved |
        let (limit, solved) = (cells[6], cells[7]);
        let limit = (limit != "none").then(|| limit.parse().unwrap());
        assert_eq!(limit, env.default_time_limit(), "{}", env.id());
        match env.solved_at() {
            Some(at) => assert_eq!(solved.parse::<f64>().unwrap(), at, "{}", env.id()),
            None => assert!(solved.starts_with("none"), "{}: {solved}", env.id()),
        }
    }
}

/// Names of a section's settings, whatever its kind; none of a plain setting.
fn keys<'a>(node: Node<'a>) -> Vec<&'a str> {
    match node.forms().into_iter().next() {
        Some(Form::Table(fields)) => fields.into_iter().map(|field| field.0).collect(),
        Some(Form::Tagged(tag, variants)) => {
            let fields = variants.into_iter().flat_map(|(_, node)| node.properties());
            std::iter::once(tag).chain(fields.map(|field| field.0)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_setting_is_explained() {
    let schema = Schema::of::<Config>();
    let text = page("docs/configuration.md") + &page("docs/algorithms.md");
    let mut settings = 0;
    for (section, node) in schema.root().properties() {
        let named = [format!("`{section}`"), format!("`[{section}]`")];
        assert!(named.iter().any(|n| text.contains(n)), "{section} is not explained");
        for key in keys(node) {
            let named = [format!("`{key}`"), format!("`{section}.{key}`"), format!("`{key} = ")];
            assert!(named.iter().any(|n| text.contains(n)), "{section}.{key} is not explained");
            settings += 1;
        }
    }
    assert!(settings > 40, "only {settings} settings found");
}

#[test]
fn configurations_in_pages_can_be_used() {
    let mut tried = 0;
    for (path, text) in pages() {
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap_or(block);
            let mut sources = Sources::new();
            sources.text(block, &path.display().to_string()).unwrap();
            sources.resolve().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            tried += 1;
        }
    }
    assert!(tried > 0, "no configuration found");
}
