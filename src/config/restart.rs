//! What a running server cannot take over from a changed configuration.
//!
//! Sockets are opened while the process may still be root, and users, folders and logs are set up
//! once; whoever changes these restarts the server. Everything else is taken over by a reload.

use repute_nameserver::{listen, server};

use super::{Config, ProcessConfig, RegistryConfig, UserName};

/// Which sockets systemd opened, so that the configuration does not decide about them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opened {
    /// Those for DNS.
    pub(crate) dns: bool,
    /// The one of the pages.
    pub(crate) pages: bool,
    /// The control socket.
    pub(crate) control: bool,
}

impl Config {
    /// The keys by which this differs from another configuration, and for which a server that runs
    /// by the other must be restarted.
    pub(crate) fn needs_restart(&self, other: &Config, opened: Opened) -> Vec<&'static str> {
        let Config { process, server, .. } = self;
        // All that is in there has a line below: what is added must be decided about.
        let ProcessConfig { user, data_dir, control, log_level, log_format } = &other.process;
        let server::Config { listen, http, control: _, query_log: _ } = &other.server;
        let listen::Config { addresses, tls, workers, receive_buffer, tcp, rate_limit: _ } = listen;
        let name = |user: &Option<UserName>| user.as_ref().map(|name| name.user.clone());
        let group = |user: &Option<UserName>| user.as_ref().and_then(|name| name.group.clone());
        // A place shows no password; whoever changes only that restarts the server by himself.
        let place =
            |registry: &RegistryConfig| registry.is_on.then(|| registry.database.to_string());
        let challenge = match (&self.challenge, &other.challenge) {
            (None, None) => false,
            (Some(own), Some(other)) => own.differs(other),
            (None, Some(_)) | (Some(_), None) => true,
        };
        let own = &server.listen;
        let differs = [
            ("server.listen", !opened.dns && own.addresses != *addresses),
            ("server.listen-tls", own.tls != *tls),
            ("server.tls-certificate", self.certificate != other.certificate),
            ("server.workers", own.workers != *workers),
            ("server.receive-buffer", own.receive_buffer != *receive_buffer),
            ("server.user", name(&process.user) != name(user)),
            ("server.group", group(&process.user) != group(user)),
            ("server.data-dir", process.data_dir != *data_dir),
            ("server.control", !opened.control && process.control != *control),
            ("server.metrics", !opened.pages && server.http.address != http.address),
            ("server.log-level", process.log_level != *log_level),
            ("server.log-format", process.log_format != *log_format),
            ("nameserver.tcp-connections", own.tcp.connections != tcp.connections),
            (
                "nameserver.tcp-connections-per-client",
                own.tcp.connections_per_client != tcp.connections_per_client,
            ),
            (
                "nameserver.tcp-connections-per-network",
                own.tcp.connections_per_network != tcp.connections_per_network,
            ),
            ("challenge", challenge),
            ("portal", self.portal.differs(&other.portal)),
            ("nameserver.tcp-idle", own.tcp.idle != tcp.idle),
            ("follow", self.follow != other.follow),
            ("registry.keep-evidence", self.registry.keep_evidence != other.registry.keep_evidence),
            ("registry.database", place(&self.registry) != place(&other.registry)),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::*;

    /// A configuration with these lines under `[server]` and `[nameserver]`.
    fn config(server: &str, nameserver: &str) -> Config {
        let text = format!("[server]\n{server}\n[nameserver]\n{nameserver}\n");
        Config::parse(&text, Origin::BuiltIn).unwrap()
    }

    #[test]
    fn each_key_that_needs_a_restart_is_named_and_no_other() {
        let before = config("", "");
        let check = |server: &str, nameserver: &str, expect: &[&str]| {
            let found = config(server, nameserver).needs_restart(&before, Opened::default());
            assert_eq!(found, expect, "{server}{nameserver}");
        };
        check("", "", &[]);
        check("listen = [\"127.0.0.1:5301\"]", "", &["server.listen"]);
        let files = "tls-certificate = \"a\"\ntls-key = \"b\"\n";
        check(files, "", &[]);
        let both = ["server.listen-tls", "server.tls-certificate"];
        check(&format!("listen-tls = [\"[::]:853\"]\n{files}"), "", &both);
        check("workers = 7", "", &["server.workers"]);
        check("receive-buffer = \"1MiB\"", "", &["server.receive-buffer"]);
        check("user = \"a\"\ngroup = \"b\"", "", &["server.user", "server.group"]);
        check("data-dir = \"x\"", "", &["server.data-dir", "server.control"]);
        check("control = \"x\"", "", &["server.control"]);
        check("metrics = \"\"", "", &["server.metrics"]);
        check("log-level = \"debug\"", "", &["server.log-level"]);
        check("log-format = \"json\"", "", &["server.log-format"]);
        check("", "tcp-connections = 1", &["nameserver.tcp-connections"]);
        check("", "tcp-connections-per-client = 1", &["nameserver.tcp-connections-per-client"]);
        check("", "tcp-connections-per-network = 1", &["nameserver.tcp-connections-per-network"]);
        check("", "rate-limit.responses-per-second = 1", &[]);
        check("", "tcp-idle = \"1s\"", &["nameserver.tcp-idle"]);
        check("", "cookies = \"off\"\ncookie-secret-file = \"x\"", &[]);
        check("", "version = \"x\"\nacl = \"x\"\nquery-log.queries = \"all\"", &[]);
    }

    #[test]
    fn sockets_of_systemd_are_not_for_the_configuration_to_change() {
        let changed = config("listen = [\"192.0.2.1:53\"]\nmetrics = \"\"\ncontrol = \"x\"", "");
        let opened = Opened { dns: true, pages: true, control: true };
        assert_eq!(changed.needs_restart(&config("", ""), opened), [""; 0]);
    }
}
