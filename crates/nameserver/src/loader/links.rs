//! What a path goes through: every name on the way to a file whose change makes the path mean another.
//!
//! Lists are often swapped not by a rename of the file but of a link to its folder (`current` to the
//! newest release, `..data` in a Kubernetes volume). The folder of the new file was never watched then,
//! and in that of the old one nothing happens. So a path is followed as the kernel follows it, and each
//! link on the way is a place to watch, as is the end: the file, or the first name that is not there.
//!
//! Reads the file system and changes nothing; what is done with the places is in `watch`.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// A name in a folder. The folder's path has no links in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The folder.
    pub(super) folder: PathBuf,
    /// The name there: of a link, of the file, or of what is missing.
    pub(super) name: OsString,
}

/// The places by which a path reaches its file now, in the order in which they are met.
pub(super) fn places(path: &Path) -> Vec<Place> {
    let mut way =
        Way { folder: PathBuf::from("."), places: Vec::new(), left: Vec::new(), links: 0 };
    way.insert(path);
    while let Some(step) = way.left.pop() {
        if !way.go(step) {
            break;
        }
    }
    way.places
}

/// A path that is being followed.
struct Way {
    /// Where we are.
    folder: PathBuf,
    /// What was met.
    places: Vec<Place>,
    /// What is left of the path, the next step last.
    left: Vec<Step>,
    /// How many links were followed.
    links: u32,
}

/// A part of a path.
enum Step {
    /// To the root folder.
    Root,
    /// To the folder above.
    Up,
    /// To what has this name.
    Down(OsString),
}

impl Way {
    /// Puts a path before what is left.
    fn insert(&mut self, path: &Path) {
        let steps = path.components().filter_map(|component| match component {
            Component::RootDir => Some(Step::Root),
            Component::ParentDir => Some(Step::Up),
            Component::Normal(name) => Some(Step::Down(name.to_owned())),
            Component::CurDir | Component::Prefix(_) => None,
        });
        self.left.extend(steps.collect::<Vec<_>>().into_iter().rev());
    }

    /// Takes a step; whether there is a way on.
    fn go(&mut self, step: Step) -> bool {
        match step {
            Step::Root => self.folder = PathBuf::from("/"),
            Step::Up => self.up(),
            Step::Down(name) => return self.down(&name),
        }
        true
    }

    /// Goes to the folder above, of which a path without links tells by itself.
    fn up(&mut self) {
        match self.folder.components().next_back() {
            Some(Component::Normal(_)) => {
                self.folder.pop();
                if self.folder.as_os_str().is_empty() {
                    self.folder.push(".");
                }
            }
            Some(Component::RootDir) => {}
            Some(_) | None => self.folder.push(".."),
        }
    }

    /// Goes to what has a name here.
    fn down(&mut self, name: &OsStr) -> bool {
        let path = self.folder.join(name);
        let target = std::fs::read_link(&path).ok();
        if target.is_some() || self.left.is_empty() || !path.is_dir() {
            self.places.push(Place { folder: self.folder.clone(), name: name.to_owned() });
        }
        match target {
            Some(target) => {
                self.links += 1;
                self.insert(&target);
                self.links <= MOST_LINKS
            }
            None => {
                self.folder = path;
                self.folder.is_dir()
            }
        }
    }
}

/// The kernel follows no more (`path_resolution(7)`).
const MOST_LINKS: u32 = 40;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with links of all kinds; `to` is where each leads.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["releases/1", "links"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join("releases/1/list"), "").unwrap();
        for (link, to) in [
            ("current", "releases/1"),
            ("links/up", "../current"),
            ("links/list", "up/./list"),
            ("links/absent", "../absent/list"),
            ("loop", "loop"),
        ] {
            symlink(to, root.join(link)).unwrap();
        }
        symlink(root.join("current"), root.join("absolute")).unwrap();
        (folder, root)
    }

    #[test]
    fn every_link_and_the_end_are_places() {
        let (_folder, root) = folder();
        let check = |path: &str, expect: &[&str]| {
            let found: Vec<_> =
                places(&root.join(path)).iter().map(|p| p.folder.join(&p.name)).collect();
            let expect: Vec<_> = expect.iter().map(|path| root.join(path)).collect();
            assert_eq!(found, expect, "{path}");
        };
        check("releases/1/list", &["releases/1/list"]);
        check("releases/../releases/1/list", &["releases/1/list"]);
        check("current/list", &["current", "releases/1/list"]);
        check("absolute/list", &["absolute", "current", "releases/1/list"]);
        check("links/list", &["links/list", "links/up", "current", "releases/1/list"]);
        check("links/absent", &["links/absent", "absent"]);
        check("absent/folder/list", &["absent"]);
        check("releases/1/list/below", &["releases/1/list"]);
        assert_eq!(places(&root.join("loop/list")).len(), MOST_LINKS as usize + 1, "it ends");
    }

    #[test]
    fn relative_paths_stay_relative() {
        let check = |path: &str, folder: &str, name: &str| {
            let place = Place { folder: folder.into(), name: name.into() };
            assert_eq!(places(Path::new(path)), [place], "{path}");
        };
        check("absent", ".", "absent");
        check("./absent/list", ".", "absent");
        check("../absent", "./..", "absent");
        check("src/../src/absent", "./src", "absent");
    }
}
