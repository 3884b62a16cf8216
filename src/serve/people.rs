//! Who asks over the admin socket: the person behind the process at its other end.

use std::fs;

use tokio::net::unix::UCred;

use crate::ledger::By;

/// What Linux tells as login of a process that nobody logged in for.
const NOBODY: u32 = u32::MAX;

/// Who runs this process.
pub(super) fn myself() -> By {
    by("self", rustix::process::getuid().as_raw())
}

/// Who runs the process at the other end.
pub(super) fn peer(peer: &UCred) -> By {
    let process = peer.pid().map_or_else(String::new, |pid| pid.to_string());
    by(&process, peer.uid())
}

/// The person of a process. Who logged in says more than whose rights he has taken since, by `sudo`: two operators may share those.
fn by(process: &str, uid: u32) -> By {
    let login = fs::read_to_string(format!("/proc/{process}/loginuid")).ok();
    let login = login.and_then(|text| text.trim().parse().ok());
    let uid = login.filter(|login| *login != NOBODY).unwrap_or(uid);
    let people = fs::read_to_string("/etc/passwd").unwrap_or_default();
    By {
        name: name(&people, uid).unwrap_or_else(|| format!("uid {uid}")),
        uid: Some(uid),
    }
}

/// The name of a user, as `/etc/passwd` has it.
fn name(people: &str, uid: u32) -> Option<String> {
    let rows = people
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let mut found = rows.filter(|row| row.get(2) == Some(&uid.to_string().as_str()));
    found.next().map(|row| row[0].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_of_his_row() {
        let people = "root:x:0:0:root:/root:/bin/sh\nali:x:1001:1001::/home/ali:/bin/sh\nbroken\n";
        assert_eq!(name(people, 1001).as_deref(), Some("ali"));
        assert_eq!(name(people, 1002), None);
    }

    #[test]
    fn whoever_runs_this_is_known() {
        assert!(myself().uid.is_some());
        assert!(!myself().name.is_empty());
    }
}
