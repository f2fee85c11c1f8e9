//! The monitor among its own: Prometheus reads its metrics by the manual's own files, Postfix takes its
//! mail, and a browser shows its pages.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::daemon::Daemon;
use crate::list_server::{ADDRESS, PORT, REPUTE, start_list_server};
use crate::network::{on_private_network, run};

#[test]
fn prometheus_takes_the_metrics_and_the_files_of_the_manual() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let lists = start_list_server(&[("bl.example", "192.0.2.7 a \"text\" \\ with signs\n")]);
        let mut watch = monitor(folder.path(), "luzilla = true\n");
        wait_for_metric("dnsbl_queries_total");

        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run promtool: {error}; `./test` installs it"));
        let page = fetch("/metrics");
        promtool.stdin.take().expect("it is piped").write_all(page.as_bytes()).expect("it reads");
        let judged = promtool.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&[judged.stdout, judged.stderr].concat()).into_owned();
        assert!(judged.status.success() && said.is_empty(), "{said}\n{page}");

        let blocks = blocks("yaml");
        let [config, rules] = *blocks else { panic!("the manual has other files: {blocks:?}") };
        fs::write(folder.path().join("repute-rules.yml"), rules).expect("it is writable");
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).expect("it is writable");
        let file = file.to_string_lossy();
        let said = run("promtool", &["check", "config", &file]);
        assert!(said.contains("SUCCESS: 6 rules found"), "{said}");
        // The manual's minutes are long for a test.
        let config = config.replace("scrape_interval: 1m", "scrape_interval: 1s");
        let config = format!("global:\n  evaluation_interval: 1s\n{config}");
        fs::write(&*file, config).expect("it is writable");
        let storage = format!("--storage.tsdb.path={}", folder.path().join("tsdb").display());
        let mut prometheus = Daemon::start(
            Command::new("prometheus")
                .args(["--web.listen-address=127.0.0.1:9090", &storage])
                .arg(format!("--config.file={file}")),
        );
        prometheus.wait_for("Server is ready");
        for (query, expect) in [
            ("dnsbl_listed%7Bcode=%22127.0.0.2%22%7D", "\"192.0.2.7\""),
            ("dnsbl_query_duration_seconds_count", "\"bl.example\""),
            ("luzilla_rbls_ips_blacklisted", "\"192.0.2.7\""),
            ("ALERTS%7Balertname=%22Listed%22%7D", "\"firing\""),
        ] {
            ask_prometheus(query, expect);
        }
        drop(lists);
        watch.wait_for("cannot be used");
    });
}

#[test]
fn postfix_takes_the_news_as_one_mail() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let list = start_list_server(&[("bl.example", "192.0.2.9\n")]);
        let mut sink = Daemon::start(
            Command::new("/usr/sbin/smtp-sink")
                .args(["-u", "root", "-v", "-d", "mail.", "127.0.0.1:2525", "10"])
                .current_dir(folder.path()),
        );
        let mail = "gather = \"5s\"\n[[monitor.channel]]\nname = \"mail\"\n[monitor.channel.smtp]\n\
                    server = \"127.0.0.1\"\nport = 2525\ntls = \"none\"\n\
                    from = \"repute@mail.example\"\nto = [\"postmaster@mail.example\"]\n";
        let mut watch = monitor(folder.path(), mail);
        wait_for_rounds(4);
        list.edit("bl.example", "192.0.2.7\n192.0.2.8\n");
        watch.wait_for("told mail: ");
        sink.wait_for("DATA");
        let mails: Vec<String> = fs::read_dir(folder.path())
            .expect("the folder is there")
            .map(|entry| entry.expect("it is readable").path())
            .filter(|path| {
                path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("mail."))
            })
            .map(|path| fs::read_to_string(path).expect("it is text"))
            .collect();
        let [mail] = &*mails else { panic!("one mail, not {}: {mails:?}", mails.len()) };
        for line in [
            "192.0.2.7 is listed on bl.example",
            "192.0.2.8 is listed on bl.example",
            "192.0.2.9 is no longer listed on bl.example",
        ] {
            assert!(mail.lines().any(|found| found.trim_end() == line), "{line} is not in\n{mail}");
        }
        assert!(mail.contains("X-Rcpt-Args: <postmaster@mail.example>"), "{mail}");
    });
}

#[test]
fn the_pages_are_whole_in_a_browser_and_fit_a_phone() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let text = "192.0.2.7 see <i>https://bl.example/a-very-long-address-without-any-place-to-break-a-line/$</i>\n";
        let lists = [
            ("bl.example", text),
            (
                "a-list-with-a-very-long-name.of-many-labels.for-all-customers.example",
                "192.0.2.9\n",
            ),
        ];
        let _lists = start_list_server(&lists);
        let long = format!(
            "lists = [\"bl.example@{ADDRESS}:{PORT}\", \"{}@{ADDRESS}:{PORT}\"]\n",
            lists[1].0
        );
        let _watch = monitor(folder.path(), &long);
        wait_for_rounds(5);
        for (path, words) in [
            ("/", "2 of 3 targets are listed"),
            ("/target/192.0.2.7", "192.0.2.7 is listed by one list"),
        ] {
            let shown = browse(folder.path(), &["--dump-dom", &format!("{PAGES}{path}")]);
            let page = String::from_utf8_lossy(&shown.stdout);
            assert!(page.contains(words), "`{words}` is not in\n{page}");
            assert!(page.contains("&lt;i&gt;https://"), "{page}");
            assert!(!page.contains("<i>"), "a list's text became a part of the page\n{page}");
            // The browser tells there of what it may not load or run, and what it cannot read.
            let complaints = String::from_utf8_lossy(&shown.stderr);
            assert!(!complaints.contains("CONSOLE"), "{complaints}");

            let screenshot = |name: &str, scheme: &str| {
                let file = folder.path().join(name);
                let to = format!("--screenshot={}", file.display());
                browse(folder.path(), &[scheme, &to, &format!("{PAGES}{path}")]);
                fs::read(file).expect("the browser has written it")
            };
            let night = screenshot("night.png", "--blink-settings=preferredColorScheme=0");
            let day = screenshot("day.png", "--blink-settings=preferredColorScheme=1");
            assert!(night.starts_with(b"\x89PNG") && day.starts_with(b"\x89PNG"));
            assert!(night != day, "the page takes the colours that its reader prefers");

            for width in [320, 390, 768, 1280] {
                let source = serde_json::to_string(&fetch(path)).expect("a text is JSON");
                let wrapper = WRAPPER.replace("WIDTH", &width.to_string()).replace("PAGE", &source);
                let file = folder.path().join("wrapper.html");
                fs::write(&file, wrapper).expect("it is writable");
                let url = format!("file://{}", file.display());
                let shown =
                    browse(folder.path(), &["--virtual-time-budget=5000", "--dump-dom", &url]);
                let shown = String::from_utf8_lossy(&shown.stdout);
                let title = shown.split(['<', '>']).find(|text| text.contains(" more than fit"));
                assert_eq!(title, Some("0 more than fit"), "{path}, {width} pixels wide");
            }
        }
    });
}

#[test]
fn the_configuration_of_the_manual_is_right() {
    on_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder for the test can be made");
        let file = folder.path().join("repute.toml");
        let blocks = blocks("toml");
        let [config] = *blocks else { panic!("the manual has other files: {blocks:?}") };
        fs::write(&file, config).expect("it is writable");
        run(REPUTE, &["config", "check", "--config", &file.to_string_lossy()]);
    });
}

/// Starts a monitor that checks three addresses by `bl.example` every second, or as more lines say.
fn monitor(folder: &Path, more: &str) -> Daemon {
    let lists = match more.contains("lists = ") {
        true => String::new(),
        false => format!("lists = [\"bl.example@{ADDRESS}:{PORT}\"]\n"),
    };
    let config = format!(
        "[server]\ndata-dir = \"data\"\n[monitor]\ntargets = [\"192.0.2.7\", \"192.0.2.8/31\"]\n\
         interval = \"1s\"\ntimeout = \"500ms\"\n{lists}{more}"
    );
    let file = folder.join("monitor.toml");
    fs::write(&file, config).expect("the test's folder is writable");
    let mut watch = Daemon::start(Command::new(REPUTE).arg("monitor").arg("--config").arg(&file));
    watch.wait_for("shown at http://127.0.0.1:9211/");
    watch
}

/// Waits until the metrics have a line that begins so.
fn wait_for_metric(start: &str) {
    while !fetch("/metrics").lines().any(|line| line.starts_with(start)) {
        std::thread::sleep(PAUSE);
    }
}

/// Waits until there were so many rounds of checks.
fn wait_for_rounds(count: u64) {
    let rounds = || {
        let metrics = fetch("/metrics");
        let line = metrics.lines().find_map(|l| l.strip_prefix("repute_monitor_rounds_total "));
        line.and_then(|number| number.parse::<u64>().ok()).expect("rounds are counted")
    };
    while rounds() < count {
        std::thread::sleep(PAUSE);
    }
}

/// Fetches a page of the monitor.
fn fetch(path: &str) -> String {
    get("127.0.0.1:9211", path)
}

/// Waits until Prometheus finds something.
fn ask_prometheus(query: &str, expect: &str) {
    let path = format!("/api/v1/query?query={query}");
    while !get("127.0.0.1:9090", &path).contains(expect) {
        std::thread::sleep(PAUSE);
    }
}

/// Fetches what a web server has.
fn get(server: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(server).expect("the server has pages there");
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers in text");
    let (_, page) = text.split_once("\r\n\r\n").expect("a head and a body");
    page.to_owned()
}

/// Runs a browser without a window until it is done.
fn browse(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new("chromium")
        // The test is root, and alone with the page of its own monitor.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", folder.join("browser").display()))
        .args(["--no-first-run", "--window-size=1280,900"])
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("cannot run chromium: {error}; `./test` installs it"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The blocks of a kind in the manual.
fn blocks(kind: &str) -> Vec<&'static str> {
    let start = format!("```{kind}\n");
    let blocks = MANUAL.split(&*start).skip(1);
    blocks.map(|rest| rest.split("```").next().expect("a block has an end")).collect()
}

/// Between two looks at what a program says of itself: it has its own work to do.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// Where the pages are.
const PAGES: &str = "http://127.0.0.1:9211";
/// The chapter on the monitor.
const MANUAL: &str = include_str!("../../doc/monitor.md");

/// A page that shows another in so many pixels, and tells how many more it would take.
const WRAPPER: &str = r#"<!doctype html><title>nothing</title>
<iframe id="frame" style="width: WIDTHpx; height: 900px; border: 0"></iframe>
<script>
frame.onload = () => {
  const { scrollWidth, clientWidth } = frame.contentDocument.documentElement;
  document.title = `${scrollWidth - clientWidth} more than fit`;
};
frame.srcdoc = PAGE;
</script>
"#;
