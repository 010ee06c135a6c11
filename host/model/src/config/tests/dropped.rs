//! Components that lie in the folder.

use super::{files, read, service, shown, source, valid};
use crate::config::{drop_in_only, parse};
use crate::plan::Plan;

const ORDERS: &str = "version = 1\n[service.orders]\ncomponent = \"./made/../orders-2.wasm\"\n";

fn names(plan: &Plan) -> Vec<(String, bool)> {
    plan.services.iter().map(|service| (service.name.to_string(), service.dropped)).collect()
}

#[test]
fn each_component_in_a_folder_without_a_file_is_a_service() {
    let parsed = drop_in_only(&files(&["users.wasm", "order_items.wasm", "README.md", "wasm", "x.wasm.bak"]));
    assert_eq!(shown(&parsed.problems), Vec::<String>::new());
    let plan = valid(&parsed);
    assert_eq!(names(&plan), [("order-items".to_owned(), true), ("users".to_owned(), true)]);
    let items = service(&plan, "order-items");
    assert_eq!(items.component, "order_items.wasm");
    assert_eq!(items.routes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/order-items/*"]);
    assert_eq!((items.component_span.clone(), items.keyvalue.len(), items.calls.len()), (None, 0, 0));
    assert_eq!((plan.state.as_str(), plan.drop_in), (".hostel", true));
    assert_eq!(
        plan.listeners.iter().map(|listener| listener.address.to_string()).collect::<Vec<_>>(),
        ["127.0.0.1:8080"]
    );
}

#[test]
fn a_file_that_cannot_name_a_service_is_left_out_with_a_warning() {
    let parsed = drop_in_only(&files(&["Users.v2.wasm", "1.wasm", "用户.wasm", ".wasm", "a.wasm"]));
    assert_eq!(names(&valid(&parsed)), [("a".to_owned(), true)]);
    let texts = shown(&parsed.problems);
    assert_eq!(texts.len(), 4, "{texts:#?}");
    assert!(texts.iter().all(|text| text.starts_with("-: warning: ") && text.contains("rename it to")), "{texts:#?}");
    assert!(
        texts.iter().any(|text| text.contains("`Users.v2.wasm`") && text.contains("`users-v2.wasm`")),
        "{texts:#?}"
    );
}

#[test]
fn two_files_for_one_name_are_refused() {
    let parsed = drop_in_only(&files(&["a_b.wasm", "a-b.wasm"]));
    assert!(!parsed.is_valid());
    assert_eq!(
        shown(&parsed.problems),
        [
            "-: `a_b.wasm` would be service `a-b`, which is made of `a-b.wasm`; rename `a_b.wasm` or move it away, name it as the `component`, or write `drop_in = false`"
        ]
    );
}

#[test]
fn a_file_that_a_table_names_is_not_a_service_of_its_own() {
    let text = "version = 1\n[service.shop]\ncomponent = \"./users.wasm\"\n[service.b]\ncomponent = \"b.wasm\"\n";
    let parsed = parse(&source(text), &files(&["users.wasm", "b.wasm", "c.wasm"]));
    let plan = valid(&parsed);
    assert_eq!(names(&plan), [("b".to_owned(), false), ("c".to_owned(), true), ("shop".to_owned(), false)]);
}

#[test]
fn a_file_whose_name_a_table_has_taken_is_refused() {
    let parsed = parse(&source(ORDERS), &files(&["orders.wasm"]));
    assert!(!parsed.is_valid());
    let texts = shown(&parsed.problems);
    assert!(
        matches!(texts.as_slice(), [text] if text.starts_with("3: `orders.wasm` would be service `orders`")),
        "{texts:?}"
    );
}

#[test]
fn a_table_that_lacks_its_component_is_told_so_once() {
    let parsed = parse(&source("version = 1\n[service.orders]\n"), &files(&["orders.wasm"]));
    assert_eq!(
        shown(&parsed.problems),
        ["2: `service.orders.component` is missing; write `component = \"users.wasm\"`"]
    );
}

#[test]
fn files_are_left_alone_without_drop_in() {
    let text = ORDERS.replace("version = 1", "version = 1\ndrop_in = false");
    let parsed = parse(&source(&text), &files(&["orders.wasm", "users.wasm"]));
    assert_eq!(names(&valid(&parsed)), [("orders".to_owned(), false)]);
}

#[test]
fn a_file_may_be_called_and_listened_to_but_not_take_a_route() {
    let text = "version = 1\n[[listener]]\naddress = \"127.0.0.1:1\"\nservices = [\"users\"]\n[service.a]\ncomponent = \"a.wasm\"\ncalls = [\"users\"]\n";
    let parsed = parse(&source(text), &files(&["users.wasm"]));
    assert_eq!(shown(&parsed.problems), Vec::<String>::new());
    assert!(!read(text).is_valid(), "without the file the listener names nobody");

    let text = "version = 1\n[service.a]\ncomponent = \"a.wasm\"\nroutes = [\"/users/*\"]\n";
    let parsed = parse(&source(text), &files(&["users.wasm"]));
    assert_eq!(
        shown(&parsed.problems),
        [
            "4: route `/users/*` of the dropped-in `users.wasm` is the same as `/users/*` of service `a`; give one of them another path, method or host, or remove it"
        ]
    );
}
