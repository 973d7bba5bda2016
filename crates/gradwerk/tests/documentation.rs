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

/// Every page with its path: those in the root and those in docs/.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    for folder in [root(), root().join("docs")] {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths.extend(entries.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    paths.sort();
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
        let name = path.file_name().unwrap().to_str().unwrap();
        let linked = summary.contains(&format!("({name})"))
            || summary.contains(&format!("(../{name})"))
            || name == "SUMMARY.md";
        assert!(linked, "docs/SUMMARY.md lacks {name}");
    }
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
