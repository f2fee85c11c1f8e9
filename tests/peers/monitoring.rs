//! The manual's chapter on monitoring, as it stands there: Nagios, Icinga and cron run what it tells them, by way of
//! Unbound, with all the lists that are asked by default; Repute serves those.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::check_rbl::start_unbound;
use crate::daemon::Daemon;
use crate::list_server::{ListServer, REPUTE, start_list_server};
use crate::network::{cover, on_private_network, resolve_with_loopback, run};

/// Lists, a resolver, and how many block lists an address is looked up in.
struct Lists {
    /// The list server, in whose folder the test's files may lie.
    server: ListServer,
    /// The resolver.
    _unbound: Daemon,
    /// How many block lists of addresses are asked.
    count: usize,
}

impl Lists {
    /// Serves every list that is asked by default; 192.0.2.25 is on one of them.
    fn start() -> Lists {
        let shown = run(REPUTE, &["check", "--lists", "--json"]);
        let rows: Vec<Value> =
            shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let asked: Vec<&Value> = rows.iter().filter(|row| row["asked"] == true).collect();
        let zone = |row: &&Value| row["zone"].as_str().expect("a zone").to_owned();
        let zones: Vec<String> = asked.iter().map(zone).collect();
        let is_counted = |row: &&&Value| {
            row["polarity"] == "block"
                && row["kind"].as_str().is_some_and(|kind| kind.contains("ipv4"))
        };
        let count = asked.iter().filter(is_counted).count();
        let list = |zone: &str| match zone {
            "bl.spamcop.net" => "192.0.2.25 :2:see https://www.spamcop.net/bl.shtml?$\n",
            _ => "203.0.113.9 :2:somebody else\n",
        };
        let served: Vec<(&str, &str)> = zones.iter().map(|zone| (&**zone, list(zone))).collect();
        let server = start_list_server(&served);
        resolve_with_loopback(server.folder());
        let names: Vec<&str> = zones.iter().map(String::as_str).collect();
        let _unbound = start_unbound(server.folder(), &names);
        Lists { server, _unbound, count }
    }

    /// What the plugin says of the listed address.
    fn line(&self) -> String {
        format!("REPUTE WARNING - 192.0.2.25 is on 1 of {} lists: bl.spamcop.net", self.count)
    }

    /// A file of the manual in the test's folder, with our program where the system's is meant.
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.server.folder().join(name);
        fs::write(&path, text.replace("/usr/bin/repute", REPUTE)).expect("the folder is writable");
        path.to_string_lossy().into_owned()
    }
}

/// The block of the manual in this language.
fn block(language: &str) -> &'static str {
    let fence = format!("\n```{language}\n");
    let (_, rest) = MANUAL.split_once(&fence).expect("the manual has such a block");
    let (text, rest) = rest.split_once("```\n").expect("the block ends");
    assert!(!rest.contains(&fence), "there is one such block");
    text
}

#[test]
fn nagios_runs_it() {
    on_private_network(|| {
        let lists = Lists::start();
        lists.write("lists.cfg", block("nagios"));
        let folder = lists.server.folder().to_string_lossy().into_owned();
        let config = lists.write("nagios.cfg", &NAGIOS.replace("FOLDER", &folder));
        let verified = run("nagios4", &["-v", &config]);
        assert!(verified.contains("Total Errors:   0"), "{verified}");

        let _nagios = Daemon::start(Command::new("nagios4").arg(&config));
        let status = wait_for_status(&lists.server.folder().join("status.dat"));
        assert!(status.contains("\tcurrent_state=1\n"), "{status}");
        assert!(status.contains(&format!("\tplugin_output={}\n", lists.line())), "{status}");
        assert!(
            status.contains("\tlong_plugin_output=listed: 192.0.2.25 by bl.spamcop.net: 127.0.0.2"),
            "{status}"
        );
        let count = lists.count;
        let perfdata = format!(" asked={count} answered={count} dead=0 errors=0 allowed=0\n");
        assert!(status.contains("\tperformance_data=servers=1;0;1 time=0."), "{status}");
        assert!(status.contains(&perfdata), "{status}");
    });
}

/// Waits until Nagios has written down what the service said, which it does once a second.
fn wait_for_status(path: &Path) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        let service = text.split_once("servicestatus {").map_or("", |(_, service)| service);
        if service.contains("plugin_output=REPUTE") {
            return service.to_owned();
        }
        assert!(Instant::now() < deadline, "no status of the service: {text}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn icinga_runs_it() {
    on_private_network(|| {
        let lists = Lists::start();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        // Icinga puts a first check off for up to a minute, but not for longer than the interval; and what it
        // finds before it has a connection nobody hears.
        let seldom = ["check_interval = 1h", "retry_interval = 10m"];
        let text = seldom.iter().fold(block("icinga").to_owned(), |text, line| {
            assert!(text.contains(line), "{line}");
            let (name, _) = line.split_once('=').expect("a key");
            text.replace(line, &format!("{name}= 1s"))
        });
        lists.write("lists.conf", &text);
        let config = lists.write("icinga2.conf", &ICINGA.replace("PORT", &port.to_string()));
        let folder = lists.server.folder().to_string_lossy().into_owned();
        let mut arguments = vec!["daemon".to_owned(), "-c".to_owned(), config];
        for constant in ["ConfigDir", "DataDir", "LogDir", "InitRunDir", "CacheDir", "SpoolDir"] {
            arguments.push(format!("-D{constant}={folder}"));
        }
        arguments.extend(["-DRunAsUser=root".to_owned(), "-DRunAsGroup=root".to_owned()]);

        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let verified = run("icinga2", &[&arguments[..], &["-C"]].concat());
        assert!(verified.contains("Finished validating the configuration file(s)."), "{verified}");
        let _icinga = Daemon::start(Command::new("icinga2").args(&arguments));
        let (stream, _) = listener.accept().expect("Icinga sends what it finds");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit can be set");
        let mut stream = BufReader::new(stream);
        let message = loop {
            let message = next_message(&mut stream);
            if message["_service_name"] == "block lists" && message["_state"].is_string() {
                break message;
            }
        };
        assert_eq!(message["_state"], "WARNING", "{message}");
        let line = message["short_message"].as_str().expect("a text");
        assert_eq!(line.trim_end(), lists.line());
        let full = message["full_message"].as_str().expect("a text");
        assert!(full.contains("listed: 192.0.2.25 by bl.spamcop.net: 127.0.0.2"), "{message}");
        assert_eq!(message["_servers"], 1, "{message}");
        assert_eq!(message["_asked"], lists.count, "{message}");
    });
}

/// The next message of a stream of JSON objects with a zero behind each.
fn next_message(stream: &mut impl BufRead) -> Value {
    let mut message = Vec::new();
    stream.read_until(0, &mut message).expect("Icinga sends");
    message.pop();
    serde_json::from_slice(&message).expect("JSON")
}

#[test]
fn cron_mails_only_what_is_to_be_said() {
    on_private_network(|| {
        let lists = Lists::start();
        let folder = lists.server.folder();
        std::os::unix::fs::symlink(REPUTE, folder.join("repute")).expect("the folder is writable");
        let line = block("cron").lines().find(|line| line.contains("repute")).expect("a job");
        let job = line.splitn(6, ' ').last().expect("a command behind five fields").trim();
        assert!(job.contains("mail.example") && !job.contains('%'), "cron ends a command at %");
        let run = |job: &str| {
            let path = format!("{}:/usr/bin:/bin", folder.display());
            let mut command = Command::new("/bin/sh");
            command.args(["-c", job]).env("PATH", path).env("HOME", folder);
            let Output { stdout, stderr, .. } = command.output().expect("there is a shell");
            String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()
        };
        let mail = run(job);
        assert!(
            mail.contains(&format!("192.0.2.25 is listed by 1 of {} lists\n", lists.count)),
            "{mail}"
        );
        assert!(mail.contains("see https://www.spamcop.net/bl.shtml?192.0.2.25"), "{mail}");
        assert_eq!(run(&job.replace("mail.example", "clean.example")), "", "no mail");
        let mail = run(&job.replace("mail.example", "nosuch.invalid"));
        assert!(mail.contains("nosuch.invalid: no such host"), "{mail}");
    });
}

/// What a daemon starts often has no variable for its home.
#[test]
fn what_was_learned_is_kept_in_the_home_of_the_user() {
    on_private_network(|| {
        cover("/root");
        let mut command = Command::new(REPUTE);
        command.args(["check", "--monitoring", "--host", "192.0.2.25", "--timeout", "1"]);
        command.args(["--list", "dead.example@127.0.0.1:9"]).env_clear();
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
        let kept = fs::read_to_string("/root/.cache/repute/health.json").expect("it is kept");
        assert!(kept.contains("dead.example 127.0.0.1:9"), "{kept}");
    });
}

/// How long a program may take for what it always does: long enough for a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);
/// The manual's chapter.
const MANUAL: &str = include_str!("../../doc/monitoring.md");
/// Nagios with Debian's templates, as the manual's text stands beside them, and all files in the test's folder.
const NAGIOS: &str = "\
cfg_file=/etc/nagios4/objects/templates.cfg
cfg_file=/etc/nagios4/objects/commands.cfg
cfg_file=/etc/nagios4/objects/contacts.cfg
cfg_file=/etc/nagios4/objects/timeperiods.cfg
cfg_file=FOLDER/lists.cfg
resource_file=/etc/nagios4/resource.cfg
log_file=FOLDER/nagios.log
object_cache_file=FOLDER/objects.cache
precached_object_file=FOLDER/objects.precache
status_file=FOLDER/status.dat
lock_file=FOLDER/lock
command_file=FOLDER/command
query_socket=FOLDER/query
temp_file=FOLDER/temporary
temp_path=FOLDER
check_result_path=FOLDER
nagios_user=root
nagios_group=root
check_external_commands=0
enable_notifications=0
retain_state_information=0
status_update_interval=1
service_inter_check_delay_method=n
illegal_macro_output_chars=`~$&|'\"<>
";
/// Icinga with what runs checks, and what tells of them.
const ICINGA: &str = "\
include <itl>
const NodeName = \"monitor.example\"
object Endpoint NodeName { }
object Zone \"monitor\" { endpoints = [ NodeName ] }
object CheckerComponent \"checker\" { }
object GelfWriter \"told\" {
  host = \"127.0.0.1\"
  port = PORT
  enable_send_perfdata = true
}
include \"lists.conf\"
";
