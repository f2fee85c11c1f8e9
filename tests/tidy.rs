//! What no compiler holds: crate arrows, dependencies and their licences, documentation of files and
//! of configuration keys.
//!
//! What ARCHITECTURE.md says is compared with what `cargo metadata` finds, so that the page cannot lie.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What cargo knows of the workspace and of all it is built from on Linux.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

/// The text of a JSON value.
fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// The elements of a JSON value.
fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

#[test]
fn crate_arrows_are_those_of_the_architecture() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = page
        .lines()
        .skip_while(|line| !line.starts_with("| crate | may use |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table {
        let mut cells = row.trim_matches('|').split('|').map(words);
        let names = cells.next().expect("a crate");
        let uses = cells.next().expect("what it may use").into_iter().collect();
        allowed.insert(names.into_iter().next().expect("a crate's name"), uses);
    }
    let metadata = metadata();
    let members: BTreeSet<&str> = list(&metadata["workspace_members"]).iter().map(text).collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in list(&metadata["packages"]) {
        if !members.contains(text(&package["id"])) {
            continue;
        }
        let own = list(&package["dependencies"])
            .iter()
            .filter(|d| d["kind"].is_null() && d["source"].is_null())
            .map(|d| short(text(&d["name"])).to_owned());
        found.insert(short(text(&package["name"])).to_owned(), own.collect());
    }
    assert_eq!(found, allowed, "left: Cargo.toml, right: ARCHITECTURE.md");
}

/// The words in backticks of a table cell.
fn words(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A package's name without the product's.
fn short(name: &str) -> &str {
    name.strip_prefix("repute-").unwrap_or(name)
}

#[test]
fn no_banned_crate_is_built() {
    let metadata = metadata();
    let banned = ["openssl-sys", "native-tls", "aws-lc-sys", "aws-lc-rs"];
    for package in resolved(&metadata) {
        let name = text(&package["name"]);
        assert!(!banned.contains(&name), "{name} is built; `cargo tree -i {name}` tells why");
    }
}

#[test]
fn every_licence_allows_what_ours_allows() {
    let metadata = metadata();
    for package in resolved(&metadata) {
        let name = text(&package["name"]);
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(is_permissive(licence), "{name} has licence {licence}");
    }
}

/// The packages that are built, tests included.
fn resolved(metadata: &Value) -> impl Iterator<Item = &Value> {
    let nodes: BTreeSet<&str> =
        list(&metadata["resolve"]["nodes"]).iter().map(|n| text(&n["id"])).collect();
    list(&metadata["packages"]).iter().filter(move |p| nodes.contains(text(&p["id"])))
}

/// Whether an SPDX expression leaves us a choice among licences we can live with.
fn is_permissive(expression: &str) -> bool {
    const FINE: [&str; 14] = [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "MPL-2.0+",
        "Unicode-3.0",
        "Unlicense",
        "Zlib",
    ];
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    // Of alternatives one must be fine; parts that hold together must all be.
    expression
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|licence| FINE.contains(&licence.trim())))
}

#[test]
fn licence_expressions_are_judged() {
    for (expression, fine) in [
        ("MIT/Apache-2.0", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("GPL-3.0 OR MIT", true),
        ("MIT AND GPL-3.0", false),
        ("none", false),
    ] {
        assert_eq!(is_permissive(expression), fine, "{expression}");
    }
}

#[test]
fn every_file_says_what_it_is() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "crates"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "files are found");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let said = first.strip_prefix("//! ").is_some_and(|words| words.len() > 10)
            || (first.starts_with("#!") && rest.contains("\n//! "));
        assert!(said, "{} does not open with `//!` and a sentence", file.display());
    }
}

/// All Rust files below a folder.
fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != "target") {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// That the values shown are the defaults is held beside the structs, in `src/config/tests.rs`.
#[test]
fn every_key_of_the_configuration_is_shown_and_explained() {
    let read = |file: &str| fs::read_to_string(root().join("src/config").join(file)).unwrap();
    let source = [
        "authority.rs",
        "catalog.rs",
        "challenge.rs",
        "file.rs",
        "follow.rs",
        "monitor.rs",
        "portal.rs",
        "primary.rs",
        "secondary.rs",
    ]
    .map(read)
    .concat();
    let example = fs::read_to_string(root().join("etc/repute.toml")).unwrap();
    let shown = shown_keys(&example);
    let mut count = 0;
    for (table, key) in written_keys(&source) {
        // A key that is a table of its own is shown by its header.
        let header = [table.as_str(), &key].join(".").trim_start_matches('.').to_owned();
        if shown.contains_key(&(header, String::new())) {
            continue;
        }
        let explained = shown.get(&(table.clone(), key.clone()));
        assert!(explained.is_some(), "etc/repute.toml does not show `{key}` of [{table}]");
        assert!(explained.is_some_and(|e| *e), "nothing explains `{key}` of [{table}]");
        count += 1;
    }
    assert!(count > 50, "only {count} keys are found");
}

#[test]
fn every_key_of_a_list_is_shown_and_explained() {
    let source = fs::read_to_string(root().join("crates/lookup/src/catalogue/read.rs")).unwrap();
    let example = fs::read_to_string(root().join("etc/repute.toml")).unwrap();
    let shown = shown_keys(&example);
    let (_, keys) = source.split_once("pub(super) const KEYS").expect("the keys of a list");
    let keys: Vec<&str> =
        keys.split(';').nth(1).expect("an array").split('"').skip(1).step_by(2).collect();
    assert!(keys.len() > 20, "only {keys:?} are found");
    for key in keys {
        let header = shown.get(&(format!("list.{key}"), String::new()));
        let explained = header.or(shown.get(&("list".to_owned(), key.to_owned())));
        assert_eq!(
            explained,
            Some(&true),
            "etc/repute.toml does not show and explain `{key}` of [[list]]"
        );
    }
}

/// Table and key of every field of the structs that are read.
fn written_keys(source: &str) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    let mut table = String::new();
    let mut in_struct = false;
    for line in source.lines() {
        if let Some(doc) = line.strip_prefix("/// `[") {
            let name = doc.split(']').next().unwrap_or_default();
            table = name.trim_start_matches('[').to_owned();
        } else if line.starts_with("/// The whole file") {
            table.clear();
        } else if line.starts_with("pub(crate) struct File") {
            in_struct = true;
        } else if line == "}" {
            in_struct = false;
        } else if let Some(field) = line.strip_prefix("    pub(crate) ")
            && in_struct
            && let Some((name, _)) = field.split_once(": ")
        {
            keys.push((table.clone(), name.replace('_', "-")));
        }
    }
    keys
}

/// Table and key of every line of the annotated file, and whether a comment stands above it; a
/// table itself has an empty key.
fn shown_keys(example: &str) -> BTreeMap<(String, String), bool> {
    let mut keys = BTreeMap::new();
    let mut table = String::new();
    let mut explained = false;
    for line in example.lines() {
        let on = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
        if on.is_empty() {
            explained = false;
        } else if on.starts_with("# ") {
            explained = true;
        } else if on.starts_with('[') {
            table = on.trim_matches(['[', ']']).to_owned();
            keys.insert((table.clone(), String::new()), explained);
        } else if let Some((key, _)) = on.split_once(" = ") {
            // Keys that follow one another share the paragraph above them.
            keys.insert((table.clone(), key.to_owned()), explained);
        }
    }
    keys
}
