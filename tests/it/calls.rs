//! What a link costs the system: one read and one write call serve as many frames as are there.

use std::collections::BTreeSet;

use clubswitch::exchange::Network;
use clubswitch::message::Message;
use tempfile::TempDir;

use super::switch::{self, Switch};

/// Reads and writes of all connections, as the switch counts them.
fn calls(running: &Switch) -> [u64; 2] {
    let page = running.page("/metrics");
    ["reads", "writes"].map(|what| {
        let name = format!("clubswitch_link_{what}_total{{link=\"pos\"}} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&name));
        value
            .unwrap_or_else(|| panic!("no {name} in\n{page}"))
            .parse()
            .unwrap()
    })
}

/// Sends so many echo messages in one write to an idle switch, and gives its reads and writes until all are answered.
fn check(frames: u32) -> [u64; 2] {
    let dir = TempDir::new().unwrap();
    switch::configure(dir.path(), "", "");
    let running = Switch::start(dir.path(), "info");
    let dialect = switch::dialect();
    let mut terminal = switch::terminal(&dialect, "T0000001");
    let mut link = running.connect();
    let mut batch = |count: u32| {
        let mut bytes = Vec::new();
        for _ in 0..count {
            let sent = terminal.network(Network::Echo, switch::now()).unwrap();
            switch::put(&mut bytes, &sent.body);
        }
        bytes
    };
    // A connection is counted from its first frame on.
    link.send_bytes(&batch(1)).unwrap();
    assert_eq!(link.receive().len(), 1);
    let before = calls(&running);
    link.send_bytes(&batch(frames)).unwrap();
    let mut answered = BTreeSet::new();
    while answered.len() < frames as usize {
        let bodies = link.receive();
        assert!(
            !bodies.is_empty(),
            "closed after {} answers",
            answered.len()
        );
        for body in bodies {
            let answer = Message::decode(dialect.spec(), body.into()).unwrap();
            assert_eq!(answer.mti().to_string(), "0810");
            assert_eq!(answer.value(39), Some(&b"00"[..]));
            assert!(answered.insert(answer.digits(dialect.spec(), 11).unwrap()));
        }
    }
    assert_eq!(answered, (2..2 + u64::from(frames)).collect());
    let after = calls(&running);
    running.stop();
    [after[0] - before[0], after[1] - before[1]]
}

#[test]
fn one_read_and_one_write_serve_all_frames_that_are_there() {
    // 200 frames are 13 KB, which a read has room for. A second call is let pass: the kernel may bring them in two pieces.
    let [reads, writes] = check(200);
    assert!((1..=2).contains(&reads), "{reads} reads for 200 frames");
    assert!((1..=2).contains(&writes), "{writes} writes for 200 frames");
}

#[test]
fn one_frame_alone_costs_one_read_and_one_write() {
    assert_eq!(check(1), [1, 1]);
}
