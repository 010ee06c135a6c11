//! `[admin]`: where the host is administered.

use std::ops::Range;

use super::listener::socket_address;
use super::problem::Report;
use super::section::Section;
use crate::plan::AdminPlan;

const EXAMPLE: &str = "`[admin]` above `socket = \".hostel/admin.sock\"`";
const SOCKET: &str = "`socket = \".hostel/admin.sock\"`";
const ADDRESS: &str = "`address = \"127.0.0.1:9090\"`";

/// The plan, and where its address is set.
pub(super) fn read(root: &Section<'_>, report: &mut Report<'_>) -> (AdminPlan, Option<Range<usize>>) {
    let Some(section) = root.section("admin", EXAMPLE, report) else {
        return (AdminPlan::default(), None);
    };
    section.expect_only(&["socket", "address"], report);
    let socket = section.text("socket", SOCKET, report).map(|socket| socket.value.to_owned());
    let address = socket_address(&section, "address", ADDRESS, report);
    let (address, span) = address.map(|item| (item.value, item.span)).unzip();
    (AdminPlan { socket, address }, span)
}
