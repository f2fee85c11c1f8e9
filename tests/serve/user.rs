//! `user = …`: what the server writes is made for the user it becomes, and what cannot be is told with
//! the command that makes it. Only root can become another user.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use crate::dns::listed;
use crate::process::{Place, Served};

/// A folder that all may enter, with a list; `None` if this is not root.
fn place() -> Option<Place> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return None;
    }
    let place = Place::new();
    fs::set_permissions(place.path(""), Permissions::from_mode(0o755)).unwrap();
    place.write("a.txt", "192.0.2.1\n");
    Some(place)
}

/// The configuration of a server that becomes nobody, with these keys of `[server]` and a query log.
fn config(place: &Place, keys: &str, log: &str) -> String {
    let server = format!("[server]\nuser = \"nobody\"\ngroup = \"{NOBODY}\"\n{keys}\n");
    let config = place.config("addresses", &["a.txt"]).replace("[server]\n", &server);
    let config = config.replace("\"data\"", "\"new/data\"");
    match log {
        "" => config,
        log => {
            format!("{config}[nameserver.query-log]\nqueries = \"all\"\ndestination = \"{log}\"\n")
        }
    }
}

/// Runs the command that a message names between backticks.
fn follow(place: &Place, message: &str) {
    let command = message.split('`').find(|part| part.contains(" nobody")).expect(message);
    let mut words = command.split(' ');
    let mut command = Command::new(words.next().unwrap());
    assert!(command.args(words).current_dir(place.path("")).status().unwrap().success());
}

#[test]
fn what_is_missing_is_made_for_the_user_and_what_is_there_stays_whose_it_is() {
    let Some(place) = place() else { return };
    fs::create_dir(place.path("run")).unwrap();
    let config = config(&place, "control = \"run/repute/control\"", "logs/queries");
    let server = Served::start(&place, &config);
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    let (code, shown) = server.run(&["reload"]);
    assert_eq!(code, 0, "{shown}");
    let owner = |path: &str| {
        let file = fs::metadata(place.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        (file.uid(), file.gid())
    };
    for made in [
        "new",
        "new/data",
        "new/data/feeds",
        "new/data/zones",
        "new/data/zones/bl.example.snapshot",
        "run/repute",
        "run/repute/control",
        "logs",
        "logs/queries",
    ] {
        assert_eq!(owner(made), (NOBODY, NOBODY), "{made}");
    }
    for found in ["", "run", "a.txt"] {
        assert_eq!(owner(found), (0, 0), "{found}");
    }
    server.kill();

    // And again with all of it there, as after a restart.
    let server = Served::start(&place, &config);
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
}

/// The configuration is checked by the rule that the server follows.
#[test]
fn a_checked_configuration_is_not_warned_of_what_the_start_will_make() {
    let Some(place) = place() else { return };
    place.write("file", "");
    let warning = "cannot be made there";
    let check = |config: &str| {
        place.write("checked.toml", config);
        let command = &["config", "check", "--config", "checked.toml"];
        let output = place.command(command).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let made = config(&place, "", "logs/new/queries");
    assert_eq!(check(&made), "");
    // Without a user nobody makes the folder, and nobody makes one below a file.
    let kept = made.replace("user = \"nobody\"\n", "").replace("group =", "#");
    for (config, starts) in
        [(&made, true), (&kept, false), (&config(&place, "", "file/queries"), false)]
    {
        assert_eq!(check(config).contains(warning), !starts, "{config}");
        if starts {
            Served::start(&place, config).kill();
            fs::remove_dir_all(place.path("logs")).unwrap();
        } else {
            let (code, shown) = place.fails(config);
            assert_eq!(code, 2, "{shown}");
            assert!(shown.contains("query log"), "{shown}");
        }
    }
}

#[test]
fn what_the_user_may_not_write_is_told_with_the_command_that_helps() {
    let Some(place) = place() else { return };
    let fails = |config: &str, expect: &str| {
        let (code, shown) = place.fails(config);
        assert_eq!(code, 2, "{shown}");
        assert!(shown.contains("user `nobody` cannot"), "{shown}");
        assert!(shown.contains(expect), "{shown}");
        assert_eq!(shown.trim_end().lines().count(), 1, "{shown}");
        shown
    };
    // Of root's from before: it is not ours to give away.
    for folder in ["new", "new/data", "new/data/zones", "run", "logs"] {
        fs::create_dir(place.path(folder)).unwrap();
    }
    let data = config(&place, "", "");
    let install = format!("`install -d -o nobody -g {} ", group());
    let shown = fails(&data, &format!("{install}new/data new/data/zones`"));
    follow(&place, &shown);
    let server = Served::start(&place, &data);
    assert!(listed(server.dns, "1.2.0.192.bl.example"));
    assert_eq!(server.reload().0, 0);
    assert!(place.path("new/data/zones/bl.example.snapshot").exists());
    server.stop();

    let control = config(&place, "control = \"run/control\"", "");
    let shown = fails(&control, "set `control = \"run/repute/control\"`");
    follow(&place, &shown);
    let control = control.replace("run/control", "run/repute/control");
    Served::start(&place, &control).kill();

    let log = config(&place, "", "logs/queries");
    place.write("logs/queries", "");
    let shown = fails(&log, &format!("`chown nobody:{} logs/queries`", group()));
    follow(&place, &shown);
    Served::start(&place, &log).kill();

    let shut = Permissions::from_mode(0o700);
    fs::set_permissions(place.path("new"), shut).unwrap();
    fails(&data, "`chmod o+x new`");
}

/// The name of nobody's group, which systems disagree about.
fn group() -> String {
    let group = nix::unistd::Group::from_gid(NOBODY.into()).unwrap();
    group.map_or_else(|| NOBODY.to_string(), |group| group.name)
}

/// Nobody's number, and that of his group.
const NOBODY: u32 = 65_534;
