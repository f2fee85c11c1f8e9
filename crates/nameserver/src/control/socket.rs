//! The file of the control socket: made for its owner only, and only where no other server answers.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::ControlError;

/// A bound control socket; its file goes with it.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The socket.
    pub(super) listener: UnixListener,
    /// Its file, unless systemd made it.
    path: Option<PathBuf>,
}

impl Socket {
    /// Binds a socket at `path`, in place of one whose server is gone.
    pub(crate) fn bind(path: &Path) -> Result<Socket, ControlError> {
        let fail = |source| ControlError::Bind { path: path.into(), source };
        match fs::symlink_metadata(path) {
            Ok(file) if !file.file_type().is_socket() => {
                return Err(ControlError::NotASocket { path: path.into() });
            }
            Ok(_) if UnixStream::connect(path).is_ok() => {
                return Err(ControlError::InUse { path: path.into() });
            }
            _ => {}
        }
        // Made aside and renamed: there is never a moment in which others may open it, or in which
        // the path leads nowhere.
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}", std::process::id()));
        let aside = PathBuf::from(aside);
        let _ = fs::remove_file(&aside);
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let bound = socket.and_then(|socket| {
            socket.bind(&socket2::SockAddr::unix(&aside)?)?;
            fs::set_permissions(&aside, fs::Permissions::from_mode(OWNER_ONLY))?;
            // Before this call nobody can connect, whatever the mode was.
            socket.listen(BACKLOG)?;
            fs::rename(&aside, path)?;
            Ok(socket)
        });
        match bound {
            Ok(socket) => Ok(Socket { listener: socket.into(), path: Some(path.into()) }),
            Err(error) => {
                let _ = fs::remove_file(&aside);
                Err(fail(error))
            }
        }
    }

    /// Takes a socket from systemd.
    pub(crate) fn given(listener: UnixListener) -> Socket {
        Socket { listener, path: None }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// Read and write for the owner, nothing for others.
const OWNER_ONLY: u32 = 0o600;
/// Conversations that wait to be accepted.
const BACKLOG: i32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_servers_socket_is_replaced_and_a_live_ones_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        drop(UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        assert!(matches!(Socket::bind(&path), Err(ControlError::InUse { .. })));
        drop(socket);
        assert!(!path.exists() && fs::read_dir(folder.path()).unwrap().next().is_none());
    }

    #[test]
    fn a_file_in_its_place_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(Socket::bind(&path), Err(ControlError::NotASocket { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
